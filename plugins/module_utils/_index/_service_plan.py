# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be done so that the service runs as wanted: decisions, without I/O."""

from __future__ import annotations

import typing as t

from ansible_collections.airgap.python.plugins.module_utils._index import _migration, _replication
from ansible_collections.airgap.python.plugins.module_utils._index._service import Found, Wanted
from ansible_collections.airgap.python.plugins.module_utils._index._service_config import render

# The step that converts the data to the format of another major version.
CONVERT = "convert the data"
# The step that makes a replica's data again from those of its primary.
COPY = "copy the data from the primary"
# The step that leaves the other way to run it: an environment, or a container.
RUNTIME = "runtime"


class Plan(t.NamedTuple):
    """The steps to do, and why the server restarts ("" if it does not)."""

    steps: t.Tuple[str, ...]
    restart: str

    @property
    def changed(self) -> bool:
        """Return whether there is anything to do."""
        return bool(self.steps or self.restart)


def uid_for(found: Found) -> t.Optional[int]:
    """Return the user id that a new account gets so that it owns the existing data, or None for any."""
    owners = list(found.data.owners)
    return owners[0] if found.account is None and len(owners) == 1 else None


def needs_migration(wanted: Wanted, found: Found) -> bool:
    """Return whether devpi's data must be converted to another format first."""
    now = found.data.format
    return not wanted.is_replica and bool(now) and _migration.format_of(wanted.version, now) != now


def texts_of(wanted: Wanted) -> t.Dict[str, str]:
    """Return the text of each file that the server runs with."""
    found = {wanted.config_path: render(wanted), wanted.text_path: wanted.unit}
    if wanted.is_replica and wanted.primary_ca:
        found[wanted.ca_path] = wanted.primary_ca
    return found


def plan(wanted: Wanted, found: Found) -> Plan:
    """Return what must be done so that the service runs as wanted."""
    steps = []
    account, entries = found.account, found.entries
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
    texts = texts_of(wanted)
    for step, path, owner in (
        ("config", wanted.config_path, (0, gid, 0o640)),
        ("unit", wanted.text_path, (0, 0, 0o644)),
        *([("certificate of the primary", wanted.ca_path, (0, gid, 0o640))] if wanted.ca_path in texts else []),
    ):
        entry = entries.get(path)
        if entry is None or entry.text != texts[path] or (entry.uid, entry.gid, entry.mode) != owner:
            steps.append(step)
    if wanted.other_path in entries:
        steps.append(RUNTIME)
    if ".serverversion" not in found.data.names:
        steps.append("data")
    if needs_migration(wanted, found):
        steps.append(CONVERT)
    if _replication.why_copied_again(wanted, found):
        steps.append(COPY)
    # A quadlet says by itself when it starts.
    if not wanted.image and (not found.unit_state.enabled or RUNTIME in steps):
        steps.append("enable")
    return Plan(tuple(steps), _why_restart(wanted, found, texts))


def _why_restart(wanted: Wanted, found: Found, texts: t.Mapping[str, str]) -> str:
    """Return why the server must restart: it does not run with what is wanted."""
    state, entries = found.unit_state, found.entries
    if needs_migration(wanted, found):
        return "its data are converted"
    copied = _replication.why_copied_again(wanted, found)
    if copied:
        return "its data are copied from the primary, because %s" % copied
    if state.active != "active":
        return "it does not run"
    changed = [path for path, text in texts.items() if path not in entries or entries[path].text != text]
    secret = entries.get(wanted.secret_path)
    if secret is None or secret.empty:
        changed.append(wanted.secret_path)
    if changed:
        return "%s changes" % " and ".join(sorted(changed))
    if state.stale:
        return "systemd runs it with an earlier unit"
    times = {path: entries[path].changed for path in (*texts, wanted.secret_path)}
    # A new image has a new name, which is in the unit.
    times[wanted.venv] = 0 if wanted.image else found.venv_changed
    # A time in the future was written by a clock that has been set back since, and means nothing.
    newer = sorted(path for path, time in times.items() if state.started < time <= found.now)
    return "%s is newer than the running process" % " and ".join(newer) if newer else ""
