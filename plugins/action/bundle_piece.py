# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a piece of a bundle on the sending host and fetch it over Ansible's own connection."""

from __future__ import annotations

import os
import tempfile

from ansible import constants as C
from ansible.plugins.action import ActionBase
from ansible_collections.airgap.python.plugins.module_utils._files import sha256_file


class ActionModule(ActionBase):
    """The sending half of a transfer."""

    TRANSFERS_FILES = True

    def run(self, tmp=None, task_vars=None):
        """Run the module, fetch the piece, check its sum."""
        super().run(tmp, task_vars)
        # The folder belongs to the login user, who may not read the bundle but shall fetch the piece.
        folder = self._make_tmp_path()
        remote = self._connection._shell.join_path(folder, "piece")
        try:
            result = self._execute_module(
                module_name="airgap.python.bundle_piece",
                module_args=dict(self._task.args, piece=remote),
                task_vars=task_vars,
            )
            if result.get("failed") or result.get("skipped"):
                return result
            handle, local = tempfile.mkstemp(dir=C.DEFAULT_LOCAL_TMP, prefix="airgap-piece-")
            os.close(handle)
            self._connection.fetch_file(remote, local)
            if sha256_file(local) != result["sha256"]:
                os.unlink(local)
                return dict(
                    result,
                    failed=True,
                    msg="A piece was damaged between %s and the control host. Run the transfer again: the rest is kept."
                    % self._play_context.remote_addr,
                )
            return dict(result, local=local)
        finally:
            self._remove_tmp_path(folder)
