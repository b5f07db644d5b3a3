# SPDX-License-Identifier: GPL-3.0-or-later
"""How often an environment is tried to be filled when the host that serves the files dies."""

from __future__ import annotations

import types

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import _locked_venv, _venv


@pytest.mark.parametrize(
    ("attempts", "failures", "is_good"), [(1, 0, True), (1, 1, False), (2, 1, True), (3, 3, False)]
)
def test_lock_is_installed_again_from_the_start_once_for_each_attempt(monkeypatch, attempts, failures, is_good):
    calls = []

    def install_lock(environment, lock_text, reinstall):
        calls.append((lock_text, reinstall))
        if len(calls) <= failures:
            raise AirgapError("the connection broke")

    monkeypatch.setattr(_venv.Environment, "install_lock", install_lock)
    params = {
        "no_index": False,
        "attempts": attempts,
        "find_links": [],
        "cert": None,
        "trusted_host": [],
        "timeout": 15,
        "python": "python3",
    }
    environment = _locked_venv.Environment(types.SimpleNamespace(), params, {}, "pip.whl", "/nonexistent")
    if is_good:
        environment.install_lock("a==1", True)
    else:
        with pytest.raises(AirgapError, match="the connection broke"):
            environment.install_lock("a==1", True)
    assert calls == [("a==1", True)] * min(failures + 1, attempts)
