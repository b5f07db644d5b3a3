# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that override the site's pip.conf are reported with their effect, and without secrets."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._clients import _overrides as settings

URL = "http://10.0.0.5:3141/airgap/prod/+simple/"
HTTPS = "https://index.example/airgap/prod/+simple/"
OURS = settings.Ours(URL)
SECURE = settings.Ours(HTTPS, ("/etc/airgap/ca.pem",))


def config(text, overridden=()):
    """Return the effects of a pip.conf in words."""
    return tuple(one.text for one in settings.config_effects(text, OURS, overridden))


def variable(values, no_proxy="", ours=OURS):
    """Return the effects of variables in words, each after its client."""
    found = {name: settings.Setting(value, 7) for name, value in values.items()}
    return tuple("%s %s" % (one.client, one.text) for one in settings.variable_effects(found, ours, no_proxy))


def uv(text, ours=SECURE):
    """Return the effects of a uv.toml: line and words."""
    return [(one.line, one.text) for one in settings.uv_toml_effects(text, ours)]


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
    (found,) = config(text)
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
    assert config(text) == ()


def test_setting_that_the_sites_file_overrides_is_not_reported_but_a_section_of_a_command_is():
    text = "[global]\nindex-url = https://pypi.example/\n"
    assert config(text, ("index-url",)) == ()
    assert config(text.replace("global", "install"), ("index-url",)) != ()


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
    assert {name: one.value for name, one in settings.assignments(text).items()} == found


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
    (found,) = variable(variables)
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
    assert variable(variables, no_proxy) == ()


def test_with_https_other_variables_matter():
    variables = {
        "http_proxy": "http://p",
        "https_proxy": "http://q",
        "CURL_CA_BUNDLE": "/x",
        "REQUESTS_CA_BUNDLE": "/y",
    }
    assert variable(variables, "example.org", SECURE) == (
        "pip reaches the index through the proxy http://q (https_proxy), because no_proxy does not name index.example",
        "pip uses other certificates (CURL_CA_BUNDLE)",
        "pip uses other certificates (REQUESTS_CA_BUNDLE)",
    )
    assert variable({"https_proxy": "http://q"}, ".example", SECURE) == ()


def test_netrc_is_reported_if_it_is_broken_or_has_a_login_for_the_index():
    assert "broken" in settings.netrc_effects(None, URL)[0].text
    assert "sends the index a login" in settings.netrc_effects(["10.0.0.5"], URL)[0].text
    assert settings.netrc_effects(["github.com"], URL) == ()


def test_many_users_with_the_same_setting_are_in_one_sentence():
    found = [settings.Finding("~/.netrc", "user%d" % number, ("uses no index",)) for number in range(9)]
    files = {"pip": "/etc/pip.conf"}
    said = ["~/.netrc of user0, user1, user2 and 6 more overrides /etc/pip.conf: pip uses no index."]
    assert settings.sentences(found, files) == said
    # A client that the site does not configure is not spoken of.
    assert settings.sentences([*found, settings.Finding("/x", "", ("uses no index",), "uv")], files) == said


def test_each_effect_is_named_with_its_line_and_each_client_with_its_file():
    text = "[global]\n# A comment.\ntimeout = 3\nno_index: true\n[install]\nindex-url = https://joe:pw@pypi.example/\n"
    (found,) = settings.findings("~/pip.conf", "ann", settings.config_effects(text, OURS))
    assert found.effects == ("uses no index (line 4)", "uses https://pypi.example instead of the index (line 6)")
    variables = settings.assignments("A=b\nexport PIP_NO_INDEX=1\nUV_DEFAULT_INDEX=https://pypi.example/simple\n")
    several = settings.findings("/etc/environment", "", settings.variable_effects(variables, OURS))
    assert settings.sentences(several, {"pip": "/etc/pip.conf", "uv": "/etc/uv/uv.toml"}) == [
        "/etc/environment overrides /etc/pip.conf: pip uses no index (line 2).",
        "/etc/environment overrides /etc/uv/uv.toml: uv uses https://pypi.example instead of the index (line 3).",
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            '[[index]]\nname = "x"\nurl = "https://j:pw@a.example/"\ndefault = true\n',
            [(3, "uses https://a.example instead of the index")],
        ),
        ('[[index]]\nurl = "https://a.example/"\n', [(2, "also uses https://a.example, and before the index")]),
        ('[[index]]\nurl = "https://a.example/"\nexplicit = true\n', []),
        ('[[index]]\nurl = "%s"\ndefault = true\n' % HTTPS, []),
        ("index-url = 'https://a.example/'\n", [(1, "uses https://a.example instead of the index")]),
        (
            '[pip]\nextra-index-url = [\n  "%s",\n  "https://a.example/",\n]\n' % HTTPS,
            [(2, "also uses https://a.example, and before the index")],
        ),
        ("offline = true # x\nno-index = false\n", [(1, "uses no index")]),
        ("# a\n\nsystem-certs = false\n", [(3, "does not use the system's certificates (system-certs)")]),
        ('[tool]\nindex-url = "https://a.example/"\n', []),
        ("system-certs = true\n[[index]\n= x\n", []),
    ],
)
def test_setting_of_a_uv_toml_is_reported_by_its_line_and_effect(text, found):
    assert uv(text) == found
    assert "pw" not in str(uv(text))


@pytest.mark.parametrize(
    ("name", "value", "effect"),
    [
        ("UV_DEFAULT_INDEX", "https://j:pw@a.example/", "uv uses https://a.example instead of the index"),
        ("UV_DEFAULT_INDEX", "ours=" + HTTPS, ""),
        ("UV_INDEX_URL", "https://a.example/", "uv uses https://a.example instead of the index"),
        ("UV_INDEX", "more=https://a.example/ %s" % HTTPS, "uv also uses https://a.example, and before the index"),
        ("UV_OFFLINE", "1", "uv uses no index"),
        ("UV_NO_CONFIG", "true", "uv reads no configuration file, and does not use the site's index"),
        ("UV_CONFIG_FILE", "/home/j/uv.toml", "uv reads another configuration file instead of /etc/uv/uv.toml"),
        ("UV_CONFIG_FILE", "/etc/uv/uv.toml", ""),
        ("UV_SYSTEM_CERTS", "0", "uv does not use the system's certificates (system-certs)"),
        ("SSL_CERT_FILE", "/x.pem", "uv uses other certificates (SSL_CERT_FILE)"),
        ("SSL_CERT_FILE", "/etc/airgap/ca.pem", ""),
        ("PIP_CERT", "/etc/airgap/ca.pem", ""),
        ("UV_CACHE_DIR", "/x", ""),
    ],
)
def test_variable_of_uv_is_reported_by_its_effect_and_the_sites_own_are_not(name, value, effect):
    assert variable({name: value}, ours=SECURE) == ((effect,) if effect else ())


def test_variables_of_systemd_are_read_from_units_and_its_configuration():
    text = '[Manager]\nDefaultEnvironment="PIP_INDEX_URL=https://a/%%20b" UV_OFFLINE=1\n#Environment=A=b\nEnvironment=C=d\nEnvironment=\n'
    found = settings.systemd_assignments(text)
    assert {name: tuple(one) for name, one in found.items()} == {
        "PIP_INDEX_URL": ("https://a/%20b", 2),
        "UV_OFFLINE": ("1", 2),
        "C": ("d", 4),
    }
