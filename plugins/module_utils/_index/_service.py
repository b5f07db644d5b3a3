# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""devpi-server as a unit of systemd: what is wrong with what is wanted, and what is to be done. Decisions, without I/O.

What is asked for is Wanted, what the host looks like is Found. The module devpi_service looks, asks problems() and plan(),
and carries the plan out.
"""

from __future__ import annotations

import itertools
import json
import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._files import TEMPORARY_PREFIX
from ansible_collections.airgap.python.plugins.module_utils._former import FORMER, KEPT, NEW
from ansible_collections.airgap.python.plugins.module_utils._index import _addresses
from ansible_collections.airgap.python.plugins.module_utils._index._listeners import Port

# How an account of ours is known: the role makes it with this comment.
COMMENT = "devpi-server"
SHELL = "/usr/sbin/nologin"
# What the unit's sandbox hides (ProtectHome, PrivateTmp, PrivateDevices, ProcSubset).
HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp", "/dev", "/proc", "/sys")
# The format of the data folder (.serverversion) that each major version of devpi-server writes.
FORMATS = {"4": "4", "5": "4", "6": "4"}
# What the index has in its configuration folder.
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


class Wanted(t.NamedTuple):
    """What the role asks for. ``version`` is the one of devpi-server that the bundle brings, "" where it is not known."""

    user: str
    python: str
    venv: str
    data_dir: str
    config_dir: str
    unit_path: str
    unit: str
    hosts: t.Tuple[str, ...]
    port: int
    options: t.Mapping[str, t.Any]
    argon2_memory_cost: int
    version: str
    has_password: bool

    @property
    def config_path(self) -> str:
        """Return the path of the configuration file."""
        return self.config_dir + "/devpi-server.yml"

    @property
    def secret_path(self) -> str:
        """Return the path of the server's secret."""
        return self.config_dir + "/secret"

    @property
    def password_path(self) -> str:
        """Return the path of the file with root's password."""
        return self.config_dir + "/root.password"


class Account(t.NamedTuple):
    """A user of the host."""

    uid: int
    gid: int
    comment: str
    shell: str


class Entry(t.NamedTuple):
    """A file or folder: owner, mode, time of its last change, and of the files that may be shown their text."""

    uid: int
    gid: int
    mode: int
    changed: float = 0
    text: t.Optional[str] = None
    empty: bool = False


class Runs(t.NamedTuple):
    """What systemd says of the unit (systemctl show); ``started`` is the time of its process, 0 where it has none."""

    active: str = "inactive"
    sub: str = "dead"
    stale: bool = False
    enabled: bool = False
    started: float = 0
    restarts: int = 0
    result: str = "success"


class Data(t.NamedTuple):
    """What is in the data folder: the names, and of devpi's own data their format and role; owners by user id."""

    names: t.Tuple[str, ...] = ()
    format: str = ""
    role: str = ""
    owners: t.Mapping[int, str] = {}


class Found(t.NamedTuple):
    """What the host looks like. ``real`` has the real path of each path that is asked for, ``entries`` what lies there.

    ``closed`` names a folder that the account may not pass, by path. ``mute`` says of addresses why nothing can listen
    there. ``elsewhere`` is the data folder of the unit that is there, if it is another and devpi's data are in it.
    ``venv_changed`` is when the environment got its content, ``now`` when all this was seen, ``config_names`` are the names
    in the configuration folder. ``links`` tells of files and the data folder what they lead to, where they are links.
    """

    is_root: bool
    systemd: bool
    account: t.Optional[Account]
    gid: t.Optional[int]
    members: t.Tuple[str, ...]
    real: t.Mapping[str, str]
    closed: t.Mapping[str, str]
    entries: t.Mapping[str, Entry]
    data: Data
    elsewhere: str
    mute: t.Mapping[str, str]
    port: Port
    runs: Runs
    venv_changed: float
    now: float
    config_names: t.Tuple[str, ...] = ()
    links: t.Mapping[str, str] = {}


class Plan(t.NamedTuple):
    """What is to be done: the steps, in their order, and why the server is started anew ("" if it is not)."""

    steps: t.Tuple[str, ...]
    restart: str

    @property
    def changed(self) -> bool:
        """Say whether there is anything to do."""
        return bool(self.steps or self.restart)


# What is written.


def config(wanted: Wanted) -> str:
    """Return the text of the configuration file."""
    options = dict(wanted.options)
    options.update(
        {
            "serverdir": wanted.data_dir,
            "secretfile": wanted.secret_path,
            "argon2-memory-cost": wanted.argon2_memory_cost,
            "restrict-modify": "root",
            "offline-mode": True,
        }
    )
    if len(wanted.hosts) == 1:
        options.update(host=wanted.hosts[0], port=wanted.port)
    else:
        options["listen"] = [_addresses.joined(host, wanted.port) for host in wanted.hosts]
    lines = [line for key in sorted(options) for line in _config_lines(key, options[key])]
    head = "# Written by Ansible (airgap.python.devpi); changes are lost. No secrets in here.\n"
    return "# SPDX-License-Identifier: GPL-3.0-or-later\n" + head + "devpi-server:\n" + "\n".join(lines) + "\n"


def _config_lines(key: str, value: t.Any) -> t.List[str]:
    """Return an option as devpi-server reads it, by strictyaml: texts, and lists of them with an item on each line."""
    if isinstance(value, (list, tuple)):
        return ["  %s:" % key, *("  - %s" % _quoted(one) for one in value)]
    return ["  %s: %s" % (key, _quoted(value))]


def _quoted(value: t.Any) -> str:
    return json.dumps(str(value).lower() if isinstance(value, bool) else str(value), ensure_ascii=False)


def read_config(text: str) -> t.Dict[str, t.Any]:
    """Return the options of a configuration file that config() or an earlier version of the role wrote."""
    found: t.Dict[str, t.Any] = {}
    last = ""
    for line in text.splitlines():
        match = re.match(r"  (?:(?P<key>[a-z0-9-]+):|-)(?: (?P<value>\".*\"))?$", line)
        if not match:
            continue
        value = json.loads(match.group("value")) if match.group("value") else []
        if match.group("key"):
            last = match.group("key")
            found[last] = value
        elif isinstance(found.get(last), list):
            found[last].append(value)
    return found


def urls_of(text: str) -> t.List[str]:
    """Return the URLs by which the host reaches a server with this configuration; none where that cannot be read."""
    try:
        options = read_config(text)
        listen = options.get("listen")
        if isinstance(listen, list) and listen:
            port = int(str(listen[0]).rpartition(":")[2])
            return _addresses.own_urls([str(one).rpartition(":")[0] for one in listen], port)
        return _addresses.own_urls([str(options.get("host", "localhost"))], int(options.get("port", 3141)))
    except (TypeError, ValueError):
        return []


def trial(wanted: Wanted, config_path: str, port: int) -> t.Tuple[str, str]:
    """Return unit and configuration of a server that is started beside the one that runs, on a port of loopback.

    It is the same but for the address. As with a worker of devpi's (--requests-only) both may use the same data.
    """
    text = config(
        wanted._replace(hosts=("127.0.0.1",), port=port, options=dict(wanted.options, **{"requests-only": True}))
    )
    return trial_unit(wanted.unit.partition("\n[Install]")[0] + "\n", wanted, config_path), text


def trial_unit(text: str, wanted: Wanted, config_path: str) -> str:
    """Return the text of a unit, or of what a site adds to it, for the server that is only tried."""
    return text.replace(wanted.config_path, config_path).replace("Restart=on-failure", "Restart=no")


# What is wrong.


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


def is_ours(account: Account) -> bool:
    """Say whether the role made an account."""
    return account.uid != 0 and account.comment == COMMENT


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


# What is to be done.


def uid_for(found: Found) -> t.Optional[int]:
    """Return the number that a new account gets so that the data which are there stay its own, or None for any."""
    owners = list(found.data.owners)
    return owners[0] if found.account is None and len(owners) == 1 else None


def plan(wanted: Wanted, found: Found) -> Plan:
    """Return what brings the host to what is wanted."""
    steps = []
    account, entries, runs = found.account, found.entries, found.runs
    if found.gid is None:
        steps.append("group")
    if account is None:
        steps.append("account")
    uid, gid = (account.uid, account.gid) if account else (-1, -1)
    for step, path, owner in (
        ("config folder", wanted.config_dir, (0, gid, 0o750)),
        ("data folder", wanted.data_dir, (uid, gid, 0o750)),
        ("secret", wanted.secret_path, (uid, gid, 0o600)),
        ("password", wanted.password_path, (0, 0, 0o600)),
    ):
        entry = entries.get(path)
        if entry is None or entry.empty or (entry.uid, entry.gid, entry.mode) != owner:
            steps.append(step)
    texts = {wanted.config_path: config(wanted), wanted.unit_path: wanted.unit}
    for step, path, owner in (
        ("config", wanted.config_path, (0, gid, 0o640)),
        ("unit", wanted.unit_path, (0, 0, 0o644)),
    ):
        entry = entries.get(path)
        if entry is None or entry.text != texts[path] or (entry.uid, entry.gid, entry.mode) != owner:
            steps.append(step)
    if ".serverversion" not in found.data.names:
        steps.append("data")
    if not runs.enabled:
        steps.append("enable")
    return Plan(tuple(steps), _why_restart(wanted, found, texts))


def _why_restart(wanted: Wanted, found: Found, texts: t.Mapping[str, str]) -> str:
    """Return why the server must be started anew: what runs is not what is wanted."""
    runs, entries = found.runs, found.entries
    if runs.active != "active":
        return "it does not run"
    changed = [path for path, text in texts.items() if path not in entries or entries[path].text != text]
    secret = entries.get(wanted.secret_path)
    if secret is None or secret.empty:
        changed.append(wanted.secret_path)
    if changed:
        return "%s changes" % " and ".join(sorted(changed))
    if runs.stale:
        return "systemd runs it by an earlier unit"
    times = {path: entries[path].changed for path in (*texts, wanted.secret_path)}
    times[wanted.venv] = found.venv_changed
    # A time that is still to come was written by a clock that has been set back since, and says nothing.
    newer = sorted(path for path, time in times.items() if runs.started < time <= found.now)
    return "%s is newer than the process that runs" % " and ".join(newer) if newer else ""


# How a start went.


def parse_show(text: str, boot: float) -> Runs:
    """Return what ``systemctl show`` says; ``boot`` is the time at which the monotonic clock was 0."""
    said = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def number(name: str) -> int:
        return int(said[name]) if said.get(name, "").isdigit() else 0

    began = number("ExecMainStartTimestampMonotonic")
    running = said.get("MainPID", "0") != "0"
    return Runs(
        said.get("ActiveState", "inactive"),
        said.get("SubState", "dead"),
        said.get("NeedDaemonReload") == "yes",
        said.get("UnitFileState") in ("enabled", "enabled-runtime"),
        boot + began / 1e6 if began and running else 0,
        number("NRestarts"),
        said.get("Result", "success"),
    )


def has_failed(runs: Runs, restarts: int = 0) -> bool:
    """Say whether systemd has seen the server end; ``restarts`` is how often it had started it again before."""
    return runs.active in ("failed", "inactive") or runs.sub == "auto-restart" or runs.restarts > restarts


_CAUSES = (
    (
        r"Permission denied|PermissionError|Operation not permitted",
        "The account or the unit's sandbox may not do that: look at the owner and the mode of what it names ('ls -ld').",
    ),
    (r"Address already in use|Errno 98", "Something else listens on that address. Stop it, or set devpi_port."),
    (
        r"Cannot assign requested address|Errno 99|Address family not supported",
        "This host has no such address. Set devpi_host.",
    ),
    (r"No space left on device|Errno 28|disk I/O error|disk is full", "A disk is full: 'df -h' shows which."),
    (
        r"Unknown devpi-server option|unrecognized arguments|You can use either|invalid (?:\w+ )?value",
        "Correct devpi_options.",
    ),
    (
        r"Failed to set up mount namespacing|status=226",
        "A folder of the unit is not there, or this container forbids it.",
    ),
    (r"No such file or directory|Failed at step EXEC|status=203", "Something that it needs is not there."),
    (
        r"ModuleNotFoundError|ImportError|cannot open shared object|failed to map segment",
        "Stage the bundle for this host's target again.",
    ),
    (r"MemoryError|Cannot allocate memory|oom", "It needs more memory, or a smaller devpi_argon2_memory_cost."),
    (r"\bfatal: ", "Correct what it names, in devpi_options or devpi_config_dir."),
)
_NOISE = re.compile(
    r"^\s*$|^(Started|Starting|Stopping|Stopped|Failed to start) |^Traceback|^  |: (Failed with result|Main process exited|Scheduled restart|"
    r"Consumed|Control process exited|Deactivated|Service has no|Start request)|INFO|^\s*(raise|return|File) |^During handling|^The above"
)


def why_it_ended(lines: t.Sequence[str]) -> t.Tuple[str, str]:
    """Return the one line that matters of what a server said before it ended, and what to do."""
    telling = [line.strip() for line in lines if not _NOISE.search(line)]
    for cause, mend in _CAUSES:
        for line in reversed(telling):
            if re.search(cause, line):
                return _short(line), mend
    exits = [line.strip() for line in lines if "exited, code=" in line]
    last = (telling or exits or ["it said nothing"])[-1]
    return _short(last), "See what it said before that."


def unknown_options(said: str) -> t.List[str]:
    """Return the options that devpi-server says it does not know; it only warns of them."""
    return sorted(set(re.findall(r"Unknown devpi-server option '?([^' ]+)'?", said)))


def _short(line: str, width: int = 300) -> str:
    line = re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip(" .?!")
    return line if len(line) <= width else line[: width - 1] + "…"


def may_pass(entry: Entry, account: t.Optional[Account]) -> bool:
    """Say whether an account, or one that is to be made, may pass a folder (path_resolution(7))."""
    if account is not None and entry.uid == account.uid:
        return bool(entry.mode & 0o100)
    if account is not None and entry.gid == account.gid:
        return bool(entry.mode & 0o010)
    return bool(entry.mode & 0o001)


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
