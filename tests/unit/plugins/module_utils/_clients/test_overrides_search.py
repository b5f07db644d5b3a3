# SPDX-License-Identifier: GPL-3.0-or-later
"""Every file in which pip finds an overriding setting is checked, and no file can stop the search."""

from __future__ import annotations

import os

import pytest
from ansible_collections.airgap.python.plugins.module_utils._clients import _overrides, _overrides_search

URL = "http://10.0.0.5:3141/airgap/prod/+simple/"
ELSEWHERE = "[global]\nindex-url = https://pypi.example/simple\n"
INSTEAD = ("uses https://pypi.example instead of the index (line 2)",)


@pytest.fixture(name="search")
def search_fixture(tmp_path):
    """Return a function that writes files below a root and returns what is found: path, user and effects."""

    def search(site_config="", environments=(), **files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        found = _overrides_search.Search(_overrides.Ours(URL), site_config, str(tmp_path))
        found.run([str(tmp_path / one) for one in environments])
        return [tuple(one)[:3] for one in found.findings]

    return search


@pytest.mark.parametrize("name", [".config/pip/pip.conf", ".pip/pip.conf"])
def test_configuration_of_a_user_is_found(search, name):
    assert search(**{"home/alice/" + name: ELSEWHERE}) == [("~/" + name, "alice", INSTEAD)]
    assert search(**{"root/" + name: ELSEWHERE})[-1] == ("~/" + name, "root", INSTEAD)


def test_setting_for_everyone_that_the_site_overrides_is_not_found_but_the_others_are(search):
    xdg = "etc/xdg/pip/pip.conf"
    site_config = "[global]\nindex-url = %s\n" % URL
    assert search(site_config, **{xdg: ELSEWHERE}) == []
    assert search(site_config, **{xdg: ELSEWHERE + "no-index = true\n"}) == [
        ("/" + xdg, "", ("uses no index (line 3)",))
    ]


def test_configuration_of_an_environment_is_found(search):
    (found,) = search(environments=["opt/*"], **{"opt/base/pip.conf": ELSEWHERE})
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
def test_proxy_of_a_login_is_found_unless_no_proxy_names_the_index(search, name, user):
    (found,) = search(**{name: "export http_proxy=http://proxy.example:3128\n"})
    assert found[:2] == (("~/" if user else "/etc/") + name.partition("bob/" if user else "etc/")[2], user)
    assert "through the proxy http://proxy.example:3128" in found[2][0]
    assert search(**{"etc/environment": "no_proxy=10.0.0.0/8\n" + "http_proxy=http://proxy.example:3128\n"}) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("etc/cron.d/job", "PIP_NO_INDEX=1\n* * * * * root pip list\n"),
        ("etc/default/app", "PIP_NO_INDEX=1\n"),
        ("etc/sysconfig/app", "PIP_NO_INDEX=1\n"),
        ("etc/systemd/system.conf.d/x.conf", "DefaultEnvironment=PIP_NO_INDEX=1\n"),
        ("etc/systemd/system/app.service.d/x.conf", "Environment=PIP_NO_INDEX=1\n"),
    ],
)
def test_variables_of_cron_and_services_are_found(search, name, text):
    assert search(**{name: text}) == [("/" + name, "", ("uses no index (line 1)",))]


def test_crontab_of_a_user_is_found_with_the_user(search):
    found = search(**{"var/spool/cron/crontabs/bob": "UV_OFFLINE=1\n"})
    assert found == [("/var/spool/cron/crontabs/bob", "bob", ("uses no index (line 1)",))]


def test_configuration_of_uv_is_found(search):
    toml = 'offline = false\nindex-url = "https://pypi.example/simple"\n'
    assert search(**{"home/bob/.config/uv/uv.toml": toml}) == [("~/.config/uv/uv.toml", "bob", INSTEAD)]
    assert ("/etc/xdg/uv/uv.toml", "", INSTEAD) in search(**{"etc/xdg/uv/uv.toml": toml})


@pytest.mark.parametrize(
    "place", ["home/bob/.venv", "home/bob/work/venv", "home/bob/.virtualenvs/x", "opt/app", "srv/a/b"]
)
def test_configuration_of_an_environment_of_anyone_is_found_and_a_folder_that_is_not_one_is_left_out(search, place):
    files = {place + "/pip.conf": ELSEWHERE}
    assert search(**files) == []
    ((path, user, effects),) = search(**files, **{place + "/pyvenv.cfg": ""})
    own = place.startswith("home/bob/")
    assert (path, user, effects) == (
        place.replace("home/bob", "~") + "/pip.conf" if own else "/" + place + "/pip.conf",
        "bob" if own else "",
        INSTEAD,
    )


def test_broken_netrc_is_found_and_one_with_a_login_for_the_index(search):
    (found,) = search(**{"home/bob/.netrc": "machine\n"})
    assert (found[:2], "broken" in found[2][0]) == (("~/.netrc", "bob"), True)
    (found,) = search(**{"home/bob/.netrc": "machine 10.0.0.5 login bob password hush\n"})
    assert "sends the index a login" in found[2][0]
    assert "hush" not in str(found)
    assert search(**{"home/bob/.netrc": "machine github.com login bob password hush\n"}) == []


def test_pipe_device_and_huge_file_of_a_user_do_not_stop_the_search(search, tmp_path):
    home = tmp_path / "home/eve"
    (home / ".config/pip").mkdir(parents=True)
    os.mkfifo(str(home / ".netrc"))
    (home / ".profile").symlink_to("/dev/zero")
    (home / ".config/pip/pip.conf").write_text(ELSEWHERE + "#" * (1 << 21))
    assert search() == []


def test_pipe_is_not_even_opened(search, monkeypatch, tmp_path):
    opened, real = [], os.open

    def record(path, flags, *more, **options):
        opened.append((path, flags))
        return real(path, flags, *more, **options)

    home = tmp_path / "home/eve"
    home.mkdir(parents=True)
    os.mkfifo(str(home / ".netrc"))
    monkeypatch.setattr(os, "open", record)
    assert search() == []
    seen = [flags for path, flags in opened if str(path).endswith("eve/.netrc")]
    assert seen and all(flags & os.O_PATH for flags in seen)
    assert not [path for path, flags in opened if str(path).startswith("/proc/self/fd/")]


def test_control_characters_and_templates_in_a_name_are_made_harmless():
    assert _overrides_search.safe("a\x1b[2J{{ b }}{% c") == "a\\x1b[2J(" + "{ b }}(% c"
