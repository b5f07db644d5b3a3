# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to a file that makes clients use the index, decided from what is there. No I/O happens here."""

from __future__ import annotations

import typing as t

from ansible_collections.airgap.python.plugins.module_utils._clients import _contents
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

# The suffix of a file that was there before the role wrote its own.
SAVED = ".before-airgap"


class Owner(t.NamedTuple):
    """Owner, group and mode of a file."""

    uid: int
    gid: int
    mode: int


class Found(t.NamedTuple):
    """What is at a path: ``kind`` is "", "file", "link" or "other"; ``saved`` whether another file was saved next to it."""

    kind: str = ""
    data: bytes = b""
    owner: t.Optional[Owner] = None
    saved: bool = False


class Wanted(t.NamedTuple):
    """A file that is wanted, or without ``data`` what was there before.

    A file that is ``marked`` is one's own only with the mark; one that is not has a place where nobody else writes. With
    ``data`` of a file that others write too (``shared``), nothing is saved. ``setting`` names what the user can change.
    """

    path: str
    data: t.Optional[bytes]
    owner: Owner
    marked: bool = True
    shared: bool = False
    is_secret: bool = False
    setting: str = ""


class Change(t.NamedTuple):
    """What is done, in this order: give the existing file a second name, then write, restore or remove."""

    wanted: Wanted
    action: str
    save_as: str = ""
    before: str = ""
    after: str = ""
    is_shown: bool = True


def is_own(wanted: Wanted, found: Found) -> bool:
    """Return whether the role wrote the file that is there."""
    return found.kind == "file" and (not wanted.marked or _contents.has_mark(found.data))


def plan(wanted: Wanted, found: Found, dated: str) -> t.Optional[Change]:
    """Return what is done to a file, None if nothing. ``dated`` is the name for a file that cannot have the usual one.

    Raises AirgapError for a folder or a device.
    """
    own = is_own(wanted, found)
    if found.kind == "other" and (wanted.data is not None or wanted.marked):
        raise AirgapError(
            "%s is neither a file nor a link. Move it away, or %s." % (wanted.path, wanted.setting or "remove it")
        )
    before = _shown(wanted, found) if own or wanted.shared else ""
    if wanted.data is None:
        if found.saved and (own or not found.kind):
            return Change(wanted, "restore", before=before, is_shown=not wanted.is_secret)
        return Change(wanted, "remove", before=before, is_shown=not wanted.is_secret) if own else None
    if own and found.data == wanted.data and found.owner == wanted.owner:
        return None
    foreign = found.kind in ("file", "link") and not own and wanted.marked
    return Change(
        wanted,
        "write",
        save_as="" if not foreign else dated if found.saved else wanted.path + SAVED,
        before=before,
        after=_shown(wanted, Found("file", wanted.data)),
        # The diff would show the file of someone else, which may hold a password.
        is_shown=not wanted.is_secret and not foreign,
    )


def _shown(wanted: Wanted, found: Found) -> str:
    text = found.data.decode("utf-8", "replace")
    return _contents.block(text) if wanted.shared else text


def note(wanted: Wanted, found: Found) -> str:
    """Return what to say of a file that stays although it was to go, "" if nothing."""
    if wanted.data is not None or not wanted.marked or not found.kind or is_own(wanted, found):
        return ""
    saved = " The former configuration is in %s." % (wanted.path + SAVED) if found.saved else ""
    return "%s was not written by this role and stays as it is.%s" % (wanted.path, saved)


def diff(change: Change) -> t.Dict[str, str]:
    """Return how Ansible shows a change. Nothing of a secret or of someone else's file is in it."""
    path = change.wanted.path
    if not change.is_shown:
        reason = "a file with a password" if change.wanted.is_secret else "a file that this role did not write"
        words = {"write": "written", "restore": "restored", "remove": "removed"}
        saved = "; the former one is kept as %s" % change.save_as if change.save_as else ""
        return {
            "prepared": "%s is %s%s. It is not shown: it is, or replaces, %s.\n"
            % (path, words[change.action], saved, reason)
        }
    after = {"restore": "(the former file, which is not shown)\n"}.get(change.action, change.after)
    return {"before_header": path, "after_header": path, "before": change.before, "after": after}


def step(change: Change) -> str:
    """Return a change in words."""
    words = {"write": "wrote", "restore": "restored", "remove": "removed"}
    saved = ", saved the former one as %s" % change.save_as if change.save_as else ""
    return "%s %s%s" % (words[change.action], change.wanted.path, saved)
