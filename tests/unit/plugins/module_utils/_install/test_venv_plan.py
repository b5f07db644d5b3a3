# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is planned for a virtual environment, before anything is changed."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import _pip_commands, _venv_plan
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import Pin

PATH = "/opt/airgap/base"
PY = _venv_plan.Python((3, 11, 7), "/usr/bin/python3.11")
A = Pin("netaddr", "1.3.0", "a" * 64, "netaddr-1.3.0-py3-none-any.whl", 10)
B = Pin("pyyaml", "6.0.3", "b" * 64, "pyyaml-6.0.3-cp311-cp311-linux_x86_64.whl", 20)
PIP = ("pip", "26.3")


def managed(*installed, recorded=(A, B), python=PY):
    return _venv_plan.Found("managed", recorded, python, installed or (("netaddr", "1.3.0"), ("PyYAML", "6.0.3"), PIP))


def plan(found, pins=(A, B), pip="26.3"):
    return _venv_plan.plan(PATH, found, PY, pins, pip)


def test_an_environment_that_holds_the_lock_needs_nothing():
    result = plan(managed())
    assert not result.changed
    assert result.before == result.after


def test_without_an_environment_everything_is_installed():
    result = plan(_venv_plan.Found("absent"))
    assert (result.create, result.pip, result.install, result.before) == (True, True, ("netaddr", "pyyaml"), ())
    assert result.after == ("netaddr==1.3.0  sha256:" + "a" * 64, "pip==26.3", "pyyaml==6.0.3  sha256:" + "b" * 64)


def test_packages_that_the_lock_does_not_name_are_removed_but_pip_stays():
    result = plan(managed(), pins=(A,))
    assert result == _venv_plan.Plan(remove=("pyyaml",), before=result.before, after=result.after)


def test_another_version_is_changed_and_a_missing_package_installed():
    result = plan(managed(("netaddr", "1.2.0"), PIP))
    assert (result.change, result.install, result.reinstall, result.remove) == (("netaddr",), ("pyyaml",), (), ())


def test_the_same_version_from_another_file_is_reinstalled():
    result = plan(managed(recorded=(A._replace(sha256="c" * 64), B)))
    assert (result.reinstall, result.change, result.install) == (("netaddr",), (), ())


def test_a_package_without_a_recorded_file_is_reinstalled():
    assert plan(managed(recorded=(B,))).reinstall == ("netaddr",)


def test_two_spellings_of_a_version_are_no_change():
    assert not plan(managed(), pins=(A._replace(version="1.3"), B)).changed


def test_another_pip_is_replaced_by_the_wheels_version():
    result = plan(managed(("netaddr", "1.3.0"), ("pyyaml", "6.0.3"), ("pip", "9.0")))
    assert (result.pip, result.remove, result.change) == (True, (), ())


def test_a_lock_that_pins_pip_decides_its_version():
    pinned = Pin("pip", "25.0", "d" * 64, "pip-25.0-py3-none-any.whl", 5)
    result = plan(managed(), pins=(A, B, pinned))
    assert (result.pip, result.change) == (False, ("pip",))


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (managed(recorded=None), "did not complete"),
        (managed(python=None), "no longer runs"),
        (managed(python=_venv_plan.Python((3, 9, 2), "/usr/bin/python3.9")), "3.9 and the host has 3.11 now"),
        (managed(python=_venv_plan.Python((3, 11, 7), "/opt/python/bin/python3.11")), "must use /usr/bin/python3.11"),
        (managed(("netaddr", "1.3.0"), ("", ""), PIP), "damaged"),
        (managed(("netaddr", "1.3.0"), ("netaddr", "1.2.0"), PIP), "damaged"),
    ],
)
def test_an_environment_that_cannot_be_updated_in_place_is_rebuilt(found, reason):
    result = plan(found)
    assert reason in result.rebuild
    assert (result.create, result.pip, result.install, result.remove) == (False, True, ("netaddr", "pyyaml"), ())


def test_a_new_patch_version_of_the_same_python_keeps_the_environment():
    assert not plan(managed(python=_venv_plan.Python((3, 11, 2), "/usr/bin/python3.11"))).changed


@pytest.mark.parametrize("kind", ["venv", "other"])
def test_an_environment_of_something_else_is_never_changed(kind):
    with pytest.raises(AirgapError, match="another path"):
        plan(_venv_plan.Found(kind))


def test_a_password_in_the_index_url_is_in_no_command_line():
    url = "https://user:p%40ss@index.example/+simple/"
    options = _pip_commands.PipOptions(cert="/etc/ca.pem")
    argv = _pip_commands.install_argv(["pip"], options, "/l.txt")
    assert not any("index" in part for part in argv)
    assert _pip_commands.clean_environment({}, url)["PIP_INDEX_URL"] == url


def test_the_hosts_settings_do_not_reach_pip():
    host = {
        "PATH": "/bin",
        "PIP_EXTRA_INDEX_URL": "http://evil",
        "http_proxy": "http://proxy",
        "HTTPS_PROXY": "http://proxy",
        "PYTHONPATH": "/x",
        "PIP_CONFIG_FILE": "/root/pip.conf",
        "LC_ALL": "de_DE",
    }
    assert _pip_commands.clean_environment(host) == {
        "PATH": "/bin",
        "LC_ALL": "C",
        "LANGUAGE": "C",
        "PIP_CONFIG_FILE": "/dev/null",
        "NETRC": "/dev/null",
    }


def test_pip_runs_from_its_wheel_and_requires_hashes_and_wheels():
    options = _pip_commands.PipOptions(True, ("/w",), "/ca.pem", ("h:1",), 7)
    pip = _pip_commands.pip_in_wheel("/v/bin/python", "/p.whl")
    assert _pip_commands.install_argv(pip, options, "/l", reinstall=True) == [
        "/v/bin/python",
        "-I",
        "/p.whl/pip",
        "install",
        "--no-input",
        "--disable-pip-version-check",
        "--progress-bar=off",
        "--no-cache-dir",
        "--only-binary=:all:",
        "--retries=2",
        "--timeout=7",
        "--no-index",
        "--find-links=/w",
        "--cert=/ca.pem",
        "--trusted-host=h:1",
        "--force-reinstall",
        "--no-deps",
        "--require-hashes",
        "-r",
        "/l",
    ]
