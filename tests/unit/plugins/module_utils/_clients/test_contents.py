# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that make clients use the index name one index, and nothing in a value breaks them."""

from __future__ import annotations

import configparser

import pytest
from ansible_collections.airgap.python.plugins.module_utils._clients import _contents
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

URL = "https://10.0.0.1/airgap/prod/+simple/"
SITE = _contents.Site(URL, cert="/etc/airgap/ca.pem")
HTTP = _contents.Site("http://10.0.0.1/airgap/prod/+simple/", trusted_host="10.0.0.1")
LIMITED = SITE._replace(constraints=("urllib3<3", 'six!=1.0; python_version < "3.9"'), constraints_path="/etc/c.txt")


def read(text):
    """Return what pip reads in a file."""
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return dict(parser.items("global"))


def test_pip_conf_has_one_index_and_trusts_by_certificate_with_https_and_by_host_with_http():
    assert read(_contents.pip_conf(SITE)) == {
        "index-url": URL,
        "cert": "/etc/airgap/ca.pem",
        "timeout": "15",
        "disable-pip-version-check": "true",
    }
    found = read(_contents.pip_conf(HTTP))
    assert found["trusted-host"] == "10.0.0.1" and "cert" not in found
    assert read(_contents.pip_conf(LIMITED))["constraint"] == "/etc/c.txt"


def test_uv_toml_has_one_index_and_no_python_from_elsewhere():
    text = _contents.uv_toml(SITE)
    assert 'url = "%s"\ndefault = true\n' % URL in text
    assert 'python-downloads = "never"' in text
    assert "system-certs = true" in text
    assert "native-tls = true" in _contents.uv_toml(SITE._replace(uv_native_tls=True))
    assert "certs" not in _contents.uv_toml(HTTP)
    assert "certs" not in _contents.uv_toml(SITE._replace(cert=""))
    assert "system-certs" in _contents.uv_toml(SITE._replace(cert="", in_trust_store=True))
    assert 'constraint-dependencies = ["urllib3<3", "six!=1.0; python_version < \\"3.9\\""]' in _contents.uv_toml(
        LIMITED
    )


@pytest.mark.parametrize("line", ["-r other.txt", "", " six", "six\nurllib3", "--index-url=x"])
def test_constraint_that_is_not_one_requirement_is_refused(line):
    with pytest.raises(AirgapError, match="does not begin with the name of a project"):
        _contents.constraints(SITE._replace(constraints=(line,)))


def test_variables_name_the_systems_certificates_only_if_they_have_the_indexs():
    assert "SSL_CERT_FILE" not in _contents.variables(SITE, "")
    found = _contents.variables(LIMITED, "/etc/ssl/certs/ca-certificates.crt")
    assert found["SSL_CERT_FILE"] == found["REQUESTS_CA_BUNDLE"] == "/etc/ssl/certs/ca-certificates.crt"
    assert found["PIP_INDEX_URL"] == found["UV_DEFAULT_INDEX"] == found["PDM_PYPI_URL"] == URL
    assert found["PIP_CONSTRAINT"] == "/etc/c.txt"
    assert not [name for name in found if "EXTRA" in name]


def test_percent_in_a_value_is_not_a_specifier_of_systemd():
    assert 'DefaultEnvironment="A=b%%20c" "D=e"' in _contents.systemd_conf({"A": "b%20c", "D": "e"})


def test_pypirc_uploads_next_to_the_simple_pages():
    publisher = _contents.Publisher("alice", "ci", "hush", SITE.upload_url)
    parser = configparser.RawConfigParser()
    parser.read_string(_contents.pypirc(publisher))
    assert parser.get("distutils", "index-servers") == "airgap"
    assert dict(parser.items("airgap")) == {
        "repository": "https://10.0.0.1/airgap/prod/",
        "username": "ci",
        "password": "hush",
    }
    assert "ca_cert = /etc/airgap/ca.pem\n" in _contents.pypirc(publisher._replace(cert="/etc/airgap/ca.pem"))
    plain = publisher._replace(url="http://10.0.0.1/airgap/prod/", cert="/etc/airgap/ca.pem")
    assert "ca_cert" not in _contents.pypirc(plain)
    for wrong in ("", "two\nlines", " hush"):
        with pytest.raises(AirgapError) as error:
            _contents.pypirc(publisher._replace(password=wrong))
        assert "hush" not in str(error.value) and "two" not in str(error.value)


def pem(body, width=64):
    """Return a certificate in PEM."""
    lines = [body[place : place + width] for place in range(0, len(body), width)]
    return "-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n" % "\n".join(lines)


def test_certificates_are_compared_without_their_line_ends_and_the_text_around_them():
    one, two = "A" * 100, "B" * 70
    bundle = "# A comment.\n" + pem(one, 76) + "x\n" + pem(two)
    assert sorted(_contents.certificates(bundle).values()) == sorted([pem(one), pem(two)])
    assert _contents.has_certificates(bundle, [pem(one)])
    assert not _contents.has_certificates(pem(two), [pem(one), pem(two)])


@pytest.mark.parametrize("before", ["", "127.0.0.1 localhost\n", "127.0.0.1 localhost\n\n# The end.\n"])
def test_block_in_a_file_of_others_goes_in_once_is_replaced_in_its_place_and_goes_without_a_trace(before):
    first = _contents.with_block(before, ["10.0.0.1 index"])
    assert first == before + "%s\n10.0.0.1 index\n%s\n" % (_contents.BLOCK_START, _contents.BLOCK_END)
    assert _contents.with_block(first, ["10.0.0.1 index"]) == first
    more = first + "10.9.9.9 other\n"
    changed = _contents.with_block(more, ["10.0.0.2 index"])
    assert changed == more.replace("10.0.0.1", "10.0.0.2")
    assert _contents.with_block(changed, []) == before + "10.9.9.9 other\n"
    assert _contents.block(changed).count("\n") == 3 and _contents.block(before) == ""


def test_block_begins_on_a_line_of_its_own_and_one_without_an_end_is_replaced():
    assert _contents.with_block("a", ["b"]).startswith("a\n# Begin")
    assert _contents.with_block("a\n%s\nlost" % _contents.BLOCK_START, ["b"]).count(_contents.BLOCK_START) == 1
