# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The removal of the service, and of its data where that is asked for."""

from __future__ import annotations

import os
import re
import shutil
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _rollback, _service
from ansible_collections.airgap.python.plugins.module_utils._index._service import Wanted
from ansible_collections.airgap.python.plugins.module_utils._index._service_apply import Service
from ansible_collections.airgap.python.plugins.module_utils._index._service_checks import CONFIG_NAMES
from ansible_collections.airgap.python.plugins.module_utils._index._service_inspect import look_at_account, names_in


def why_not_removed(folder: str, names: t.Sequence[str], wanted: Wanted) -> str:
    """Return why a folder is not removed with the data, or ""."""
    if not re.match(r"/[^/\s]+/[^\s]*[^/\s]\Z", folder) or ".." in folder.split("/"):
        return (
            "%s is not removed: it is no absolute path of two parts or more. Set the variable that names it." % folder
        )
    known = {".serverversion", ".init", "lost+found"} if folder == wanted.data_dir else {"secret", "root.password"}
    if names and not known & set(names):
        return "%s is not removed: it is not devpi's (%s). Set the variable that names it." % (
            folder,
            ", ".join(sorted(names)[:5]),
        )
    return ""


def removed_of_config(names: t.Iterable[str]) -> t.List[str]:
    """Return the names in a configuration folder that go with the data: nothing where the index never was."""
    known = [name for name in names if CONFIG_NAMES.match(name)]
    return known if {"secret", "root.password"} & set(known) else []


def absent(module: AnsibleModule, service: Service) -> t.Dict[str, t.Any]:
    """Have no server, and with remove_data nothing of its data."""
    wanted = service.wanted
    with_data = module.params["remove_data"]
    account, gid, members = look_at_account(wanted.user)
    folders = [wanted.data_dir, wanted.config_dir] if with_data else []
    has_data = bool(names_in(wanted.data_dir))
    # Without data what is left in the configuration folder is what an earlier removal let be.
    for folder in folders if has_data else folders[:1]:
        reason = why_not_removed(folder, names_in(folder), wanted)
        if reason:
            raise AirgapError(reason)
    is_ours = account is not None and _service.is_ours(account)
    steps = [
        name
        for name, is_there in (
            ("unit", os.path.exists(wanted.unit_path)),
            ("config", os.path.exists(wanted.config_path)),
            (
                wanted.data_dir,
                with_data and (has_data or os.path.lexists(wanted.data_dir) and not os.path.isdir(wanted.data_dir)),
            ),
            (wanted.config_dir, with_data and bool(removed_of_config(names_in(wanted.config_dir)))),
            ("account", with_data and is_ours),
            ("group", with_data and gid is not None and not members and (is_ours or account is None)),
        )
        if is_there
    ]
    if not module.check_mode:
        service.end_trial()
        if "unit" in steps:
            service.systemd.call("disable", "--quiet", "--now", service.systemd.name)
            os.unlink(wanted.unit_path)
            service.systemd.call("daemon-reload")
            service.systemd.call("reset-failed", service.systemd.name)
        service.former.forget()
        _rollback.drop(wanted.venv)
        # The secret and the passwords belong to the data: without them the data could not be served again.
        if "config" in steps:
            os.unlink(wanted.config_path)
        if with_data:
            remove_folder(wanted.data_dir)
            left = remove_config(wanted.config_dir)
            if left:
                module.warn(
                    "%s stays, as it holds what is not the index's: %s." % (wanted.config_dir, ", ".join(left[:5]))
                )
        if "account" in steps:
            service.run("userdel", wanted.user)
        # userdel takes the group along where it is the account's own.
        if "group" in steps and look_at_account(wanted.user)[1] is not None:
            service.run("groupdel", wanted.user)
    return {"changed": bool(steps), "steps": steps, "restart": ""}


def remove_folder(path: str) -> None:
    """Remove a folder and all in it; where a file system is mounted there, all in it."""
    if not os.path.isdir(path):
        return
    for name in os.listdir(path):
        one = os.path.join(path, name)
        if os.path.isdir(one) and not os.path.islink(one):
            if name != "lost+found":
                shutil.rmtree(one)
        else:
            os.unlink(one)
    remove_empty(path)


def remove_config(path: str) -> t.List[str]:
    """Remove of the configuration folder what is the index's, and the folder if no more is in it; return what stays."""
    if not os.path.isdir(path):
        return []
    for name in removed_of_config(os.listdir(path)):
        one = os.path.join(path, name)
        if os.path.islink(one) or not os.path.isdir(one):
            os.unlink(one)
    left = [name for name in names_in(path) if name != "lost+found"]
    if not left:
        remove_empty(path)
    return left


def remove_empty(path: str) -> None:
    """Remove a folder with nothing in it, unless a file system is mounted there."""
    if os.path.islink(path):
        os.unlink(path)
    elif not os.path.ismount(path):
        os.rmdir(path)
