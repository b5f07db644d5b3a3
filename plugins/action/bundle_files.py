# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copy the files of the control host that the bundle lacks, and run the module."""

from __future__ import annotations

import os
import shutil
import tempfile
import typing as t

from ansible import constants as C
from ansible.errors import AnsibleActionFail
from ansible_collections.airgap.python.plugins.module_utils._bundle import _collections
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_file
from ansible_collections.airgap.python.plugins.plugin_utils import _answer, _own_collection, _release


class ActionModule(_answer.CheckedAction):
    """Hash the files of the control host here; the module says which of them are missing, and only those are copied."""

    # Most runs copy nothing, and need no temporary folder on the host.
    TRANSFERS_FILES = False
    between = {"lacking": [str]}

    def run(self, tmp: t.Any = None, task_vars: t.Any = None) -> t.Dict[str, t.Any]:
        """Run the module, and again after the files that it lacks are copied."""
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        local = tempfile.mkdtemp(dir=C.DEFAULT_LOCAL_TMP, prefix="airgap-files-")
        folder = ""
        try:
            paths: t.Dict[str, str] = {}
            args["sources"] = self.sources(args, local, paths)
            args["files"] = [one for one in args.get("files") or [] if not one.get("src")]
            args["collections"] = [one for one in args.get("collections") or [] if not one.get("src")]
            answer = self._execute_module(module_args=args, task_vars=task_vars)
            # A host is given no file but those that the site names for it.
            lacking = [name for name in answer.pop("lacking", []) if name in paths]
            if answer.get("failed") or not lacking:
                return answer
            folder = self._make_tmp_path()
            args["staged"] = {
                name: self._connection._shell.join_path(folder, "file-%d" % number)
                for number, name in enumerate(lacking)
            }
            for name, place in args["staged"].items():
                self._connection.put_file(paths[name], place)
            self._fixup_perms2((folder, *args["staged"].values()))
            answer = self._execute_module(module_args=args, task_vars=task_vars)
            answer.pop("lacking", None)
            return answer
        except (AirgapError, OSError) as error:
            raise AnsibleActionFail(str(error)) from error
        finally:
            if folder:
                self._remove_tmp_path(folder)
            shutil.rmtree(local, ignore_errors=True)

    def sources(self, args: t.Mapping[str, t.Any], local: str, paths: t.Dict[str, str]) -> t.List[t.Dict[str, t.Any]]:
        """Return the files of the control host as the module takes them; ``paths`` gets where they are."""
        found: t.List[t.Dict[str, t.Any]] = []
        for entry in args.get("files") or []:
            if entry.get("src"):
                path = self.find(str(entry["src"]))
                name = str(entry.get("name") or os.path.basename(path))
                if os.path.isdir(path):
                    path = packed(path, name, local)
                found.append({"filename": name, "sha256": checked_sum(path, entry)})
                paths[name] = path
        archives = [(self.find_file(str(one["src"])), one) for one in args.get("collections") or [] if one.get("src")]
        if args.get("own_collection"):
            archives.append((os.path.join(local, "own.tar.gz"), {}))
            _own_collection.pack(archives[-1][0])
        for path, entry in archives:
            collection = _collections.read(path)
            if entry.get("name") not in (None, collection.name):
                raise AirgapError("%s is the collection %s, and not %s." % (path, collection.name, entry["name"]))
            if not _collections.is_met(collection.version, str(entry.get("version") or "*")):
                raise AirgapError(
                    "%s is version %s of %s, and airgap_collections requires %s."
                    % (path, collection.version, collection.name, entry["version"])
                )
            facts = {"kind": "collection", "collection": collection.name, "version": collection.version}
            found.append(dict(facts, filename=collection.filename, sha256=checked_sum(path, entry)))
            paths[collection.filename] = path
        return found

    def find(self, source: str) -> str:
        """Return the path of a file on the control host; raises AirgapError if it is not there."""
        path = os.path.abspath(os.path.expanduser(source))
        if not os.path.exists(path):
            try:
                path = self._find_needle("files", source)
            except Exception as error:
                raise AirgapError("%s does not exist on the control host. Check src." % source) from error
        return path

    def find_file(self, source: str) -> str:
        """Return the path of a file on the control host; raises AirgapError if there is none."""
        path = self.find(source)
        if not os.path.isfile(path):
            raise AirgapError("%s is not a file. Build the archive of the collection." % path)
        return path


def packed(folder: str, name: str, local: str) -> str:
    """Return the archive of a folder, which is written for this run."""
    if not name.endswith(_release.ENDINGS):
        raise AirgapError("%s is a folder. Name an archive for it, such as name: %s.tar.gz." % (folder, name))
    place = os.path.join(local, "packed")
    os.makedirs(place, exist_ok=True)
    path = os.path.join(place, os.path.basename(name))
    _release.pack(folder, path)
    return path


def checked_sum(path: str, entry: t.Mapping[str, t.Any]) -> str:
    """Return the SHA-256 of a file; raises AirgapError if the site requires another one."""
    real = sha256_file(path)
    wanted = entry.get("sha256") or real
    if real != wanted:
        raise AirgapError(
            "%s on the control host has sha256 %s, and the site requires %s. Nothing was written. Check that the file and "
            "the sum belong together." % (path, real, wanted)
        )
    return real
