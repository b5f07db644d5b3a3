# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be fixed before the service is changed: each problem with its reason and its fix."""

from __future__ import annotations

import itertools
import json
import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._files import TEMPORARY_PREFIX
from ansible_collections.airgap.python.plugins.module_utils._index._rollback import FORMER, KEPT, NEW
from ansible_collections.airgap.python.plugins.module_utils._index._service import (
    COMMENT,
    SHELL,
    Account,
    Entry,
    Found,
    Wanted,
    is_ours,
)

HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp", "/dev", "/proc", "/sys")
# The format of the data folder (.serverversion) that each major version of devpi-server writes.
FORMATS = {"4": "4", "5": "4", "6": "4"}
CONFIG_NAMES = re.compile(
    r"(secret|.+\.password|devpi-server\.yml(%s)?|trial\.yml|%s.*)\Z" % (re.escape(KEPT), re.escape(TEMPORARY_PREFIX))
)
# Options of devpi-server that follow from variables of the role, and that it always sets.
OWNED = {
    "host": "Set devpi_host.",
    "port": "Set devpi_port.",
    "listen": "Set devpi_host to the list of addresses, and devpi_port.",
    "serverdir": "Set devpi_data_dir.",
    "secretfile": "Set devpi_config_dir.",
    "argon2-memory-cost": "Set devpi_argon2_memory_cost.",
    "restrict-modify": "It is always root here.",
    "offline-mode": "It is always on here: inside there is nothing to ask.",
    "unix-socket": "The unit's sandbox lets the server have no such socket.",
    "configfile": "The role writes that file itself.",
}


def problems(wanted: Wanted, found: Found) -> t.List[str]:
    """Return all that must be mended before anything is changed, a sentence or two each."""
    if not found.systemd:
        return [
            "This host is not run by systemd (there is no /run/systemd/system), and devpi-server is to be a systemd unit. "
            "Use a Linux host or a container whose first process is systemd."
        ]
    if not found.is_root:
        return ["The role devpi needs root on this host. Set become: true on the play."]
    said = _wrong_paths(wanted, found)
    said += _wrong_options(wanted.options)
    said += _wrong_address(wanted, found)
    said += _wrong_account(wanted, found)
    return said + _wrong_data(wanted, found)


def _wrong_paths(wanted: Wanted, found: Found) -> t.List[str]:
    said = []
    paths = {
        "devpi_data_dir": wanted.data_dir,
        "devpi_venv": wanted.venv,
        "devpi_config_dir": wanted.config_dir,
    }
    for name, path in paths.items():
        if not re.match(r"/[^/]+/.*[^/]$", path) or ".." in path.split("/") or re.search(r"[\s%\"'\\$]", path):
            said.append(
                "%s is %s, and must be an absolute path of two parts or more without spaces, quotes, %%, $ and '..'. "
                "Choose another folder." % (name, path)
            )
    if said:
        return said
    said += _nested(paths, found)
    said += _linked(wanted, found)
    if _is_foreign(found.config_names):
        said.append(
            "devpi_config_dir is %s, and that holds what is not the index's: %s. Its owner and mode would change. Move "
            "that away, or choose a folder of its own."
            % (wanted.config_dir, ", ".join(foreign(found.config_names)[:5]))
        )
    for name, path in dict(paths, devpi_python=wanted.python).items():
        real = found.real.get(path, path)
        said += ["%s is %s. Choose another place." % (name, one) for one in _unseen(path, real, wanted, found)]
    return said


def _nested(paths: t.Mapping[str, str], found: Found) -> t.List[str]:
    """Say which folder is another one or lies in it; one would be replaced, written to or removed with the other."""
    places = {name: [path, found.real.get(path, path)] for name, path in paths.items()}
    shown = {name: path if path == real else "%s (%s in truth)" % (path, real) for name, (path, real) in places.items()}
    places["devpi_venv"] += [path + suffix for path in places["devpi_venv"] for suffix in (FORMER, NEW)]
    for inner, outer in itertools.permutations(paths, 2):
        if any((one + "/").startswith(two + "/") for one in places[inner] for two in places[outer]):
            return [
                "%s is %s, which is or lies in %s, %s. They must be three folders, none in another, and what is called as "
                "devpi_venv with %s or %s behind it is taken too. Give each one a folder of its own."
                % (inner, shown[inner], outer, shown[outer], FORMER, NEW)
            ]
    return []


def _linked(wanted: Wanted, found: Found) -> t.List[str]:
    """Say which file is a link: what it leads to would be read, replaced or given away. A folder may be one."""
    said = []
    for name, folder in (("devpi_data_dir", wanted.data_dir), ("devpi_config_dir", wanted.config_dir)):
        if folder in found.links and folder not in found.entries:
            said.append(
                "%s is %s, a link to %s, which is not there: is its disk mounted? Mount it, or make that folder."
                % (name, folder, found.links[folder])
            )
    for path in (wanted.unit_path, wanted.config_path, wanted.secret_path, wanted.password_path):
        target = found.links.get(path)
        if target == "/dev/null" and path == wanted.unit_path:
            name = path.rpartition("/")[2]
            said.append(
                "%s is masked: %s leads to /dev/null. If it is to run again, run 'systemctl unmask %s' first."
                % (name, path, name)
            )
        elif target is not None:
            said.append("%s is a link to %s, and is to be a file itself. Remove the link." % (path, target))
    return said


def _is_foreign(names: t.Sequence[str]) -> bool:
    """Say whether a configuration folder is somebody else's: what an operator put beside the index's own is let be."""
    return bool(foreign(names)) and "devpi-server.yml" not in names and not {"secret", "root.password"} <= set(names)


def foreign(names: t.Iterable[str]) -> t.List[str]:
    """Return the names in a configuration folder that are not the index's."""
    return sorted(name for name in names if name != "lost+found" and not CONFIG_NAMES.match(name))


def _unseen(path: str, real: str, wanted: Wanted, found: Found) -> t.List[str]:
    """Say why the server could not use a path, at most one reason."""
    where = path if real == path else "%s, which is %s in truth" % (path, real)
    for hidden in HIDDEN:
        if (real + "/").startswith(hidden + "/"):
            return ["%s, and the server's sandbox hides %s from it" % (where, hidden)]
    if path != wanted.python and real.startswith("/run/"):
        return ["%s, and /run is empty after a reboot" % where]
    if path in found.closed:
        return ["%s, and the account %s may not pass %s (mode o+x)" % (where, wanted.user, found.closed[path])]
    return []


def _wrong_options(options: t.Mapping[str, t.Any]) -> t.List[str]:
    said = []
    for key in sorted(options):
        value = options[key]
        if key in OWNED and not (
            key == "offline-mode" and value is True or key == "restrict-modify" and value == "root"
        ):
            said.append("devpi_options has %s, which is not set there. %s" % (key, OWNED[key]))
        elif not re.match(r"[a-z0-9][a-z0-9-]*\Z", key):
            said.append(
                "devpi_options has %s, and an option of devpi-server is written by its long name without dashes before it, "
                "as in outside-url. Correct it." % key
            )
        elif value is None or isinstance(value, t.Mapping) or any(not _is_scalar(one) for one in _as_list(value)):
            said.append(
                "devpi_options has %s with the value %s. Give a text, a number, true, false or a list of texts."
                % (key, json.dumps(value, default=str))
            )
    return said


def _as_list(value: t.Any) -> t.List[t.Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _is_scalar(value: t.Any) -> bool:
    return isinstance(value, (str, int, float)) and "\n" not in str(value)


def _wrong_address(wanted: Wanted, found: Found) -> t.List[str]:
    if not wanted.hosts:
        return ["devpi_host is empty. Set it to the address to listen on, or to 0.0.0.0 for every IPv4 address."]
    if not 0 < wanted.port < 65536:
        return ["devpi_port is %d, and a port is a number from 1 to 65535. Set it to a free port." % wanted.port]
    said = []
    for host in wanted.hosts:
        if host in found.mute:
            said.append(
                "Nothing on this host can listen on %s, which devpi_host names: %s. Set devpi_host to an address of this host, "
                "or to 0.0.0.0 for every IPv4 address." % (host, found.mute[host])
            )
    if not found.port.free and not found.port.ours:
        said.append(
            "Port %d on this host is taken by %s. Stop that process, or set devpi_port to a free port."
            % (wanted.port, found.port.owner)
        )
    return said


def _wrong_account(wanted: Wanted, found: Found) -> t.List[str]:
    account = found.account
    if not re.match(r"[a-z_][a-z0-9_-]{0,31}\Z", wanted.user):
        return [
            "devpi_system_user is %s, which is no name of an account. Use small letters, digits, '-' and '_'."
            % wanted.user
        ]
    if account is not None and not is_ours(account):
        return [
            "devpi_system_user is %s, and that account (user id %d, %s, shell %s) is somebody else's: this role did not make "
            "it and leaves it as it is. Set devpi_system_user to a name that is free."
            % (
                wanted.user,
                account.uid,
                "comment '%s'" % account.comment if account.comment else "no comment",
                account.shell or "none",
            )
        ]
    if account is None and found.members:
        return [
            "devpi_system_user is %s, and there is a group of that name with others in it (%s), who could read the index's "
            "data. Set devpi_system_user to a name that is free." % (wanted.user, ", ".join(found.members[:5]))
        ]
    return []


def _wrong_data(wanted: Wanted, found: Found) -> t.List[str]:
    data, where = found.data, wanted.data_dir
    if data.names and not {".serverversion", ".init"} & set(data.names):
        return [
            "%s is not empty and not devpi's (it has no .serverversion): %s. Empty it, or set devpi_data_dir to another "
            "folder." % (where, ", ".join(data.names[:5]))
        ]
    if ".serverversion" not in data.names:
        if found.elsewhere and not data.names:
            return [
                "The index that is here has its data in %s, and devpi_data_dir is %s, where there are none. To move them, stop "
                "the server ('systemctl stop devpi-server'), move what is in the one folder to the other, and run this again. To "
                "begin with an empty index, play teardown first, which keeps the data." % (found.elsewhere, where)
            ]
        secret = found.entries.get(wanted.secret_path)
        if not data.names and wanted.unit_path in found.entries and secret is not None and not secret.empty:
            return [
                "An index was set up on this host (%s is there), and there are no data in %s any more: is its disk mounted? "
                "Mount it, and run this again. To begin with an empty index, play teardown first."
                % (wanted.unit_path, where)
            ]
        return []
    said = []
    needed = FORMATS.get(wanted.version.split(".")[0], data.format)
    if not data.format:
        said.append(
            "%s/.serverversion is not as devpi-server writes it: a file with the number of a format. Bring the folder back "
            "from a backup, or set devpi_data_dir to another one." % where
        )
    elif needed != data.format:
        said.append(
            "The data in %s have format %s, and devpi-server %s of the bundle needs %s. Run devpi-export with the version "
            "that made them, move the folder away, and run devpi-import with the new version into an empty one; or stage a "
            "version that fits (stage_devpi_requirements)." % (where, data.format, wanted.version, needed)
        )
    if data.role == "replica":
        said.append(
            "The data in %s are those of a replica, and this role runs a primary. Set devpi_data_dir to another folder, or "
            "turn the replica into a primary by hand first (devpi-server --role=primary)." % where
        )
    entry = found.entries.get(wanted.password_path)
    if (entry is None or entry.empty) and not wanted.has_password:
        said.append(
            "%s holds a devpi whose root password is not known here: there is no %s. Give it as devpi_root_password."
            % (where, wanted.password_path)
        )
    return said + _wrong_owner(wanted, found)


def _wrong_owner(wanted: Wanted, found: Found) -> t.List[str]:
    """Say whose the data are, where they are another account's; without an account the data's owner gives its number."""
    owners = {
        uid: name
        for uid, name in found.data.owners.items()
        if (found.account.uid != uid if found.account else bool(name) or uid == 0)
    }
    if not owners and (found.account or len(found.data.owners) < 2):
        return []
    shown = owners or found.data.owners
    named = ", ".join(sorted(name or "user id %d" % uid for uid, name in shown.items()))
    mend = "run 'chown -R %s: %s'" % (wanted.user, wanted.data_dir)
    if found.account is None:
        mend = "run 'useradd --system --user-group --comment %s --shell %s %s' and %s" % (
            COMMENT,
            SHELL,
            wanted.user,
            mend[4:],
        )
    former = [name for name in owners.values() if name and name != "root"]
    return [
        "The data in %s belong to %s, and devpi_system_user is %s, who could not read them. %sTo give them to %s, stop the "
        "server first ('systemctl stop devpi-server'), %s, and run this again."
        % (
            wanted.data_dir,
            named,
            wanted.user,
            "Set devpi_system_user to %s. " % former[0] if len(former) == 1 else "",
            wanted.user,
            mend,
        )
    ]


def may_pass(entry: Entry, account: t.Optional[Account]) -> bool:
    """Say whether an account, or one that is to be made, may pass a folder (path_resolution(7))."""
    if account is not None and entry.uid == account.uid:
        return bool(entry.mode & 0o100)
    if account is not None and entry.gid == account.gid:
        return bool(entry.mode & 0o010)
    return bool(entry.mode & 0o001)
