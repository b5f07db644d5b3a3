# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that override the site's pip.conf are reported with their effect, and without secrets."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._clients import _overrides as settings

URL = "http://10.0.0.5:3141/airgap/prod/+simple/"
HTTPS = "https://index.example/airgap/prod/+simple/"


@pytest.mark.parametrize(
    ("text", "effect"),
    [
        ("[global]\nindex-url = https://joe:pw@pypi.example/simple?key=pw\n", "uses https://pypi.example instead of"),
        ("[install]\nindex_url: https://pypi.example/simple\n", "uses https://pypi.example instead of the index"),
        ("[global]\nextra-index-url =\n  %s\n  https://more.example/\n" % URL, "also uses https://more.example, and"),
        ("[global]\nindex-url = http://%s/\n" % ("a" * 300), "uses another place instead of"),
        ("[global]\nindex-url = %s://host/\n" % ("a" * 300), "uses another place instead of"),
        ("[global]\nno-index = yes\n", "uses no index"),
        ("[download]\nfind-links = /wheels\n", "also uses files from other places"),
        ("[global]\nproxy = joe:pw@proxy.example:3128\n", "through the proxy another place"),
        ("[global]\nproxy = http://joe:pw@proxy.example:3128\n", "through the proxy http://proxy.example:3128"),
        ("[global]\ntrusted-host = pypi.example\n", "does not trust 10.0.0.5"),
        ("[global]\nno-binary = :all:\n", "builds from source"),
        ("index-url = x\n", "does not start"),
    ],
)
def test_setting_of_a_pip_conf_that_overrides_the_site_is_reported_by_its_effect(text, effect):
    (found,) = settings.config_effects(text, URL)
    assert effect in found
    assert "pw" not in found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[global]\nindex-url = %s\ntimeout = 60\n" % URL.rstrip("/"),
        "[global]\ntrusted-host = pypi.example 10.0.0.5\nno-index = false\ncert = /etc/x.pem\n",
        "[freeze]\nindex-url = https://pypi.example/\n",
        "[global]\nindex-url =\n",
    ],
)
def test_setting_that_changes_nothing_for_the_index_is_not_reported(text):
    assert settings.config_effects(text, URL) == ()


def test_setting_that_the_sites_file_overrides_is_not_reported_but_a_section_of_a_command_is():
    text = "[global]\nindex-url = https://pypi.example/\n"
    assert settings.config_effects(text, URL, ("index-url",)) == ()
    assert settings.config_effects(text.replace("global", "install"), URL, ("index-url",)) != ()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("http_proxy=http://p:1/\n", {"http_proxy": "http://p:1/"}),
        ("  export A='b c' D=e # f=g\n", {"A": "b c", "D": "e"}),
        ('declare -x http_proxy="http://p:1/"\n', {"http_proxy": "http://p:1/"}),
        ("http_proxy DEFAULT=http://p:1/\n", {"http_proxy": "http://p:1/"}),
        ("# http_proxy=x\nif [ a=b ]; then\necho A=b\nit's A=b\n", {}),
    ],
)
def test_variables_are_read_from_the_files_of_a_login(text, found):
    assert settings.assignments(text) == found


@pytest.mark.parametrize(
    ("variables", "effect"),
    [
        (
            {"http_proxy": "http://joe:pw@p.example:3128"},
            "through the proxy http://p.example:3128 (http_proxy), because no_proxy",
        ),
        ({"HTTP_PROXY": "http://p.example", "no_proxy": "localhost,.corp"}, "(HTTP_PROXY)"),
        ({"all_proxy": "socks5://p.example"}, "socks5://p.example"),
        ({"PIP_INDEX_URL": "https://pypi.example/"}, "uses https://pypi.example instead of the index"),
        ({"PIP_NO_INDEX": "1"}, "uses no index"),
        ({"PIP_CONFIG_FILE": "/dev/null"}, "reads no configuration file"),
    ],
)
def test_variable_that_overrides_the_site_is_reported_by_its_effect(variables, effect):
    (found,) = settings.variable_effects(variables, URL)
    assert effect in found
    assert "pw" not in found


@pytest.mark.parametrize(
    ("variables", "no_proxy"),
    [
        ({"http_proxy": "http://p", "no_proxy": "10.0.0.0/8"}, ""),
        ({"http_proxy": "http://p", "NO_PROXY": "localhost, 10.0.0.5"}, ""),
        ({"http_proxy": "http://p"}, "*"),
        ({"https_proxy": "http://p", "PATH": "/bin", "PIP_TIMEOUT": "3", "REQUESTS_CA_BUNDLE": "/x"}, ""),
    ],
)
def test_variable_that_changes_nothing_for_the_index_is_not_reported(variables, no_proxy):
    assert settings.variable_effects(variables, URL, no_proxy) == ()


def test_with_https_other_variables_matter():
    variables = {
        "http_proxy": "http://p",
        "https_proxy": "http://q",
        "CURL_CA_BUNDLE": "/x",
        "REQUESTS_CA_BUNDLE": "/y",
    }
    assert settings.variable_effects(variables, HTTPS, "example.org") == (
        "reaches the index through the proxy http://q (https_proxy), because no_proxy does not name index.example",
        "uses other certificates (CURL_CA_BUNDLE)",
        "uses other certificates (REQUESTS_CA_BUNDLE)",
    )
    assert settings.variable_effects({"https_proxy": "http://q"}, HTTPS, ".example") == ()


def test_netrc_is_reported_if_it_is_broken_or_has_a_login_for_the_index():
    assert "broken" in settings.netrc_effects(None, URL)[0]
    assert "sends the index a login" in settings.netrc_effects(["10.0.0.5"], URL)[0]
    assert settings.netrc_effects(["github.com"], URL) == ()


def test_many_users_with_the_same_setting_are_in_one_sentence():
    found = [settings.Finding("~/.netrc", "user%d" % number, ("uses no index",)) for number in range(9)]
    assert settings.sentences(found, "/etc/pip.conf") == [
        "~/.netrc of user0, user1, user2 and 6 more overrides /etc/pip.conf: pip uses no index."
    ]
