# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The index host reaches its own index at the address that the server listens on."""

from __future__ import annotations

import os

import jinja2
import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.airgap.python.plugins.filter import local_url
from ansible_collections.airgap.python.plugins.module_utils._index import _addresses

ROOT = os.path.join(os.path.dirname(__file__), "../../../../..")
CASES = [
    ("0.0.0.0", "http://127.0.0.1:3141"),
    ("*", "http://127.0.0.1:3141"),
    ("::", "http://[::1]:3141"),
    ("[::]", "http://[::1]:3141"),
    ("10.0.0.1", "http://10.0.0.1:3141"),
    ("fd00::1", "http://[fd00::1]:3141"),
    ("index.example", "http://index.example:3141"),
    ("10.0.0.1,127.0.0.1", "http://127.0.0.1:3141"),
    ("10.0.0.1 10.0.0.2", "http://10.0.0.1:3141"),
    (["10.0.0.1", "localhost"], "http://localhost:3141"),
    (["10.0.0.1", "0.0.0.0"], "http://127.0.0.1:3141"),
]


@pytest.mark.parametrize(("hosts", "url"), CASES)
def test_own_host_uses_the_address_that_the_server_listens_on(hosts, url):
    assert local_url.local_url(hosts, "3141") == url


@pytest.mark.parametrize("hosts", ["", [], [""]])
def test_empty_address_is_an_error_that_names_the_variable(hosts):
    with pytest.raises(AnsibleFilterError, match="devpi_host"):
        local_url.local_url(hosts, 3141)


def test_each_address_has_its_url():
    assert _addresses.own_urls(["10.0.0.1", "10.0.0.2", "10.0.0.1"], 80) == ["http://10.0.0.1:80", "http://10.0.0.2:80"]


def test_publish_uses_the_address_that_the_server_listens_on():
    with open(os.path.join(ROOT, "roles/publish/defaults/main.yml"), encoding="utf-8") as stream:
        default = yaml.safe_load(stream)["publish_url"]
    templates = jinja2.Environment()
    templates.filters["airgap.python.local_url"] = local_url.local_url
    for variables, url in (
        ({"devpi_host": "10.0.0.1"}, "http://10.0.0.1:3141"),
        ({"devpi_host": ["10.0.0.1", "10.0.0.2"], "devpi_port": 80}, "http://10.0.0.1:80"),
        ({"devpi_host": "::"}, "http://[::1]:3141"),
        ({}, "http://127.0.0.1:3141"),
    ):
        assert templates.from_string(default).render(variables) == url
