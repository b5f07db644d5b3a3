# SPDX-License-Identifier: GPL-3.0-or-later
"""A set in the interpreter itself: what is missing is installed, and what the system reserves is refused."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import _system_packages
from ansible_collections.airgap.python.plugins.module_utils._install._system_packages import Installed
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import Pin

A = Pin("a", "1.0", "a" * 64, "a-1.0-py3-none-any.whl", 10)
B = Pin("b", "2", "b" * 64, "b-2-py3-none-any.whl", 10)


def test_only_what_is_missing_or_of_another_version_or_from_another_file_is_installed():
    installed = Installed({"a": "1", "b": "1", "other": "3"}, "")
    assert _system_packages.plan(installed, [A, B], []).install == (B,)
    assert not _system_packages.plan(installed._replace(versions={"a": "1", "b": "2"}), [A, B], [A]).changed
    plan = _system_packages.plan(installed, [A], [A._replace(sha256="c" * 64)])
    assert (plan.install, plan.reinstall) == ((), (A,))


def test_interpreter_that_the_system_reserves_is_refused_unless_the_site_accepts_it():
    reserved = Installed({}, "/usr/lib/python3.11/EXTERNALLY-MANAGED")
    with pytest.raises(AirgapError, match="set install_break_system_packages to true"):
        _system_packages.check_reserved("/usr/bin/python3", "base", reserved, False)
    _system_packages.check_reserved("/usr/bin/python3", "base", reserved, True)
    _system_packages.check_reserved("/usr/bin/python3", "base", Installed({}, ""), False)
