# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the page of a site on the control host, which has all that it says, and needs no module for that."""

from __future__ import annotations

import os
import typing as t

from ansible.plugins.action import ActionBase
from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._bundle import _clock
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import write_atomic
from ansible_collections.airgap.python.plugins.module_utils._report import _page_html
from ansible_collections.airgap.python.plugins.module_utils._site import _site_page
from ansible_collections.airgap.python.plugins.plugin_utils import _page_files


class ActionModule(ActionBase):
    """Plan the page, and write it and the same as JSON."""

    _requires_connection = False

    def run(self, tmp: t.Any = None, task_vars: t.Optional[t.Dict[str, t.Any]] = None) -> t.Dict[str, t.Any]:
        """Plan and write."""
        result: t.Dict[str, t.Any] = super().run(tmp, task_vars)
        dummy, arguments = self.validate_argument_spec(
            argument_spec={
                "index": {"type": "str", "required": True},
                "nodes": {"type": "list", "elements": "dict", "required": True},
                "index_hosts": {"type": "list", "elements": "dict", "required": True},
                "locks": {"type": "list", "elements": "dict", "default": []},
                "page": {"type": "str", "default": ""},
                "json": {"type": "str", "default": ""},
            }
        )
        page = _site_page.plan(arguments, _clock.render(_clock.now()))
        try:
            if arguments["json"]:
                text = _json.render(_site_page.document(page, arguments))
                write_atomic(os.path.abspath(arguments["json"]), text.encode())
            if arguments["page"]:
                text = _page_html.render(page, _page_files.read(_page_files.SITE), _page_files.read(_page_files.STYLE))
                write_atomic(os.path.abspath(arguments["page"]), text.encode())
        except (AirgapError, OSError) as error:
            return dict(result, failed=True, msg="The report cannot be written: %s" % error)
        return dict(
            result,
            changed=False,
            ok=not page.differing and not page.failed,
            table=_site_page.table(page),
            differing=[one.host for one in page.differing],
            index_problems=["%s: %s" % (one.host, one.message) for one in page.failed],
        )
