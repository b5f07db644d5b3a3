# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The removal of the service, and of its data if that is requested."""

from __future__ import annotations

import os
import re
import shutil
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _files, _rollback
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _container, _service, _systemd
from ansible_collections.airgap.python.plugins.module_utils._index._host import list_names, read_account
from ansible_collections.airgap.python.plugins.module_utils._index._service import Wanted
from ansible_collections.airgap.python.plugins.module_utils._index._service_apply import (
    Service,
    wanted_from,
)
from ansible_collections.airgap.python.plugins.module_utils._index._service_checks import CONFIG_NAMES


def why_not_removed(folder: str, names: t.Sequence[str], wanted: Wanted) -> str:
    """Return why a folder is not removed with the data, or ""."""
    if not re.match(r"/[^/\s]+/[^\s]*[^/\s]\Z", folder) or ".." in folder.split("/"):
        return (
            "%s is not removed: it is not an absolute path of two parts or more. Set the variable that names it."
            % folder
        )
    known = {".serverversion", ".init", "lost+found"} if folder == wanted.data_dir else {"secret", "root.password"}
    if names and not known & set(names):
        return "%s is not removed: its content is not devpi's (%s). Set the variable that names it." % (
            folder,
            ", ".join(sorted(names)[:5]),
        )
    return ""


def removed_config_names(names: t.Iterable[str]) -> t.List[str]:
    """Return which names in a configuration folder are removed with the data: none if the index never used it."""
    known = [name for name in names if CONFIG_NAMES.match(name)]
    return known if {"secret", "root.password"} & set(known) else []


def plan_removal(wanted: Wanted, with_data: bool) -> t.List[str]:
    """Return what would be removed; raises AirgapError for a folder with content that is not devpi's."""
    folders = [wanted.data_dir, wanted.config_dir] if with_data else []
    has_data = bool(list_names(wanted.data_dir))
    # Without data, an earlier removal has left the rest of the configuration folder on purpose.
    for folder in folders if has_data else folders[:1]:
        reason = why_not_removed(folder, list_names(folder), wanted)
        if reason:
            raise AirgapError(reason)
    account, gid, members = read_account(wanted.user)
    is_own = account is not None and _service.is_own(account)
    is_not_a_folder = os.path.lexists(wanted.data_dir) and not os.path.isdir(wanted.data_dir)
    steps = {
        "unit": any(os.path.exists(path) for path in (wanted.unit_path, wanted.quadlet_path)),
        "config": os.path.exists(wanted.config_path),
        wanted.data_dir: with_data and (has_data or is_not_a_folder),
        wanted.config_dir: with_data and bool(removed_config_names(list_names(wanted.config_dir))),
        "account": with_data and is_own,
        "group": with_data and gid is not None and not members and (is_own or account is None),
    }
    return [step for step, is_needed in steps.items() if is_needed]


def remove(module: AnsibleModule, service: Service, steps: t.Sequence[str], with_data: bool) -> None:
    """Carry out a plan."""
    wanted, systemd = service.wanted, service.systemd
    service.end_trial()
    if "unit" in steps:
        systemd.systemctl("disable", "--quiet", "--now", systemd.name)
        # A quadlet is not enabled, and only stopped by that.
        systemd.systemctl("stop", systemd.name)
        for path in filter(None, (wanted.unit_path, wanted.quadlet_path)):
            _files.remove_if_exists(path)
        _container.remove_wants(wanted.unit_path)
        systemd.systemctl("daemon-reload")
        systemd.systemctl("reset-failed", systemd.name)
    service.rollback.discard()
    _rollback.discard_former_venv(wanted.venv)
    _container.remove_images(module)
    # The secret and the passwords belong to the data: without them the data could not be served again.
    if "config" in steps:
        os.unlink(wanted.config_path)
    if with_data:
        remove_folder(wanted.data_dir)
        left = remove_config(wanted.config_dir)
        if left:
            module.warn(
                "%s stays, because it holds files that are not the index's: %s."
                % (wanted.config_dir, ", ".join(left[:5]))
            )
    if "account" in steps:
        _systemd.run_or_fail(module, "userdel", wanted.user)
    # userdel removes the account's own group with it.
    if "group" in steps and read_account(wanted.user)[1] is not None:
        _systemd.run_or_fail(module, "groupdel", wanted.user)


def ensure_absent(module: AnsibleModule) -> t.Dict[str, t.Any]:
    """Remove the service, and with remove_data everything of its data."""
    service = Service(module, wanted_from(module.params))
    with_data = module.params["remove_data"]
    try:
        steps = plan_removal(service.wanted, with_data)
        if not module.check_mode:
            remove(module, service, steps, with_data)
    except OSError as error:
        raise AirgapError("%s: %s." % (error.filename, error.strerror)) from error
    return {"changed": bool(steps), "steps": steps, "restart": ""}


def ensure_stopped(module: AnsibleModule) -> t.Dict[str, t.Any]:
    """Stop the service, also at boot. Everything stays, so that it can run again; a quadlet is what starts it at boot."""
    service = Service(module, wanted_from(module.params))
    has_quadlet = os.path.exists(service.wanted.quadlet_path)
    steps = plan_stop(service.systemd.state(), has_quadlet)
    if steps and not module.check_mode:
        service.end_trial()
        if has_quadlet:
            service.systemd.systemctl_or_fail("stop", service.systemd.name)
            os.unlink(service.wanted.quadlet_path)
            service.systemd.systemctl("daemon-reload")
        else:
            service.systemd.systemctl_or_fail("disable", "--quiet", "--now", service.systemd.name)
        service.systemd.systemctl("reset-failed", service.systemd.name)
    return {"changed": bool(steps), "steps": steps, "restart": ""}


def plan_stop(state: _service.UnitState, has_quadlet: bool = False) -> t.List[str]:
    """Return what must be done so that a unit does not run, now and after a boot, at which a quadlet starts."""
    return (["stop"] if state.active != "inactive" else []) + (["disable"] if state.enabled or has_quadlet else [])


def remove_folder(path: str) -> None:
    """Remove a folder and its content; where a file system is mounted, only the content."""
    if not os.path.isdir(path):
        return
    for name in os.listdir(path):
        entry = os.path.join(path, name)
        if os.path.isdir(entry) and not os.path.islink(entry):
            if name != "lost+found":
                shutil.rmtree(entry)
        else:
            os.unlink(entry)
    remove_empty(path)


def remove_config(path: str) -> t.List[str]:
    """Remove the index's files from the configuration folder, and the folder if it is empty then; return what stays."""
    if not os.path.isdir(path):
        return []
    for name in removed_config_names(os.listdir(path)):
        entry = os.path.join(path, name)
        if os.path.islink(entry) or not os.path.isdir(entry):
            os.unlink(entry)
    left = [name for name in list_names(path) if name != "lost+found"]
    if not left:
        remove_empty(path)
    return left


def remove_empty(path: str) -> None:
    """Remove an empty folder, unless a file system is mounted there."""
    if os.path.islink(path):
        os.unlink(path)
    elif not os.path.ismount(path):
        os.rmdir(path)
