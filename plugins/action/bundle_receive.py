# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a piece from the control host to the receiving host over Ansible's own connection."""

from __future__ import annotations

import os
import tempfile

from ansible import constants as C
from ansible.plugins.action import ActionBase
from ansible_collections.airgap.python.plugins.module_utils import _manifest


class ActionModule(ActionBase):
    """The receiving half of a transfer."""

    TRANSFERS_FILES = True

    def run(self, tmp=None, task_vars=None):
        """Put the piece on the host where the module expects it, and run the module."""
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        if args.get("phase") != "piece" or args.get("remote_src") or self._task.check_mode:
            return self._execute_module(module_args=args, task_vars=task_vars)
        if args.get("volume"):
            try:
                self.cut(args)
            except (_manifest.BundleError, OSError) as error:
                return {"failed": True, "msg": "%s cannot be read: %s" % (args["volume"], error)}
        local = args["piece"]
        folder = self._make_tmp_path()
        try:
            args["piece"] = self._connection._shell.join_path(folder, "piece")
            self._connection.put_file(local, args["piece"])
            self._fixup_perms2((folder, args["piece"]))
            return self._execute_module(module_args=args, task_vars=task_vars)
        finally:
            self._remove_tmp_path(folder)
            if os.path.exists(local):
                os.unlink(local)

    def cut(self, args):
        """Cut a piece from a volume on this host, and name it in the arguments of the module."""
        volume, offset = args.pop("volume"), int(args.pop("offset", 0))
        length = sum(int(part["length"]) for part in args["parts"])
        handle, local = tempfile.mkstemp(dir=C.DEFAULT_LOCAL_TMP, prefix="airgap-piece-")
        try:
            with os.fdopen(handle, "wb") as stream:
                part = _manifest.Part(os.path.basename(volume), offset, length)
                args["sha256"] = _manifest.digest_of_parts(os.path.dirname(volume), [part], stream.write)
        except BaseException:
            os.unlink(local)
            raise
        args["piece"] = local
