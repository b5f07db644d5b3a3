# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""devpi-server as a unit of systemd: what is wanted, and what was found on the host."""

from __future__ import annotations

import typing as t

from ansible_collections.airgap.python.plugins.module_utils._index._listeners import Port

# This comment marks an account that this collection created.
COMMENT = "devpi-server"
SHELL = "/usr/sbin/nologin"


# The parts that a server can have in replication; "" is that of a server without replicas.
PRIMARY, REPLICA = "primary", "replica"


class Wanted(t.NamedTuple):
    """The service as the role wants it.

    Attributes:
        version: That of devpi-server in the bundle, "" if it is not known.
        quadlet_path: The path of the quadlet, if the server runs in a container.
        image: The image that it runs in; "" without a container.
        part: The server's part in replication. A replica follows ``primary_url``, whose certificate is checked with
            ``primary_ca``, a text in PEM.
        promote: Whether a replica is turned into the primary.
        replace_data: Whether the data of a former primary are moved aside, so that it becomes a replica.
    """

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
    quadlet_path: str = ""
    image: str = ""
    part: str = ""
    primary_url: str = ""
    primary_ca: str = ""
    promote: bool = False
    replace_data: bool = False

    @property
    def text_path(self) -> str:
        """Return the path of the file that has the text of the unit."""
        return self.quadlet_path if self.image else self.unit_path

    @property
    def other_path(self) -> str:
        """Return the path of the file that the server has when it runs in the other way; only one of them may exist."""
        return self.unit_path if self.image else self.quadlet_path

    @property
    def is_replica(self) -> bool:
        """Return whether the server copies another one."""
        return self.part == REPLICA

    @property
    def ca_path(self) -> str:
        """Return the path of the certificates that the primary's is checked with."""
        return self.config_dir + "/primary-ca.pem"

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
    """A file or folder: owner, mode, time of its last change, and the text of a file whose text may be shown."""

    uid: int
    gid: int
    mode: int
    changed: float = 0
    text: t.Optional[str] = None
    empty: bool = False


class UnitState(t.NamedTuple):
    """What systemctl show reports of the unit; ``started`` is when its process started, 0 if it has none."""

    active: str = "inactive"
    sub: str = "dead"
    stale: bool = False
    enabled: bool = False
    started: float = 0
    restarts: int = 0
    result: str = "success"


class Data(t.NamedTuple):
    """What is in the data folder: the names, the format and role of devpi's own data, and owners by user id.

    ``primary`` is the identity of the server that a replica copied, "" if it has not reached one yet.
    """

    names: t.Tuple[str, ...] = ()
    format: str = ""
    role: str = ""
    owners: t.Mapping[int, str] = {}
    primary: str = ""


class Primary(t.NamedTuple):
    """The server that a replica copies: its identity and the number of its latest change, or why it does not respond."""

    uuid: str = ""
    serial: int = -1
    problem: str = ""


class Found(t.NamedTuple):
    """What the host looks like.

    Attributes:
        real: The real path of each wanted path.
        closed: By path, the folder above it that the account may not pass.
        entries: The files and folders that exist, by path.
        former_data_dir: The data folder of the installed unit, if it is another one with devpi's data in it.
        unusable: By address, why nothing can listen there.
        venv_changed: When the environment got its content.
        now: When all this was read.
        config_names: The names in the configuration folder.
        links: Files and the data folder that are links, with their targets.
        primary: The server that a replica copies.
        serial: The number of the latest change in a replica's data, -1 if it cannot be read.
        has_replaced: Whether the data of a former primary were moved aside.
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
    former_data_dir: str
    unusable: t.Mapping[str, str]
    port: Port
    unit_state: UnitState
    venv_changed: float
    now: float
    config_names: t.Tuple[str, ...] = ()
    links: t.Mapping[str, str] = {}
    primary: Primary = Primary()
    serial: int = -1
    has_replaced: bool = False


def is_own(account: Account) -> bool:
    """Return whether this collection created an account."""
    return account.uid != 0 and account.comment == COMMENT
