# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a host reaches the index, for what sites set."""

from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.airgap.python.plugins.filter.index_access import index_access
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _index_access

NAME = "airgap-index.internal"
ONE = {"one": {"ansible_host": "10.0.0.1"}}
TWO = {**ONE, "two": {"ansible_host": "10.0.0.2"}}
NAMED: t.Dict[str, t.Dict[str, str]] = {"idx.example.org": {}}


def access(index_hosts, host="node", **asked):
    """Return how a host reaches the index with the defaults of the role and some settings."""
    defaults = {
        "clients": ["pip", "uv", "ca", "hosts"],
        "index_url": "",
        "index_address": "",
        "index_addresses": [],
        "index_name": NAME,
        "trusted_host": "auto",
        "ca": "auto",
        "cert": "auto",
        "own_cert": "/etc/airgap/ca.pem",
        "path": "/etc/pip.conf",
        "connection": "ssh",
        "airgap_index_kind": "devpi",
        "airgap_index_name": "airgap/prod",
    }
    return _index_access.work_out({**defaults, **asked}, host, index_hosts)


@pytest.mark.parametrize(
    ("index_hosts", "asked", "url"),
    [
        (ONE, {}, "https://%s/airgap/prod/+simple/" % NAME),
        (TWO, {}, "https://%s/airgap/prod/+simple/" % NAME),
        (NAMED, {}, "https://idx.example.org/airgap/prod/+simple/"),
        (ONE, {"airgap_index_name": "airgap/dev"}, "https://%s/airgap/dev/+simple/" % NAME),
        (ONE, {"clients": ["pip", "ca"]}, "https://10.0.0.1/airgap/prod/+simple/"),
        (ONE, {"index_address": "10.0.0.9"}, "https://10.0.0.9/airgap/prod/+simple/"),
        (ONE, {"index_addresses": ["fd00::1"], "clients": ["pip"]}, "https://[fd00::1]/airgap/prod/+simple/"),
        (ONE, {"index_url": "https://pypi.example/simple/"}, "https://pypi.example/simple/"),
        ({"one": {"ansible_host": "10.0.0.1", "front_tls": "no"}}, {}, "http://10.0.0.1/airgap/prod/+simple/"),
        (
            {"one": {"ansible_host": "10.0.0.1", "front_port": "8443"}},
            {},
            "https://%s:8443/airgap/prod/+simple/" % NAME,
        ),
        (
            {"one": {"ansible_host": "10.0.0.1", "front_state": "absent"}},
            {},
            "http://10.0.0.1:3141/airgap/prod/+simple/",
        ),
        ({"one": {"ansible_host": "10.0.0.1", "front_certificate": "/c"}}, {}, "https://10.0.0.1/airgap/prod/+simple/"),
    ],
)
def test_url_follows_the_index_host_unless_the_site_sets_it(index_hosts, asked, url):
    found = access(index_hosts, **asked)
    assert (found.url, found.problem) == (url, "")


def test_ca_of_the_front_is_carried_unless_the_site_says_otherwise():
    found = access(ONE)
    assert (found.ca, found.cert, found.carries_ca) == ("/etc/airgap-front/ca.pem", "/etc/airgap/ca.pem", True)
    assert found.trusted_host == ""
    for asked, expected in (
        ({"index_url": "https://pypi.example/simple/"}, ("", "", False)),
        ({"ca": ""}, ("", "", False)),
        ({"clients": ["pip", "hosts"]}, ("/etc/airgap-front/ca.pem", "", False)),
        ({"clients": ["pip", "trust_store"]}, ("/etc/airgap-front/ca.pem", "", True)),
        ({"cert": "/etc/site.pem"}, ("/etc/airgap-front/ca.pem", "/etc/site.pem", False)),
        ({"ca": "/etc/our.pem"}, ("/etc/our.pem", "/etc/airgap/ca.pem", True)),
    ):
        found = access(ONE, **asked)
        assert (found.ca, found.cert, found.carries_ca) == expected, asked
    given = {"ansible_host": "i.example", "front_certificate": "/c"}
    assert access({"one": given}).ca == ""
    assert access({"one": {**given, "front_ca_certificate": "/ca"}}).ca == "/etc/airgap-front/ca.pem"


def test_host_of_an_http_url_is_trusted_and_no_other():
    url = "http://10.0.0.1:3141/airgap/prod/+simple/"
    assert access(ONE, index_url=url).trusted_host == "10.0.0.1"
    assert access(ONE, index_url=url, trusted_host="").trusted_host == ""
    assert access(ONE, trusted_host="other").trusted_host == "other"


def test_hosts_differ_in_the_first_address_and_each_keeps_its_order():
    orders = [tuple(access(TWO, host).hosts) for host in ("n1", "n2", "n3")]
    assert all(sorted(order) == ["10.0.0.1 " + NAME, "10.0.0.2 " + NAME] for order in orders)
    assert len(set(orders)) == 2
    assert orders == [tuple(access(TWO, host).hosts) for host in ("n1", "n2", "n3")]
    assert access(TWO, index_address="balancer.example").hosts == []
    assert access(TWO, clients=["pip"]).hosts == []


@pytest.mark.parametrize(
    ("index_hosts", "asked", "problem"),
    [
        ({}, {}, "no host in the group airgap_index"),
        (ONE, {"airgap_index_kind": "folder"}, "the site says where node finds the index"),
        (ONE, {"index_url": "pypi.example/simple"}, "must begin with"),
        (ONE, {"index_url": "https:///simple/"}, "must begin with"),
        (ONE, {"index_url": "file://host/mnt"}, "must begin with"),
        (ONE, {"index_url": "file:///"}, "must begin with"),
        (ONE, {"index_url": "https://[fd00::1/simple/"}, "must begin with"),
        (ONE, {"index_url": "ftp://pypi.example/simple/"}, "must begin with"),
        (ONE, {"index_addresses": ["127.0.0.1"]}, "which is node itself"),
        ({"one": {"ansible_host": "localhost"}}, {}, "nodes reach one"),
        (TWO, {"index_addresses": ["10.0.0.1", "index2.example.org"]}, "index2.example.org are not all IP addresses"),
        (TWO, {"index_addresses": ["10.0.0.1", "127.0.0.1"]}, "are not all IP addresses"),
    ],
)
def test_each_problem_is_named(index_hosts, asked, problem):
    assert problem in access(index_hosts, **asked).problem


def test_password_in_the_url_is_refused_and_not_returned():
    found = access(ONE, index_url="https://user:secret@pypi.example/simple/")
    assert "every user of the host can read /etc/pip.conf" in found.problem
    assert "secret" not in repr(found)


def test_index_host_may_use_its_own_address_also_under_another_name():
    local = {"one": {"ansible_host": "127.0.0.1", "ansible_connection": "local"}}
    assert access(local, "one").problem == ""
    assert access(local, "node", connection="local").problem == ""
    assert access(local, "node").problem


def test_folder_needs_no_host_and_loopback_there_means_nothing():
    found = access({"one": {"ansible_host": "127.0.0.1"}}, index_url="file:///mnt/python/", airgap_index_kind="folder")
    assert (found.scheme, found.problem, found.is_loopback) == ("file", "", False)


def test_lists_may_be_texts_with_commas_as_in_extra_variables():
    assert access(ONE, clients="pip,ca,hosts") == access(ONE, clients=["pip", "ca", "hosts"])
    assert access(ONE, index_addresses="10.0.0.8,10.0.0.9") == access(ONE, index_addresses=["10.0.0.8", "10.0.0.9"])


def test_port_that_is_not_a_number_is_named():
    with pytest.raises(AirgapError, match="front_port of the index host is 'https'"):
        access({"one": {"front_port": "https"}})


def test_kind_that_there_is_not_is_an_error_of_the_filter():
    asked = {"clients": [], "airgap_index_kind": "nexus"}
    with pytest.raises(AnsibleFilterError, match="must be one of devpi"):
        index_access(asked, "node", ["one"], {"one": {}})
