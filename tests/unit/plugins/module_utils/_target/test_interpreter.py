# SPDX-License-Identifier: GPL-3.0-or-later
"""An interpreter reports the truth about itself, from the text that is sent to it."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import types

import pytest
from ansible_collections.airgap.python.plugins.module_utils._target import _interpreter


def test_report_needs_nothing_but_the_standard_library():
    process = subprocess.run(
        [sys.executable, "-I", "-S", "-c", inspect.getsource(_interpreter)], capture_output=True, text=True, check=True
    )
    answer = json.loads(process.stdout)
    assert answer["abis"] == _interpreter.abis()
    assert answer["markers"]["python_full_version"] == "%d.%d.%d" % sys.version_info[:3]
    assert set(answer["has"]) == {"venv", "pip", "ensurepip"}


@pytest.mark.parametrize(
    ("variables", "abis"),
    [
        ({"EXT_SUFFIX": ".cpython-313-x86_64-linux-gnu.so"}, ["cp313"]),
        ({"EXT_SUFFIX": ".cpython-313t-x86_64-linux-gnu.so", "Py_GIL_DISABLED": 1}, ["cp313t"]),
        ({"EXT_SUFFIX": ".cpython-313d-x86_64-linux-gnu.so", "Py_DEBUG": 1}, ["cp313d", "cp313"]),
        ({"EXT_SUFFIX": "_d.cp313-win_amd64.pyd"}, ["cp313d", "cp313"]),
    ],
)
def test_abi_distinguishes_builds_of_cpython(monkeypatch, variables, abis):
    monkeypatch.setattr(_interpreter.sysconfig, "get_config_var", variables.get)
    monkeypatch.setattr(_interpreter.sys, "version_info", (3, 13, 5, "final", 0))
    assert _interpreter.abis() == abis


def test_pypy_reports_its_abi(monkeypatch):
    monkeypatch.setattr(
        _interpreter.sysconfig, "get_config_var", {"EXT_SUFFIX": ".pypy310-pp73-x86_64-linux-gnu.so"}.get
    )
    monkeypatch.setattr(_interpreter.sys, "implementation", types.SimpleNamespace(name="pypy"))
    assert _interpreter.abis() == ["pypy310_pp73"]


def test_version_has_the_form_of_pep_440():
    assert _interpreter.full_version((3, 15, 0, "candidate", 2)) == "3.15.0rc2"
    assert _interpreter.full_version((3, 9, 2, "final", 0)) == "3.9.2"


def test_distribution_can_refuse_manylinux(monkeypatch):
    module = types.ModuleType("_manylinux")
    vars(module).update(manylinux_compatible=lambda major, minor, arch: False if minor > 17 else None)
    monkeypatch.setitem(sys.modules, "_manylinux", module)
    monkeypatch.setattr(_interpreter, "libc", lambda: "glibc-2.19")
    monkeypatch.setattr(_interpreter, "machine", lambda: "x86_64")
    assert _interpreter.refused_platforms() == ["manylinux_2_19_x86_64", "manylinux_2_18_x86_64"]


def test_distribution_can_refuse_a_legacy_name(monkeypatch):
    module = types.ModuleType("_manylinux")
    vars(module).update(manylinux2014_compatible=False)
    monkeypatch.setitem(sys.modules, "_manylinux", module)
    monkeypatch.setattr(_interpreter, "libc", lambda: "glibc-2.19")
    monkeypatch.setattr(_interpreter, "machine", lambda: "x86_64")
    assert _interpreter.refused_platforms() == ["manylinux_2_17_x86_64", "manylinux2014_x86_64"]


def test_soft_float_arm_accepts_no_manylinux_wheels(monkeypatch):
    monkeypatch.setattr(_interpreter, "libc", lambda: "glibc-2.17")
    monkeypatch.setattr(_interpreter, "machine", lambda: "armv7l")
    monkeypatch.setattr(_interpreter, "hard_float", lambda: False)
    assert "manylinux2014_armv7l" in _interpreter.refused_platforms()
