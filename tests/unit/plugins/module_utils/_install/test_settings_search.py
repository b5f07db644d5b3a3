# SPDX-License-Identifier: GPL-3.0-or-later
"""Every place is looked at where pip would find a setting that wins, and nothing there holds the look up."""

from __future__ import annotations

import os

import pytest
from ansible_collections.airgap.python.plugins.module_utils._install import _settings_search as module

URL = "http://10.0.0.5:3141/airgap/prod/+simple/"
ELSEWHERE = "[global]\nindex-url = https://pypi.example/simple\n"
INSTEAD = ("asks https://pypi.example in place of the index",)


@pytest.fixture(name="look")
def look_fixture(tmp_path):
    """Return a function that writes files below a root and returns what is found: path, user and effects."""

    def look(ours="", environments=(), **files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        host = module.Host(URL, ours, str(tmp_path))
        host.look([str(tmp_path / one) for one in environments])
        return [tuple(one) for one in host.findings]

    look.root = tmp_path
    return look


@pytest.mark.parametrize("name", [".config/pip/pip.conf", ".pip/pip.conf"])
def test_configuration_of_a_user_is_found(look, name):
    assert look(**{"home/alice/" + name: ELSEWHERE}) == [("~/" + name, "alice", INSTEAD)]
    assert look(**{"root/" + name: ELSEWHERE})[-1] == ("~/" + name, "root", INSTEAD)


def test_configuration_for_everyone_that_ours_outranks_is_not_found_but_the_rest_of_it_is(look):
    xdg = "etc/xdg/pip/pip.conf"
    ours = "[global]\nindex-url = %s\n" % URL
    assert look(ours, **{xdg: ELSEWHERE}) == []
    assert look(ours, **{xdg: ELSEWHERE + "no-index = true\n"}) == [("/" + xdg, "", ("asks no index",))]


def test_configuration_of_an_environment_is_found(look):
    (found,) = look(environments=["opt/*"], **{"opt/base/pip.conf": ELSEWHERE})
    assert found[0].endswith("/opt/base/pip.conf")


@pytest.mark.parametrize(
    ("name", "user"),
    [
        ("etc/environment", ""),
        ("etc/profile.d/proxy.sh", ""),
        ("home/bob/.bashrc", "bob"),
        ("home/bob/.profile", "bob"),
    ],
)
def test_proxy_of_a_login_is_found_unless_no_proxy_names_the_index(look, name, user):
    (found,) = look(**{name: "export http_proxy=http://proxy.example:3128\n"})
    assert found[:2] == (("~/" if user else "/etc/") + name.partition("bob/" if user else "etc/")[2], user)
    assert "through the proxy http://proxy.example:3128" in found[2][0]
    assert look(**{"etc/environment": "no_proxy=10.0.0.0/8\n" + "http_proxy=http://proxy.example:3128\n"}) == []


def test_broken_netrc_is_found_and_one_with_a_login_for_the_index(look):
    (found,) = look(**{"home/bob/.netrc": "machine\n"})
    assert (found[:2], "broken" in found[2][0]) == (("~/.netrc", "bob"), True)
    (found,) = look(**{"home/bob/.netrc": "machine 10.0.0.5 login bob password hush\n"})
    assert "sends the index a login" in found[2][0]
    assert "hush" not in str(found)
    assert look(**{"home/bob/.netrc": "machine github.com login bob password hush\n"}) == []


def test_pipe_device_and_huge_file_of_a_user_hold_nothing_up(look):
    home = look.root / "home/eve"
    (home / ".config/pip").mkdir(parents=True)
    os.mkfifo(str(home / ".netrc"))
    (home / ".profile").symlink_to("/dev/zero")
    (home / ".config/pip/pip.conf").write_text(ELSEWHERE + "#" * (1 << 21))
    assert look() == []


def test_what_is_no_file_is_not_even_opened(look, monkeypatch):
    opened, real = [], os.open

    def noting(path, flags, *more, **options):
        opened.append((path, flags))
        return real(path, flags, *more, **options)

    home = look.root / "home/eve"
    home.mkdir(parents=True)
    os.mkfifo(str(home / ".netrc"))
    monkeypatch.setattr(os, "open", noting)
    assert look() == []
    asked = [flags for path, flags in opened if str(path).endswith("eve/.netrc")]
    assert asked and all(flags & os.O_PATH for flags in asked)
    assert not [path for path, flags in opened if str(path).startswith("/proc/self/fd/")]


def test_name_that_would_act_on_a_terminal_or_a_template_is_only_shown():
    assert module.plain("a\x1b[2J{{ b }}{% c") == "a\\x1b[2J(" + "{ b }}(% c"
