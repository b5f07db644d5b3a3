# SPDX-License-Identifier: GPL-3.0-or-later
"""The handout has one command for each system, names one index, and shows untrusted text safely."""

from __future__ import annotations

import base64
import hashlib
import re
import urllib.parse

import pytest
from ansible_collections.airgap.python.plugins.module_utils._clients import _contents, _handout
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._report import _page_html
from ansible_collections.airgap.python.plugins.plugin_utils import _page_files

URL = "https://index.example:8443/airgap/prod/+simple/"
SITE = _contents.Site(URL)
DER = b"a certificate " * 20
CA = "-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n" % base64.encodebytes(DER).decode().strip()


def render(site=SITE, ca=CA, hosts=()):
    """Return the page as HTML."""
    files = map(_page_files.read, (_page_files.HANDOUT, _page_files.STYLE))
    return _page_html.render(_handout.page(site, ca, hosts), *files)


def test_files_name_one_index_and_the_certificate_at_its_place_on_each_system():
    files = _handout.files(SITE, CA)
    (crt,) = [name for name in files if name.endswith(".crt")]
    assert sorted(files) == sorted(["pip.ini", "pip.conf", "uv.toml", "ca.pem", crt])
    assert "cert = C:\\ProgramData\\airgap\\ca.pem\n" in files["pip.ini"]
    assert "cert = /etc/airgap/ca.pem\n" in files["pip.conf"]
    assert "system-certs = true" in files["uv.toml"]
    for name in ("pip.ini", "pip.conf", "uv.toml"):
        assert re.findall(r"https?://[^\s\"]+", files[name].split("\n", 1)[1]) == [URL]
        assert "Ansible" not in files[name]
    assert "cert" not in "".join(_handout.files(SITE, "").values())


def test_page_has_a_command_for_each_system_that_copies_every_file_and_one_that_removes_it():
    page = _handout.page(SITE._replace(constraints=("six<2",)), CA)
    assert [one.name for one in page.systems] == ["Windows", "macOS", "Linux"]
    for system in page.systems:
        assert "\n" not in system.command
        for name in ("ca.pem", "uv.toml", "constraints.txt", "pip.ini" if system.name == "Windows" else "pip.conf"):
            place = dict(system.places)[name]
            assert name in system.command and place.rpartition("\\")[2].rpartition("/")[2] in system.undo


def test_page_loads_nothing_and_contains_every_file_and_the_fingerprint():
    html = render()
    assert "default-src 'none'" in html and "<script" not in html
    assert not re.findall(r"(?:src|href)=\"(?!#|data:)[^\"]*", html)
    links = re.findall(r'href="data:application/octet-stream,([^"]*)" download="([^"]*)"', html)
    assert {name: urllib.parse.unquote(text) for text, name in links} == _handout.files(SITE, CA)
    digest = hashlib.sha256(DER).hexdigest().upper()
    assert ":".join(digest[place : place + 2] for place in range(0, 64, 2)) in html
    assert "hosts of your computer" not in html
    assert "10.0.0.1 airgap-index.internal" in render(hosts=["10.0.0.1 airgap-index.internal"])


def test_markup_in_a_setting_is_text_on_the_page():
    html = render(SITE._replace(url="https://index.example/<b>/+simple/", constraints=("six<2",)))
    assert "<b>/+simple" not in html and "&lt;b&gt;" in html and "six&lt;2" in html


@pytest.mark.parametrize("ca", ["no certificate", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"])
def test_ca_that_is_not_a_certificate_is_refused(ca):
    with pytest.raises(AirgapError, match=r"not a certificate in PEM. Correct pip_conf_ca\."):
        _handout.page(SITE, ca)
