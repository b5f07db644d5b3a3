# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The timer that makes backups: a program, its configuration and two units of systemd."""

from __future__ import annotations

import os
import re
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._access import set_owner
from ansible_collections.airgap.python.plugins.module_utils._backup import _program
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import make_folder, read_if_exists, write_atomic
from ansible_collections.airgap.python.plugins.module_utils._index import _systemd
from ansible_collections.airgap.python.plugins.module_utils._program_source import zip_program

NAME = "airgap-backup"
PROGRAM = "/usr/local/lib/airgap/backup.pyz"
CONFIG = "/etc/airgap-backup.json"
UNITS = "/etc/systemd/system"
# The options of the module index_backup.
OPTIONS: t.Dict[str, t.Any] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "folder": {"type": "path", "default": "/var/backups/airgap"},
    "keep": {"type": "int", "default": 7},
    "on_calendar": {"type": "str", "default": "*-*-* 02:30:00"},
    "python": {"type": "path", "default": "/usr/bin/python3"},
    "sources": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "path": {"type": "path", "required": True},
            "optional": {"type": "bool", "default": False},
        },
    },
    "run": {"type": "bool", "default": False},
}
_HEAD = "# SPDX-License-Identifier: GPL-3.0-or-later\n# Written by Ansible (airgap.python.backup); changes are lost.\n"
_SERVICE = """[Unit]
Description=Backup of the index of this site
RequiresMountsFor={folder}

[Service]
Type=oneshot
ExecStart={python} -I {program} {config}
Nice=10
IOSchedulingClass=idle
UMask=0077

# It reads everything and writes to the folder of the backups.
ReadWritePaths={folder}
CapabilityBoundingSet={capability}
DevicePolicy=closed
IPAddressDeny=any
KeyringMode=private
LockPersonality=yes
MemoryDenyWriteExecute=yes
NoNewPrivileges=yes
PrivateDevices=yes
PrivateNetwork=yes
PrivateTmp=yes
ProcSubset=pid
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=yes
RestrictAddressFamilies=none
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
"""
_TIMER = """[Unit]
Description=Backup of the index of this site, by the calendar

[Timer]
OnCalendar={on_calendar}
# A host that was off makes up for it.
Persistent=yes
RandomizedDelaySec=5min

[Install]
WantedBy=timers.target
"""


def reading_capability(status: str) -> str:
    """Return the capability with which root reads files of others (capabilities(7)), of those that this host has.

    CAP_DAC_READ_SEARCH is enough. Where a container lacks it, CAP_DAC_OVERRIDE is left; the unit's sandbox keeps it from
    writing.

    Args:
        status: What /proc/1/status contains (proc(5)); CapBnd is a bit mask in hex.
    """
    for line in status.splitlines():
        name, dummy, value = line.partition(":")
        if name == "CapBnd" and not int(value, 16) >> 2 & 1:
            return "CAP_DAC_OVERRIDE"
    return "CAP_DAC_READ_SEARCH"


def wanted_files(params: t.Mapping[str, t.Any], program: bytes) -> t.Dict[str, bytes]:
    """Return path to content of everything that the timer needs."""
    config = {"folder": params["folder"], "keep": params["keep"], "sources": params["sources"]}
    values = {
        "folder": params["folder"],
        "python": params["python"],
        "program": PROGRAM,
        "config": CONFIG,
        "on_calendar": params["on_calendar"],
        "capability": reading_capability((read_if_exists("/proc/1/status") or b"").decode("ascii", "replace")),
    }
    texts = {
        CONFIG: _json.render(config),
        "%s/%s.service" % (UNITS, NAME): _HEAD + _SERVICE.format(**values),
        "%s/%s.timer" % (UNITS, NAME): _HEAD + _TIMER.format(**values),
    }
    return dict({path: text.encode("utf-8") for path, text in texts.items()}, **{PROGRAM: program})


def _diff(before: t.Mapping[str, t.Optional[bytes]], after: t.Mapping[str, bytes]) -> t.List[t.Dict[str, str]]:
    def shown(path: str, data: t.Optional[bytes]) -> str:
        if data is None:
            return ""
        return "(a program of %d bytes)\n" % len(data) if path == PROGRAM else data.decode("utf-8", "replace")

    return [
        {
            "before_header": path,
            "after_header": path,
            "before": shown(path, before[path]),
            "after": shown(path, after.get(path)),
        }
        for path in sorted(before)
        if before[path] != after.get(path)
    ]


def check_calendar(module: AnsibleModule, on_calendar: str) -> None:
    """Raise AirgapError where systemd does not understand a calendar event (systemd.time(7))."""
    rc, out, err = _systemd.run(module, "systemd-analyze", "calendar", on_calendar)
    if rc != 0:
        raise AirgapError(
            "backup_on_calendar is %r, which systemd does not understand: %s. Write it as in systemd.time(7), for "
            "example *-*-* 02:30:00."
            % (on_calendar, (err or out).strip().splitlines()[-1] if err or out else "no reason")
        )


def ensure_present(module: AnsibleModule) -> t.Dict[str, t.Any]:
    """Write the program, its configuration and its units, and enable the timer; return the result of the module."""
    params = module.params
    if params["keep"] < 1:
        raise AirgapError(
            "keep is %d, and at least one backup must be kept. Set backup_keep to 1 or more." % params["keep"]
        )
    if not all(re.match(r"[a-z][a-z-]*\Z", one["name"]) for one in params["sources"]):
        raise AirgapError("A source has a name with other characters than small letters and hyphens. Rename it.")
    check_calendar(module, params["on_calendar"])
    after = wanted_files(params, zip_program(_program))
    before: t.Dict[str, t.Optional[bytes]] = {path: read_if_exists(path) for path in after}
    timer = _systemd.Systemd(module, NAME + ".timer")
    state = timer.state()
    is_on = state.enabled and state.active == "active"
    changes = [path for path in sorted(after) if before[path] != after[path]]
    changed = bool(changes) or not is_on or not os.path.isdir(params["folder"])
    if changed and not module.check_mode:
        make_folder(params["folder"])
        set_owner(os.path.realpath(params["folder"]), 0, 0, 0o700)
        for path in changes:
            make_folder(os.path.dirname(path))
            write_atomic(path, after[path], 0o644)
        timer.systemctl_or_fail("daemon-reload")
        timer.systemctl_or_fail("enable", "--quiet", timer.name)
        timer.systemctl_or_fail("restart", timer.name)
    result: t.Dict[str, t.Any] = {"changed": changed, "diff": _diff(before, after)}
    if params["run"] and not module.check_mode:
        make_now(timer, params["folder"])
        result["changed"] = True
    last = _program.read_state(params["folder"])
    result["last"] = {
        "ok": last.get("ok") is True,
        "started": str(last.get("started", "")),
        "backup": str(last.get("backup", "")),
        "message": str(last.get("message", "")),
    }
    return result


def make_now(systemd: _systemd.Systemd, folder: str) -> None:
    """Make a backup in the unit's own sandbox; raises AirgapError with its reason if it fails."""
    rc, output = systemd.systemctl("start", NAME + ".service")
    if rc != 0:
        message = _program.read_state(folder).get("message") or output[-300:]
        raise AirgapError("The backup failed: %s See 'journalctl -u %s' on this host." % (message, NAME))


def ensure_absent(module: AnsibleModule) -> t.Dict[str, t.Any]:
    """Stop the timer and remove everything but the backups; return the result of the module."""
    paths = sorted(wanted_files(dict(module.params, sources=[]), b""))
    before: t.Dict[str, t.Optional[bytes]] = {path: read_if_exists(path) for path in paths}
    changes = [path for path in paths if before[path] is not None]
    if changes and not module.check_mode:
        timer = _systemd.Systemd(module, NAME + ".timer")
        timer.systemctl("disable", "--now", "--quiet", timer.name)
        timer.systemctl("stop", NAME + ".service")
        for path in changes:
            os.unlink(path)
        timer.systemctl("daemon-reload")
    return {"changed": bool(changes), "diff": _diff(before, {})}
