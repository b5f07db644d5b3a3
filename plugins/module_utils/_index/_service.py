# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""devpi-server as a unit of systemd: what is wanted, and what is found on the host."""

from __future__ import annotations

import typing as t

from ansible_collections.airgap.python.plugins.module_utils._index._listeners import Port

COMMENT = "devpi-server"
SHELL = "/usr/sbin/nologin"


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


def is_ours(account: Account) -> bool:
    """Say whether the role made an account."""
    return account.uid != 0 and account.comment == COMMENT
