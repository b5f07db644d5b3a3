# SPDX-License-Identifier: GPL-3.0-or-later
"""Template and style of a page are sent to the host where it is written."""

from __future__ import annotations

import types

import pytest
from ansible_collections.airgap.python.plugins.action import bundle_report
from ansible_collections.airgap.python.plugins.plugin_utils import _page_files


@pytest.mark.parametrize("given", [{}, {"template": "another", "style": "another"}])
def test_template_and_style_come_from_the_collection_and_reach_the_module_unchanged(given, monkeypatch):
    sent = {}
    monkeypatch.setattr(bundle_report._answer.ActionBase, "run", lambda self, tmp=None, task_vars=None: {})
    monkeypatch.setattr(
        bundle_report._answer.ActionBase,
        "_execute_module",
        lambda self, module_args, task_vars: sent.update(module_args) or {"changed": True},
    )
    task = types.SimpleNamespace(
        action="airgap.python.bundle_report",
        args=dict(given, path="/srv/airgap/bundle"),
        delegate_to=None,
    )
    action = bundle_report.ActionModule(task, types.SimpleNamespace(exec_command=None), None, None, None, None)
    assert action.run(task_vars={})["changed"] is True
    assert sent["path"] == "/srv/airgap/bundle"
    assert "{{ page." in sent["template"] and "@media print" in sent["style"]
    assert (sent["template"], sent["style"]) == tuple(map(_page_files.read, (_page_files.REPORT, _page_files.STYLE)))
