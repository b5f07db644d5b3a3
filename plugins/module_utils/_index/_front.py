# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The front: what is wanted, what was found on the host, and what must be done. Decisions, without I/O."""

from __future__ import annotations

import ipaddress
import json
import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._index import _accounts, _addresses
from ansible_collections.airgap.python.plugins.module_utils._index._listeners import Port
from ansible_collections.airgap.python.plugins.module_utils._index._service import Account, Entry, UnitState

COMMENT = "airgap-front"
SERVICE, SOCKET = "airgap-front.service", "airgap-front.socket"
RENEWAL, TIMER = "airgap-front-renew.service", "airgap-front-renew.timer"
TRIAL = "airgap-front-trial"
# Names in the configuration folder.
CONFIG, SETTINGS, SERVER, CA, CA_KEY = "nginx.conf", "certificate.json", "server.pem", "ca.pem", "ca.key"
# Where the unit sees the folder that is served.
SEEN = "/srv/airgap-front"
# The program that renews the certificate, in the environment.
PROGRAM = "site_certificate.py"


class Wanted(t.NamedTuple):
    """The front as the role wants it.

    Attributes:
        units: Text of each unit by its name; without TLS, those of the renewal are left out.
        config: The text of nginx.conf.
        settings: The names or files of the certificate, empty without TLS.
        folder: The folder that is served.
        owner: The account that writes into that folder; the front's group may then read it. Empty: everyone may.
    """

    user: str
    venv: str
    nginx: str
    config_dir: str
    root: str
    unit_dir: str
    units: t.Mapping[str, str]
    config: str
    hosts: t.Tuple[str, ...]
    port: int
    settings: t.Mapping[str, t.Any]
    program: str
    folder: str
    owner: str

    @property
    def tls(self) -> bool:
        """Return whether the front serves https."""
        return bool(self.settings)

    def unit_path(self, name: str) -> str:
        """Return the path of a unit."""
        return "%s/%s" % (self.unit_dir, name)

    def config_path(self, name: str) -> str:
        """Return the path of a file in the configuration folder."""
        return "%s/%s" % (self.config_dir, name)

    @property
    def program_path(self) -> str:
        """Return the path of the program that renews the certificate."""
        return "%s/%s" % (self.venv, PROGRAM)

    def texts(self, gid: int) -> t.Dict[str, t.Tuple[str, t.Tuple[int, int, int]]]:
        """Return path to text, owner, group and mode of each file."""
        found = {self.unit_path(name): (text, (0, 0, 0o644)) for name, text in self.units.items()}
        found[self.config_path(CONFIG)] = (self.config, (0, gid, 0o640))
        if self.tls:
            settings = json.dumps(self.settings, indent=2, sort_keys=True) + "\n"
            found[self.config_path(SETTINGS)] = (settings, (0, gid, 0o640))
            found[self.program_path] = (self.program, (0, 0, 0o644))
        return found

    def strange(self) -> t.List[str]:
        """Return the paths of files that are removed, if they exist."""
        units = [self.unit_path(name) for name in (TIMER, RENEWAL) if name not in self.units]
        return units + ([] if self.tls else [self.config_path(SETTINGS), self.config_path(SERVER)])


class Found(t.NamedTuple):
    """What the host looks like.

    Attributes:
        entries: The wanted files and folders that exist, by path.
        owner: The account that writes into the folder that is served, if it is wanted and exists.
        unusable: By address, why nothing can listen there.
        socket: What the socket listens on, as HOST:PORT; empty if it is not active.
        enabled: Whether systemd starts everything at boot, the timer of the renewal runs, and nothing is stale.
        replaced: Whether the folder that is served is another one than the running front sees.
        certificate: The files of the certificate that would be written, with reasons.
        fresh: Whether the running front serves the certificate on disk.
    """

    is_root: bool
    systemd: bool
    account: t.Optional[Account]
    gid: t.Optional[int]
    members: t.Tuple[str, ...]
    entries: t.Mapping[str, Entry]
    owner: t.Optional[Account]
    unusable: t.Mapping[str, str]
    port: Port
    socket: t.Tuple[str, ...]
    socket_stale: bool
    unit_state: UnitState
    enabled: bool
    venv_changed: float
    now: float
    replaced: bool
    certificate: t.Tuple[str, ...]
    fresh: bool


class Plan(t.NamedTuple):
    """The steps to do; why the port is opened again and the service restarted ("" if not); whether it only reloads."""

    steps: t.Tuple[str, ...]
    reopen: str
    restart: str
    reload: bool

    @property
    def changed(self) -> bool:
        """Return whether there is anything to do."""
        return bool(self.steps or self.reopen or self.restart or self.reload)


def find_problems(wanted: Wanted, found: Found, is_check: bool) -> t.List[str]:
    """Return everything that must be fixed before anything is changed, a sentence or two each."""
    if not found.systemd:
        return [
            "This host does not run systemd (there is no /run/systemd/system), and the front runs as a systemd unit. "
            "Use a Linux host or a container whose first process is systemd, or set front_state to absent."
        ]
    if not found.is_root:
        return ["The role front needs root on this host. Set become: true on the play."]
    problems = _wrong_paths(wanted)
    problems += _wrong_address(wanted, found)
    problems += _accounts.why_unusable(wanted.user, found.account, found.members, COMMENT, "front_system_user")
    problems += _wrong_certificate(wanted)
    # In check mode, an earlier role of the same run may only have reported that it would create it.
    if wanted.owner and found.owner is None and not is_check:
        problems.append(
            "The folder %s belongs to the account %s, which does not exist. Run the role devpi first."
            % (wanted.folder, wanted.owner)
        )
    if not wanted.owner and wanted.folder not in found.entries and not is_check:
        problems.append("The folder %s does not exist. Run the role static first." % wanted.folder)
    return problems


def _wrong_paths(wanted: Wanted) -> t.List[str]:
    return [
        "%s is %s, and must be an absolute path of two parts or more without spaces, quotes, colons, %%, $ and '..'. Choose "
        "another." % (name, path)
        for name, path in (
            ("front_config_dir", wanted.config_dir),
            ("front_venv", wanted.venv),
            ("front_nginx", wanted.nginx),
        )
        if not re.match(r"/[^/]+/.*[^/]$", path) or ".." in path.split("/") or re.search(r"[\s%\"'\\$:;{}]", path)
    ]


def _wrong_address(wanted: Wanted, found: Found) -> t.List[str]:
    if not wanted.hosts:
        return ["front_host is empty. Set it to the address to listen on, or to 0.0.0.0 for every IPv4 address."]
    if not 0 < wanted.port < 65536:
        return ["front_port is %d, and a port is a number from 1 to 65535. Set it to a free port." % wanted.port]
    problems = [
        "front_host has %s, and it must have IP addresses. Write the address of that host." % host
        for host in wanted.hosts
        if host != "*" and not _is_address(host)
    ]
    problems += [
        "Nothing on this host can listen on %s, which front_host names: %s. Set front_host to an address of this host, "
        "or to 0.0.0.0 for every IPv4 address." % (host, found.unusable[host])
        for host in wanted.hosts
        if host in found.unusable
    ]
    is_own = found.port.is_own or any(one.rpartition(":")[2] == str(wanted.port) for one in found.socket)
    if not found.port.free and not is_own:
        problems.append(
            "Port %d on this host is in use by %s. Stop that process, or set front_port to a free port."
            % (wanted.port, found.port.owner)
        )
    return problems


def _wrong_certificate(wanted: Wanted) -> t.List[str]:
    if not wanted.tls:
        return []
    if bool(wanted.settings["certificate"]) != bool(wanted.settings["key"]):
        return ["Only one of front_certificate and front_certificate_key is set. Set both, or neither."]
    problems = []
    for name, path in (
        ("front_certificate", wanted.settings["certificate"]),
        ("front_certificate_key", wanted.settings["key"]),
        ("front_ca_certificate", wanted.settings["ca_certificate"]),
    ):
        if path and (not path.startswith("/") or re.match(r"/(home|root|run/user|tmp|var/tmp)/", path)):
            problems.append(
                "%s is %s, and must be an absolute path that the daily renewal can read: not below /home, /root, /tmp or "
                "/var/tmp. Move the file, for example to /etc/ssl." % (name, path)
            )
    if not wanted.settings["certificate"]:
        if not wanted.settings["names"]:
            problems.append("front_names is empty. Name the addresses at which nodes reach this host.")
        problems += [
            "front_names has %s, which is neither a host name nor an address. Correct it." % name
            for name in wanted.settings["names"]
            if not is_name(name)
        ]
    return problems


def is_name(name: str) -> bool:
    """Return whether a certificate can be for a name: a host name (RFC 1123) or an address."""
    label = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
    is_host = re.match(r"(?=.{1,253}\Z)%s(\.%s)*\Z" % (label, label), name) and not re.match(r"[0-9.]+\Z", name)
    return bool(is_host) or _is_address(name)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def other_folder(wanted: Wanted, found: Found) -> str:
    """Return the folder that the front serves now, if it runs and that is another one than the wanted; else ""."""
    unit = found.entries.get(wanted.unit_path(SERVICE))
    if found.unit_state.active != "active" or unit is None:
        return ""
    match = re.search("^BindReadOnlyPaths=(.+):%s$" % SEEN, unit.text or "", re.MULTILINE)
    return match.group(1) if match and match.group(1) != wanted.folder else ""


def plan(wanted: Wanted, found: Found) -> Plan:
    """Return what must be done so that the front runs as wanted."""
    steps = []
    if found.gid is None:
        steps.append("group")
    if found.account is None:
        steps.append("account")
    gid = found.gid if found.gid is not None else -1
    owners = {wanted.config_dir: (0, gid, 0o2750), wanted.root: (0, 0, 0o755)}
    if wanted.owner:
        owners[wanted.folder] = (found.owner.uid if found.owner else -1, gid, 0o2750)
    for path, owner in owners.items():
        if _differs(found.entries.get(path), owner):
            steps.append(path)
    texts = wanted.texts(gid)
    for path, (text, owner) in texts.items():
        entry = found.entries.get(path)
        if _differs(entry, owner) or (entry is not None and entry.text != text):
            steps.append(path)
    steps += ["%s is removed" % path for path in wanted.strange() if path in found.entries]
    steps += found.certificate
    if not found.enabled:
        steps.append("enable")
    reopen = _why_reopen(wanted, found, steps)
    restart = reopen or _why_restart(wanted, found, steps)
    reload = not restart and wanted.tls and (bool(found.certificate) or not found.fresh)
    return Plan(tuple(steps), reopen, restart, reload)


def _differs(entry: t.Optional[Entry], owner: t.Tuple[int, int, int]) -> bool:
    return entry is None or (entry.uid, entry.gid, entry.mode) != owner


def _why_reopen(wanted: Wanted, found: Found, steps: t.Sequence[str]) -> str:
    """Return why the port is opened again."""
    if not found.socket:
        return "the port is not open"
    if sorted(found.socket) != sorted(_addresses.listen(wanted.hosts, wanted.port)):
        return "it listens on %s" % " and ".join(sorted(found.socket))
    path = wanted.unit_path(SOCKET)
    return "%s changes" % path if path in steps or found.socket_stale else ""


def _why_restart(wanted: Wanted, found: Found, steps: t.Sequence[str]) -> str:
    """Return why the service restarts: it does not run with what is wanted."""
    state = found.unit_state
    if state.active != "active":
        return "it does not run"
    paths = (wanted.unit_path(SERVICE), wanted.config_path(CONFIG))
    changed = [path for path in paths if path in steps]
    if changed:
        return "%s changes" % " and ".join(changed)
    if state.stale:
        return "systemd runs it with an earlier unit"
    if found.replaced or wanted.folder in steps:
        return "%s was replaced" % wanted.folder
    times = {path: found.entries[path].changed for path in paths}
    times[wanted.venv] = found.venv_changed
    # A time in the future was written by a clock that has been set back since, and means nothing.
    newer = sorted(path for path, time in times.items() if state.started < time <= found.now)
    return "%s is newer than the running process" % " and ".join(newer) if newer else ""


def trial(unit: str, config: str, config_path: str, port: int) -> t.Tuple[str, str]:
    """Return a unit that only checks a configuration, in the same sandbox, and that configuration."""
    listen = iter(["        listen 127.0.0.1:%d" % port])
    lines = []
    for line in config.replace("/run/airgap-front/", "/run/%s/" % TRIAL).splitlines():
        if line.strip().startswith("listen "):
            first = next(listen, None)
            lines += [first + (" ssl;" if line.endswith(" ssl;") else ";")] if first else []
        else:
            lines.append(line)
    unit = unit.partition("\n[Install]")[0] + "\n"
    unit = re.sub(r"^(Requires=.*|After=.*|Environment=\"NGINX=.*|ExecReload=.*|Restart=.*)\n", "", unit, flags=re.M)
    # The front of a static index gets its sockets from systemd and opens none; a check of the configuration does.
    unit = unit.replace("RestrictAddressFamilies=AF_UNIX\n", "RestrictAddressFamilies=AF_UNIX AF_INET\n")
    unit = unit.replace("Type=exec", "Type=oneshot").replace(
        "RuntimeDirectory=airgap-front", "RuntimeDirectory=" + TRIAL
    )
    unit = re.sub(r"^(ExecStart=\S+) .*$", r"\1 -t -q -p /run/%s -c %s" % (TRIAL, config_path), unit, flags=re.M)
    return unit, "\n".join(lines) + "\n"


def explain(lines: t.Sequence[str]) -> str:
    """Return the line of nginx's or systemd's messages that explains why the front did not start."""
    for line in reversed(lines):
        found = re.search(r"\[(?:emerg|alert|error|crit)\] (?:\d+#\d+: )?(.*)", line)
        if found:
            return found.group(1).strip().rstrip(".")
    relevant = [one.strip() for one in lines if re.search(r"[Ff]ailed|exited|denied|No such", one)]
    return (relevant or ["it wrote nothing"])[-1].rstrip(".")[:300]
