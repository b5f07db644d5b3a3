# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copy a source from the control host to the host that builds it."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
import typing as t

from ansible import constants as C
from ansible.errors import AnsibleActionFail
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._resolve import _build_order
from ansible_collections.airgap.python.plugins.plugin_utils import _answer


class ActionModule(_answer.CheckedAction):
    """Pack a folder so that the same content gives the same bytes, copy it, run the module."""

    # Most runs copy nothing, and need no temporary folder on the host.
    TRANSFERS_FILES = False

    def run(self, tmp: t.Any = None, task_vars: t.Any = None) -> t.Dict[str, t.Any]:
        """Copy the source, if there is one, and run the module."""
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        if not args.get("source"):
            return self._execute_module(module_args=args, task_vars=task_vars)
        source = os.path.abspath(os.path.expanduser(str(args["source"])))
        try:
            found = source if os.path.exists(source) else self._find_needle("files", str(args["source"]))
        except Exception as error:
            raise AnsibleActionFail(
                "%s: the source %s does not exist on the control host." % (args.get("name"), args["source"])
            ) from error
        args["source_name"] = os.path.basename(found.rstrip("/"))
        local = tempfile.mkdtemp(dir=C.DEFAULT_LOCAL_TMP, prefix="airgap-source-")
        folder = self._make_tmp_path()
        try:
            packed = found
            if os.path.isdir(found):
                packed = os.path.join(local, "source.tar")
                pack(found, packed)
            elif not _build_order.is_sdist(found):
                raise AnsibleActionFail("%s is neither a folder nor an sdist (.tar.gz, .zip)." % found)
            args["source"] = self._connection._shell.join_path(folder, "source")
            self._connection.put_file(packed, args["source"])
            self._fixup_perms2((folder, args["source"]))
            return self._execute_module(module_args=args, task_vars=task_vars)
        except AirgapError as error:
            raise AnsibleActionFail(str(error)) from error
        finally:
            self._remove_tmp_path(folder)
            shutil.rmtree(local, ignore_errors=True)


def pack(folder: str, path: str) -> None:
    """Pack the files of a folder that a build needs, sorted by name and without times and owners."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        member.mtime = _build_order.SOURCE_DATE_EPOCH
        member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
        return member

    root = os.path.realpath(folder)
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for relative in listing(root):
            full = os.path.join(root, relative)
            if os.path.islink(full) and not os.path.realpath(full).startswith(root + os.sep):
                raise AirgapError(
                    "%s points out of the source folder. Replace the link by a copy of its target." % full
                )
            archive.add(full, os.path.join("source", relative), recursive=False, filter=plain)


def listing(root: str) -> t.List[str]:
    """Return the relative paths of everything that is packed, sorted."""
    found: t.List[str] = []
    for folder, folders, files in os.walk(root):
        kept = []
        for name in sorted(folders + files):
            path = os.path.relpath(os.path.join(folder, name), root)
            is_output = name in folders and not os.path.exists(os.path.join(folder, name, "__init__.py"))
            if _build_order.is_skipped(path, is_output):
                continue
            found.append(path)
            kept.append(name)
        folders[:] = [name for name in folders if name in kept]
    return sorted(found)
