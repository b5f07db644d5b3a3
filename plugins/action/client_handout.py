# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send the page's template and style with client_handout."""

from __future__ import annotations

import typing as t

from ansible_collections.airgap.python.plugins.plugin_utils import _answer, _page_files


class ActionModule(_answer.CheckedAction):
    """Run the module with the files of its page."""

    def run(self, tmp: t.Any = None, task_vars: t.Optional[t.Dict[str, t.Any]] = None) -> t.Dict[str, t.Any]:
        """Write the handout."""
        super().run(tmp, task_vars)
        texts = {"template": _page_files.read(_page_files.HANDOUT), "style": _page_files.read(_page_files.STYLE)}
        return self._execute_module(module_args=dict(self._task.args, **texts), task_vars=task_vars)
