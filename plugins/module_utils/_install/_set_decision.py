# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to the environments of a requirement set, so that the one that serves holds its lock: without I/O."""

from __future__ import annotations

import base64
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import _venv_plan
from ansible_collections.airgap.python.plugins.module_utils._versions import canonical
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock, _wheel_name

# The set that carries pip itself, for hosts that have none.
PIP_SET = "airgap-pip"
# Nothing; the lock's text is written again; the link is switched to a kept one; a copy is changed; built from nothing.
NOTHING, RECORD, SWITCH, COPY, BUILD = "", "recorded", "switched", "changed", "built"


class Decision(t.NamedTuple):
    """What is done, one of the words above, and why."""

    action: str
    reason: str = ""


class Locks(t.NamedTuple):
    """What one target has: the texts of the locks by set, and the pin of pip's wheel."""

    texts: t.Mapping[str, str]
    pip: _lock.Pin


class State(t.NamedTuple):
    """What is known of the environment that serves.

    ``damage`` is what RECORD says of its files, and known only where it would be copied. ``ready`` is the name of a kept
    environment that holds the lock already.
    """

    plan: _venv_plan.Plan
    has_same_text: bool = True
    others: str = ""
    has_permissions: bool = True
    damage: t.Tuple[str, ...] = ()
    ready: str = ""


def decide(state: State, is_repair: bool = False) -> Decision:
    """Return what is done with an environment."""
    if is_repair:
        return Decision(BUILD, "a repair was asked for")
    plan = state.plan
    if not plan.changed and state.has_permissions:
        return Decision(NOTHING) if state.has_same_text else Decision(RECORD, "the text of the lock changed")
    if state.ready:
        return Decision(SWITCH, "an environment with this lock was kept")
    if plan.create or plan.rebuild:
        return Decision(BUILD, plan.rebuild)
    if state.others:
        return Decision(BUILD, "others can change it: %s" % state.others)
    if state.damage:
        return Decision(BUILD, "files in it are not what was installed: %s" % some(state.damage))
    return Decision(COPY, "" if plan.changed else "its owner, group or mode must change")


def some(texts: t.Sequence[str], most: int = 3) -> str:
    """Return the first of several texts, and how many more there are."""
    more = " and %d more" % (len(texts) - most) if len(texts) > most else ""
    return ", ".join(texts[:most]) + more


def changes(before: t.Mapping[str, str], after: t.Mapping[str, str]) -> t.List[str]:
    """Return a text for each project that differs between two environments, names to versions."""
    texts = []
    for name in sorted(set(before) | set(after)):
        old, new = before.get(name, ""), after.get(name, "")
        if not old:
            texts.append("%s %s is added" % (name, new))
        elif not new:
            texts.append("%s %s is removed" % (name, old))
        elif canonical(old) != canonical(new):
            texts.append("%s %s becomes %s" % (name, old, new))
    return texts


def lacking(found: _venv_plan.Found) -> t.List[str]:
    """Return a text for each project of an environment's own lock that it does not have any more."""
    installed = {_lock.normalize(name): version for name, version in found.installed}
    return [
        "%s %s is missing" % (pin.name, pin.version)
        for pin in found.recorded or ()
        if canonical(installed.get(pin.name, "")) != canonical(pin.version)
    ]


def locks_of(found: t.Iterable[t.Mapping[str, str]], target: str) -> Locks:
    """Return the locks of a target, as bundle_locks_info returns them; raises AirgapError if pip is not among them."""
    texts: t.Dict[str, str] = {}
    for one in found:
        if one["target"] == target:
            texts[one["set"]] = _decoded(one)
    where = "locks/%s/%s.txt" % (PIP_SET, target)
    pins = _lock.parse_pins(texts[PIP_SET], where) if PIP_SET in texts else []
    pip = [pin for pin in pins if pin.name == "pip"]
    if not pip and PIP_SET in texts:
        raise AirgapError(
            "%s of the bundle does not pin pip: its content is damaged. Transfer the bundle to the index host again."
            % where
        )
    if not pip:
        raise AirgapError(
            "The bundle on the index host has no pip for the target %s. Stage the sets for this target, and transfer the bundle "
            "to the index host." % target
        )
    _wheel_name.pip_version(pip[0].filename)
    return Locks(texts, pip[0])


def _decoded(one: t.Mapping[str, str]) -> str:
    try:
        return base64.b64decode(one["content"], validate=True).decode("utf-8")
    except ValueError as error:
        raise AirgapError(
            "The lock of the set %s for the target %s is not a text in base64: %s." % (one["set"], one["target"], error)
        ) from error
