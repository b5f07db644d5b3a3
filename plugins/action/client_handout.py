# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send the page's template and style with client_handout, as bundle_report's action does."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._clients import _handout
from ansible_collections.airgap.python.plugins.module_utils._report import _page_html
from ansible_collections.airgap.python.plugins.plugin_utils import _answer


class ActionModule(_answer.CheckedAction):
    """Run the module with the template and the style of the approver's page."""

    def run(self, tmp: t.Any = None, task_vars: t.Optional[t.Dict[str, t.Any]] = None) -> t.Dict[str, t.Any]:
        """Write the handout."""
        super().run(tmp, task_vars)
        arguments = dict(
            self._task.args,
            template=read_file(_handout.__file__, _handout.TEMPLATE),
            style=read_file(_page_html.__file__, _page_html.STYLE),
        )
        return self._execute_module(module_args=arguments, task_vars=task_vars)


def read_file(neighbour: str, name: str) -> str:
    """Return the text of a file next to another one."""
    with open(os.path.join(os.path.dirname(neighbour), name), encoding="utf-8") as stream:
        return stream.read()
