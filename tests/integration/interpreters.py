# SPDX-License-Identifier: GPL-3.0-or-later
"""The interpreters of nodes that this machine has: of each version from the PATH or from ~/.pyenv/versions."""

from __future__ import annotations

import functools
import json
import os
import pathlib
import shutil
import subprocess

import pytest
from ansible_collections.airgap.python.plugins.module_utils._target import _interpreter, _survey

from tests.integration import small_bundle

VERSIONS = ["3.%d" % minor for minor in range(8, 15)]


@functools.lru_cache(maxsize=None)
def path_of(version):
    """Return a CPython of a version that runs here, or nothing."""
    kept = sorted(pathlib.Path("~/.pyenv/versions").expanduser().glob(version + ".*/bin/python"))
    named = [shutil.which("python" + version), shutil.which("python3")]
    code = "import sys, venv; print(sys.implementation.name, '%d.%d' % sys.version_info[:2], sys.base_prefix == sys.prefix)"
    for path in map(str, [*kept, *filter(None, named)]):
        # A program of this name need not run: a version manager has shims for versions that are not installed.
        done = subprocess.run([path, "-I", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        if done.returncode == 0 and done.stdout.decode().split() == ["cpython", version, "True"]:
            return os.path.abspath(path)
    return ""


def find(version):
    """Return a CPython of a version that runs here; skips the test, by the version's name, where there is none."""
    return path_of(version) or pytest.skip("this machine has no CPython %s" % version)


def each():
    """Return the versions as parameters of a test that costs much: those between the oldest and the newest here are long."""
    between = [version for version in VERSIONS if path_of(version)][1:-1]
    return [pytest.param(one, marks=pytest.mark.long) if one in between else one for one in VERSIONS]


def target(python):
    """Return an interpreter as an entry of airgap_targets, by what it says of itself."""
    answer = subprocess.run([python, "-I", _interpreter.__file__], stdout=subprocess.PIPE, check=True).stdout
    return dict(_survey.short_entry(_survey.target_of(json.loads(answer))[0]), name="here")


def pip(python):
    """Return the name and the bytes of the wheel of pip that an interpreter came with: the newest pip needs a newer one."""
    code = "import ensurepip, os; print(os.path.join(os.path.dirname(ensurepip.__file__), '_bundled'))"
    done = subprocess.run([python, "-I", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    folders = [pathlib.Path(line) for line in done.stdout.decode().split("\n")[:1]] + [
        pathlib.Path("/usr/share/python-wheels")
    ]
    wheels = [wheel for folder in folders for wheel in folder.glob("pip-*.whl")]
    if not wheels:
        pytest.skip("%s has no wheel of pip to put into a bundle" % python)
    newest = max(wheels, key=lambda wheel: [int(part) for part in wheel.name.split("-")[1].split(".")])
    return newest.name, newest.read_bytes()


def bundle(root, python):
    """Write a bundle with pip and a set for an interpreter."""
    sets = {"airgap-pip": {"here": [pip(python)]}, "base": {"here": small_bundle.application()}}
    small_bundle.write(root, sets, [target(python)])
