# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What bandersnatch may mirror, from where, and what it leaves out."""

from __future__ import annotations

import configparser

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._resolve import _mirror_config
from ansible_collections.airgap.python.plugins.module_utils._target import _target_parser
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import Pin

SETTINGS = _mirror_config.Settings("https://index.example", "", "15", 8)


def target(**options):
    """Return a target."""
    return _target_parser.parse(dict({"name": "one", "python": "3.11.2", "libc": "glibc-2.36"}, **options))[0]


def excluded(*targets):
    """Return what is excluded for targets."""
    return _mirror_config.excluded_platforms(targets)


def read(text):
    """Return a configuration as bandersnatch reads it."""
    parser = configparser.ConfigParser(delimiters="=")
    parser.read_string(text)
    return parser


def test_allowlist_has_each_version_of_each_lock_once_and_is_never_empty():
    pins = [Pin("b", "2.0", "0" * 64, "x", 1), Pin("a", "1.0", "0" * 64, "y", 1), Pin("b", "1.0", "0" * 64, "z", 1)]
    assert _mirror_config.allowlist(pins + pins) == ["a==1.0", "b==1.0", "b==2.0"]
    assert _mirror_config.projects(["a==1.0", "b==1.0", "b==2.0"]) == ["a", "b"]
    with pytest.raises(AirgapError, match="There is nothing to mirror"):
        _mirror_config.allowlist([])


def test_platforms_and_newer_pythons_that_no_target_has_are_excluded():
    found = excluded(target())
    assert {"windows", "macos", "freebsd", "manylinux2014_aarch64", "manylinux1_i686"} <= set(found)
    assert "linux" not in found and "manylinux2014_x86_64" not in found
    assert [one for one in found if one.startswith("py")] == ["py3.12", "py3.13", "py3.14"]
    assert [one for one in excluded(target(), target(python="3.9.2")) if one.startswith("py")] == [
        "py3.12",
        "py3.13",
        "py3.14",
    ]


def test_what_any_target_needs_is_not_excluded():
    found = excluded(target(), target(os="windows", libc=""), target(os="macos", libc="", arch="aarch64"))
    assert not {"windows", "macos", "win_amd64"} & set(found)
    assert {"win_arm64", "-win32"} <= set(found)
    assert "linux" in excluded(target(os="windows", libc=""))
    # One name is part of the other, and bandersnatch looks for it anywhere in the name of a file.
    assert "manylinux2014_ppc64" not in excluded(target(arch="ppc64le"))
    assert "manylinux2014_ppc64" in excluded(target())


def test_wheel_for_several_platforms_is_not_excluded_by_one_of_them():
    name = "uv-1.0-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.musllinux_1_1_x86_64.whl"
    assert "musllinux" in excluded(target())
    assert "musllinux" not in excluded(target(libc="musl-1.2"))
    assert "musllinux" not in _mirror_config.excluded_platforms([target()], ["other.whl", name])


@pytest.mark.parametrize(
    ("index", "upstream"),
    [
        ("", ""),
        ("https://index.example/simple/", "https://index.example"),
        ("https://index.example/root/simple", "https://index.example/root"),
    ],
)
def test_upstream_is_the_server_of_the_index(index, upstream):
    assert _mirror_config.upstream_of(index) == upstream


def test_upstream_that_does_not_follow_from_the_index_is_named_without_its_password():
    with pytest.raises(AirgapError, match="stage_mirror_upstream") as error:
        _mirror_config.upstream_of("https://user:secret-word@index.example/prod/+simple/")
    assert "https://index.example/prod/+simple/" in str(error.value) and "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("upstream", "setting", "proxy"),
    [
        ("https://index.example", "http://set", "http://set"),
        ("https://index.example", "", "http://tls"),
        ("http://index.example", "", "http://plain"),
        ("https://near.example", "", ""),
        ("", "", "http://tls"),
    ],
)
def test_proxy_is_the_one_that_pip_would_use(upstream, setting, proxy):
    found = {"https": "http://tls", "http": "http://plain"}
    assert _mirror_config.choose_proxy(upstream, setting, found, lambda host: host == "near.example") == proxy


def test_configuration_names_what_is_allowed_and_nothing_else():
    found = read(_mirror_config.render("/srv/mirror", SETTINGS, ["a==1.0", "b==2.0"], ["windows"]))
    assert found["mirror"]["master"] == "https://index.example"
    assert "allow-non-https" not in found["mirror"]
    assert found["allowlist"]["packages"].split() == ["a==1.0", "b==2.0"]
    assert found["blocklist"]["platforms"].split() == ["windows"]
    assert found["plugins"]["enabled"].split() == ["allowlist_project", "allowlist_release", "exclude_platform"]


def test_configuration_keeps_percent_signs_and_the_limits_of_bandersnatch():
    settings = _mirror_config.Settings("http://u:a%20b@index.example", "http://p%40q@proxy", "", 40)
    found = read(_mirror_config.render("/srv/mirror", settings, ["a==1.0"], ["windows"]))["mirror"]
    assert found["master"] == settings.upstream and found["proxy"] == settings.proxy
    assert found["workers"] == "10" and found["allow-non-https"] == "true" and "timeout" not in found
    with pytest.raises(AirgapError, match="line break"):
        _mirror_config.render("/srv/m\n[plugins]", SETTINGS, ["a==1.0"], ["windows"])


def test_without_an_index_bandersnatch_uses_its_own_default():
    text = _mirror_config.render("/srv/mirror", SETTINGS._replace(upstream=""), ["a==1.0"], ["windows"])
    assert "master" not in read(text)["mirror"]
