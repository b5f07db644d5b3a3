# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be fixed before the service is changed: each problem with its reason and its fix."""

from __future__ import annotations

import itertools
import json
import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._files import TEMPORARY_PREFIX
from ansible_collections.airgap.python.plugins.module_utils._index import _accounts, _migration, _replication
from ansible_collections.airgap.python.plugins.module_utils._index._service import (
    COMMENT,
    REPLICA,
    SHELL,
    Account,
    Entry,
    Found,
    Wanted,
)
from ansible_collections.airgap.python.plugins.module_utils._rollback import FORMER, KEPT, NEW

# Folders that the unit's sandbox hides (ProtectHome, PrivateTmp, PrivateDevices, ProcSubset).
HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp", "/dev", "/proc", "/sys")
# The names of the index's own files in its configuration folder.
CONFIG_NAMES = re.compile(
    r"(secret|.+\.password|primary-ca\.pem|sealing\.key|devpi-server\.yml(%s)?|trial\.yml|%s.*)\Z"
    % (re.escape(KEPT), re.escape(TEMPORARY_PREFIX))
)
# Options of devpi-server that the role always sets, from its variables.
OWNED = {
    "host": "Set devpi_host.",
    "port": "Set devpi_port.",
    "listen": "Set devpi_host to the list of addresses, and devpi_port.",
    "serverdir": "Set devpi_data_dir.",
    "secretfile": "Set devpi_config_dir.",
    "argon2-memory-cost": "Set devpi_argon2_memory_cost.",
    "restrict-modify": "It is always root here.",
    "role": "The first host of airgap_index is the primary, the others are replicas.",
    "primary-url": "Set devpi_primary_url.",
    "offline-mode": "Write true or false. It is on by default: inside the gap there is no other index to ask.",
    "unix-socket": "The unit's sandbox forbids such a socket.",
    "configfile": "The role writes that file itself.",
}


def find_problems(wanted: Wanted, found: Found) -> t.List[str]:
    """Return everything that must be fixed before anything is changed, a sentence or two each."""
    if not found.systemd:
        return [
            "This host does not run systemd (there is no /run/systemd/system), and devpi-server runs as a systemd unit. "
            "Use a Linux host or a container whose first process is systemd."
        ]
    if not found.is_root:
        return ["The role devpi needs root on this host. Set become: true on the play."]
    problems = _wrong_paths(wanted, found)
    problems += _wrong_options(wanted.options)
    problems += _wrong_address(wanted, found)
    problems += _wrong_account(wanted, found)
    problems += _wrong_data(wanted, found)
    if wanted.is_replica and wanted.image:
        problems.append(
            "devpi_runtime is quadlet, and this host is a replica, which does not run in a container. Set devpi_runtime to venv for "
            "this host."
        )
    return problems + (_replication.find_problems(wanted, found) if wanted.is_replica else [])


def _wrong_paths(wanted: Wanted, found: Found) -> t.List[str]:
    problems = []
    paths = {
        "devpi_data_dir": wanted.data_dir,
        "devpi_venv": wanted.venv,
        "devpi_config_dir": wanted.config_dir,
    }
    for name, path in paths.items():
        if not re.match(r"/[^/]+/.*[^/]$", path) or ".." in path.split("/") or re.search(r"[\s%\"'\\$]", path):
            problems.append(
                "%s is %s, and must be an absolute path of two parts or more without spaces, quotes, %%, $ and '..'. "
                "Choose another folder." % (name, path)
            )
    if problems:
        return problems
    problems += _nested(paths, found)
    problems += _linked(wanted, found)
    if _is_foreign(found.config_names):
        problems.append(
            "devpi_config_dir is %s, and that folder holds files that are not the index's: %s. Its owner and mode would "
            "change. Move these files away, or choose a folder for the index alone."
            % (wanted.config_dir, ", ".join(foreign_names(found.config_names)[:5]))
        )
    used = {key: path for key, path in paths.items() if key != "devpi_venv"} if wanted.image else paths
    for name, path in used.items() if wanted.image else dict(used, devpi_python=wanted.python).items():
        real = found.real.get(path, path)
        problems += ["%s is %s. Choose another path." % (name, one) for one in _why_unusable(path, real, wanted, found)]
    return problems


def _nested(paths: t.Mapping[str, str], found: Found) -> t.List[str]:
    """Report a folder that is another one or is in it: one would be replaced, written to or removed with the other."""
    places = {name: [path, found.real.get(path, path)] for name, path in paths.items()}
    shown = {name: path if path == real else "%s (really %s)" % (path, real) for name, (path, real) in places.items()}
    places["devpi_venv"] += [path + suffix for path in places["devpi_venv"] for suffix in (FORMER, NEW)]
    for inner, outer in itertools.permutations(paths, 2):
        if any((one + "/").startswith(two + "/") for one in places[inner] for two in places[outer]):
            return [
                "%s is %s, which is in %s, %s, or the same folder. Give the environment, the data and the configuration three "
                "separate folders, none in another; the names devpi_venv%s and devpi_venv%s are in use, too."
                % (inner, shown[inner], outer, shown[outer], FORMER, NEW)
            ]
    return []


def _linked(wanted: Wanted, found: Found) -> t.List[str]:
    """Report files that are links: their targets would be read, replaced or change owner. A folder may be a link."""
    problems = []
    for name, folder in (("devpi_data_dir", wanted.data_dir), ("devpi_config_dir", wanted.config_dir)):
        if folder in found.links and folder not in found.entries:
            problems.append(
                "%s is %s, a link to %s, which does not exist: is its disk mounted? Mount it, or create that folder."
                % (name, folder, found.links[folder])
            )
    files = (wanted.unit_path, wanted.quadlet_path, wanted.config_path, wanted.secret_path, wanted.password_path)
    for path in filter(None, files):
        target = found.links.get(path)
        if target == "/dev/null" and path == wanted.unit_path:
            name = path.rpartition("/")[2]
            problems.append(
                "%s is masked: %s is a link to /dev/null. To run it again, run 'systemctl unmask %s' first."
                % (name, path, name)
            )
        elif target is not None:
            problems.append("%s is a link to %s, and must be a file itself. Remove the link." % (path, target))
    return problems


def _is_foreign(names: t.Sequence[str]) -> bool:
    """Return whether a configuration folder belongs to something else; an operator may add files to the index's own."""
    return (
        bool(foreign_names(names)) and "devpi-server.yml" not in names and not {"secret", "root.password"} <= set(names)
    )


def foreign_names(names: t.Iterable[str]) -> t.List[str]:
    """Return the names in a configuration folder that are not the index's."""
    return sorted(name for name in names if name != "lost+found" and not CONFIG_NAMES.match(name))


def _why_unusable(path: str, real: str, wanted: Wanted, found: Found) -> t.List[str]:
    """Return why the server could not use a path, at most one reason."""
    where = path if real == path else "%s, which is really %s" % (path, real)
    for hidden in HIDDEN:
        if (real + "/").startswith(hidden + "/"):
            return ["%s, and the server's sandbox hides %s from it" % (where, hidden)]
    if path != wanted.python and real.startswith("/run/"):
        return ["%s, and /run is empty after a reboot" % where]
    if path in found.closed:
        return [
            "%s, and the account %s may not enter %s (chmod o+x allows it)" % (where, wanted.user, found.closed[path])
        ]
    return []


def _wrong_options(options: t.Mapping[str, t.Any]) -> t.List[str]:
    problems = []
    for key in sorted(options):
        value = options[key]
        if key in OWNED and not (
            key == "offline-mode" and isinstance(value, bool) or key == "restrict-modify" and value == "root"
        ):
            problems.append("devpi_options has %s, which cannot be set there. %s" % (key, OWNED[key]))
        elif not re.match(r"[a-z0-9][a-z0-9-]*\Z", key):
            problems.append(
                "devpi_options has %s, and an option of devpi-server is written with its long name, without leading dashes, "
                "for example outside-url. Correct it." % key
            )
        elif value is None or isinstance(value, t.Mapping) or any(not _is_scalar(one) for one in _as_list(value)):
            problems.append(
                "devpi_options has %s with the value %s. Give a text, a number, true, false or a list of texts."
                % (key, json.dumps(value, default=str))
            )
    return problems


def _as_list(value: t.Any) -> t.List[t.Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _is_scalar(value: t.Any) -> bool:
    return isinstance(value, (str, int, float)) and "\n" not in str(value)


def _wrong_address(wanted: Wanted, found: Found) -> t.List[str]:
    if not wanted.hosts:
        return ["devpi_host is empty. Set it to the address to listen on, or to 0.0.0.0 for every IPv4 address."]
    if not 0 < wanted.port < 65536:
        return ["devpi_port is %d, and a port is a number from 1 to 65535. Set it to a free port." % wanted.port]
    problems = []
    for host in wanted.hosts:
        if host in found.unusable:
            problems.append(
                "Nothing on this host can listen on %s, which devpi_host names: %s. Set devpi_host to an address of this host, "
                "or to 0.0.0.0 for every IPv4 address." % (host, found.unusable[host])
            )
    if not found.port.free and not found.port.is_own:
        problems.append(
            "Port %d on this host is in use by %s. Stop that process, or set devpi_port to a free port."
            % (wanted.port, found.port.owner)
        )
    return problems


def _wrong_account(wanted: Wanted, found: Found) -> t.List[str]:
    return _accounts.why_unusable(wanted.user, found.account, found.members, COMMENT, "devpi_system_user")


def _wrong_data(wanted: Wanted, found: Found) -> t.List[str]:
    data, where = found.data, wanted.data_dir
    if data.names and not {".serverversion", ".init"} & set(data.names):
        return [
            "%s is not empty, and its content is not devpi's (it has no .serverversion): %s. Empty it, or set "
            "devpi_data_dir to another folder." % (where, ", ".join(data.names[:5]))
        ]
    if ".serverversion" not in data.names:
        if found.former_data_dir and not data.names:
            return [
                "The index on this host has its data in %s, and devpi_data_dir is %s, which holds no data. To move them, stop "
                "the server ('systemctl stop devpi-server'), move the content of the one folder to the other, and run this "
                "again. To start with an empty index, play teardown first, which keeps the data."
                % (found.former_data_dir, where)
            ]
        secret = found.entries.get(wanted.secret_path)
        units = [path for path in (wanted.text_path, wanted.other_path) if path in found.entries]
        if not data.names and units and secret is not None and not secret.empty:
            return [
                "An index was set up on this host (%s exists), but %s holds no data any more: is its disk mounted? "
                "Mount it, and run this again. To start with an empty index, play teardown first." % (units[0], where)
            ]
        return []
    problems = []
    needed = _migration.format_of(wanted.version, data.format)
    if not data.format:
        problems.append(
            "%s/.serverversion is not as devpi-server writes it: a file with the number of a format. Restore the folder "
            "from a backup, or set devpi_data_dir to another one." % where
        )
    elif not wanted.is_replica and needed != data.format and (data.format, needed) not in _migration.PATHS:
        problems.append(
            "The data in %s have format %s, and devpi-server %s of the bundle needs %s. Run devpi-export with the version "
            "that wrote them, move the folder away, and run devpi-import with the new version into an empty one; or stage a "
            "version that fits (stage_devpi_requirements)." % (where, data.format, wanted.version, needed)
        )
    elif needed != data.format and wanted.image:
        problems.append(
            "The data in %s have format %s, and devpi-server %s of the bundle needs %s. In a container they are not converted. Set "
            "devpi_runtime to venv, play index, and then set it to quadlet again."
            % (where, data.format, wanted.version, needed)
        )
    if data.role == REPLICA and not wanted.is_replica and not wanted.promote:
        problems.append(
            "The data in %s are those of a replica, and this host is the first of airgap_index, which is the primary. Restore "
            "the order of the hosts there, or play promote_replica with the name of this host, which makes it the primary."
            % where
        )
    entry = found.entries.get(wanted.password_path)
    if (entry is None or entry.empty) and not wanted.has_password and not wanted.is_replica:
        problems.append(
            "%s holds data of devpi whose root password is not known here: %s does not exist. Set devpi_root_password to the "
            "root password of these data." % (where, wanted.password_path)
        )
    return problems + _wrong_owner(wanted, found)


def _wrong_owner(wanted: Wanted, found: Found) -> t.List[str]:
    """Report data that belong to another account; if there is no account yet, it gets the user id that owns the data."""
    owners = {
        uid: name
        for uid, name in found.data.owners.items()
        if (found.account.uid != uid if found.account else bool(name) or uid == 0)
    }
    if not owners and (found.account or len(found.data.owners) < 2):
        return []
    shown = owners or found.data.owners
    named = ", ".join(sorted(name or "user id %d" % uid for uid, name in shown.items()))
    fix = "run 'chown -R %s: %s'" % (wanted.user, wanted.data_dir)
    if found.account is None:
        fix = "run 'useradd --system --user-group --comment %s --shell %s %s' and %s" % (
            COMMENT,
            SHELL,
            wanted.user,
            fix[4:],
        )
    former = [name for name in owners.values() if name and name != "root"]
    return [
        "The data in %s belong to %s, and devpi_system_user is %s, which could not read them. %sTo give them to %s, stop the "
        "server first ('systemctl stop devpi-server'), %s, and run this again."
        % (
            wanted.data_dir,
            named,
            wanted.user,
            "Set devpi_system_user to %s. " % former[0] if len(former) == 1 else "",
            wanted.user,
            fix,
        )
    ]


def may_pass(entry: Entry, account: t.Optional[Account]) -> bool:
    """Return whether an account may pass a folder (path_resolution(7)); None is an account that does not exist yet."""
    if account is not None and entry.uid == account.uid:
        return bool(entry.mode & 0o100)
    if account is not None and entry.gid == account.gid:
        return bool(entry.mode & 0o010)
    return bool(entry.mode & 0o001)
