# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of index (airgap_index_kind), and what differs between them for roles and playbooks."""

from __future__ import annotations

import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError


class Kind(t.NamedTuple):
    """A kind of index.

    Attributes:
        publish: The file of tasks in the role publish that publishes a bundle and serves a former one again.
        server: The program that serves it behind the front, "" if the front serves it by itself, or there is no front.
        front: Whether this collection serves it, with the role front. Without it, the site serves it, at pip_conf_index_url.
        copies: Whether further index hosts copy the first one. Otherwise each gets the bundle itself.
        single: Whether there can be one index host alone.
        yanks: Whether a version can be withdrawn as yanked.
        promotes: Whether versions are promoted from one index to another.
        backup: Whether the role backup makes backups.
        removes: Whether files can be taken off it: withdrawn, replaced by those of a former bundle, removed after a while.
    """

    publish: str
    server: str = ""
    front: bool = True
    copies: bool = False
    single: bool = False
    yanks: bool = True
    promotes: bool = False
    backup: bool = True
    removes: bool = True


KINDS = {
    "devpi": Kind("devpi", server="devpi", copies=True, yanks=False, promotes=True),
    "static": Kind("static"),
    "pypiserver": Kind("static", server="pypiserver", yanks=False, single=True),
    "folder": Kind("static", front=False, single=True, backup=False),
    "external": Kind("external", front=False, single=True, yanks=False, backup=False, removes=False),
}


def find(name: str) -> Kind:
    """Return a kind by its name; raises AirgapError if there is none."""
    if name not in KINDS:
        raise AirgapError(
            "airgap_index_kind is %s, and must be one of %s. docs/indexes.md compares them." % (name, ", ".join(KINDS))
        )
    return KINDS[name]
