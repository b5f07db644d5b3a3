# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""packaging is found: the host's own, that of its pip, or that in a wheel of pip in the pool."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile

import packaging
import pytest
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_file
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock, _packaging, _pip_wheels

RUN = """
import sys
sys.path.insert(0, {collections!r})
from ansible_collections.airgap.python.plugins.module_utils._wheels import _packaging
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
try:
    found = _packaging.load(sys.argv[1:])
except AirgapError as error:
    print("none", error)
else:
    assert found.requirement("a[b]>=1; python_version < '3'").marker.evaluate({{"python_version": "2.7"}})
    print(found.version, found.source)
    assert not set(sys.argv[1:]) & set(sys.path)
"""


def pip_wheel(folder, version="26.0", inside="26.3", python=">=3.8"):
    """Make a wheel of a pip that contains this interpreter's packaging under another version."""
    path = str(folder / ("pip-%s-py3-none-any.whl" % version))
    home = os.path.dirname(packaging.__file__)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("pip/__init__.py", "")
        archive.writestr("pip/_vendor/__init__.py", "")
        for name in sorted(name for name in os.listdir(home) if name.endswith(".py")):
            with open(os.path.join(home, name), encoding="utf-8") as stream:
                text = stream.read()
            if name == "__init__.py":
                text = "__version__ = %r\n" % inside
            archive.writestr("pip/_vendor/packaging/" + name, text)
        archive.writestr(
            "pip-%s.dist-info/METADATA" % version, "Name: pip\nVersion: %s\nRequires-Python: %s\n" % (version, python)
        )
    return path


def load_without_site(*places):
    """Load packaging in an interpreter that has neither packaging nor pip, as an index host may be."""
    collections = os.path.abspath(os.path.join(__file__, *[os.pardir] * 6, ".collections"))
    answer = subprocess.run(
        [sys.executable, "-I", "-S", "-c", RUN.format(collections=collections)] + list(places),
        stdout=subprocess.PIPE,
        check=True,
    )
    return answer.stdout.decode().strip()


def test_packaging_of_the_interpreter_is_used_first():
    assert _packaging.load(["/nowhere"]).source == "packaging"


def test_a_wheel_of_pip_is_enough_and_leaves_the_path_as_it_was(tmp_path):
    path = pip_wheel(tmp_path)
    assert load_without_site(path) == "26.3 " + path


def test_a_pip_with_an_old_packaging_is_skipped(tmp_path):
    old, new = pip_wheel(tmp_path, "23.2", "21.3"), pip_wheel(tmp_path, "26.0")
    assert load_without_site(old, new) == "26.3 " + new


def test_without_packaging_the_error_says_what_to_install(tmp_path):
    said = load_without_site(pip_wheel(tmp_path, "23.2", "21.3"))
    assert said.startswith("none Versions and markers cannot be read")
    assert "Install python3-packaging or a newer pip" in said
    assert "packaging 21.3, but 22 or newer is needed" in said


@pytest.fixture(name="pin")
def pin_fixture(tmp_path):
    """Return a function that makes a wheel of pip and its pin."""

    def pin(version, **options):
        path = pip_wheel(tmp_path, version, **options)
        return _lock.Pin("pip", version, sha256_file(path), os.path.basename(path), 1)

    return pin


def test_wheels_of_pip_that_run_here_are_offered_the_newest_first(pin, tmp_path):
    pins = [pin("9.0"), pin("26.0"), pin("27.0", python=">=3.99"), pin("26.0")]
    assert _pip_wheels.pip_wheels_of(pins, str(tmp_path)) == [
        str(tmp_path / "pip-26.0-py3-none-any.whl"),
        str(tmp_path / "pip-9.0-py3-none-any.whl"),
    ]


def test_no_code_is_run_from_a_wheel_whose_sum_is_not_in_the_lock(pin, tmp_path):
    changed = pin("26.0")._replace(sha256="0" * 64)
    assert (
        _pip_wheels.pip_wheels_of([changed, changed._replace(filename="pip-1-py3-none-any.whl")], str(tmp_path)) == []
    )
