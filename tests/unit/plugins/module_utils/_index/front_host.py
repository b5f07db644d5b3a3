# SPDX-License-Identifier: GPL-3.0-or-later
"""A host on which the front runs as wanted, and the files of the role."""

from __future__ import annotations

import os

import jinja2
from ansible_collections.airgap.python.plugins.module_utils._index import _addresses, _front
from ansible_collections.airgap.python.plugins.module_utils._index._listeners import Port
from ansible_collections.airgap.python.plugins.module_utils._index._service import Account, Entry, UnitState

TEMPLATES = os.path.join(os.path.dirname(__file__), "../../../../../roles/front/templates")
VENV, CONFIG, FILES = "/opt/airgap/airgap-front", "/etc/airgap-front", "/var/lib/devpi-server/+files"
OURS, DEVPI = Account(998, 996, "airgap-front", "/usr/sbin/nologin"), Account(999, 997, "devpi-server", "")
SETTINGS = {"names": ["index"], "certificate": "", "key": "", "ca_certificate": ""}
STARTED = 1000.0


def render(name, kind="devpi", hosts="0.0.0.0", port=443, tls=True, folder="", **variables):
    """Return a file of the role for an index of a kind."""
    values = {
        "_front_kind": kind,
        "_front_pypiserver": "127.0.0.1:3142",
        "_front_devpi": "127.0.0.1:3141",
        "_front_devpi_address": "localhost",
        "_front_listen": _addresses.listen(hosts, port),
        "_front_has_tls": tls,
        "_front_folder": folder or (FILES if kind == "devpi" else "/var/lib/airgap-static"),
        "_front_root": "/var/lib/airgap-front",
        "_front_own_paths": [VENV],
        "_front_program": VENV + "/bin/nginx",
        "_front_config": CONFIG + "/nginx.conf",
        "front_config_dir": CONFIG,
        "front_venv": VENV,
        "front_nginx": "",
        "front_files_dir": "/var/lib/airgap-files",
        "front_system_user": "airgap-front",
        "front_page_seconds": 1,
    }
    environment = jinja2.Environment(
        trim_blocks=True, undefined=jinja2.StrictUndefined, loader=jinja2.FileSystemLoader(TEMPLATES)
    )
    return environment.get_template(name + ".j2").render(dict(values, **variables)) + "\n"


def wanted(kind="devpi", tls=True, **changes):
    names = [_front.SERVICE, _front.SOCKET] + ([_front.RENEWAL, _front.TIMER] if tls else [])
    one = _front.Wanted(
        user="airgap-front",
        venv=VENV,
        nginx=VENV + "/bin/nginx",
        config_dir=CONFIG,
        root="/var/lib/airgap-front",
        unit_dir="/etc/systemd/system",
        units={name: render(name, kind, tls=tls) for name in names},
        config=render("nginx.conf", kind, tls=tls),
        hosts=("0.0.0.0",),
        port=443,
        settings=SETTINGS if tls else {},
        program="pass\n",
        folder=FILES if kind == "devpi" else "/var/lib/airgap-static",
        owner="devpi" if kind == "devpi" else "",
    )
    return one._replace(**changes)


def found(want=None, entries=None, **changes):
    """Return a host on which what is wanted runs, with changes."""
    want = want or wanted()
    there = {
        path: Entry(owner[0], owner[1], owner[2], 900, text) for path, (text, owner) in want.texts(OURS.gid).items()
    }
    there[want.config_dir] = Entry(0, OURS.gid, 0o2750)
    there[want.root] = Entry(0, 0, 0o755)
    there[want.folder] = Entry(DEVPI.uid, OURS.gid, 0o2750) if want.owner else Entry(0, 0, 0o755)
    there.update(entries or {})
    one = _front.Found(
        is_root=True,
        systemd=True,
        account=OURS,
        gid=OURS.gid,
        members=(),
        entries={path: entry for path, entry in there.items() if entry},
        owner=DEVPI if want.owner else None,
        unusable={},
        port=Port(False, False, "systemd (pid 1)"),
        socket=("0.0.0.0:443",),
        socket_stale=False,
        unit_state=UnitState("active", "running", False, True, STARTED),
        enabled=True,
        venv_changed=900,
        now=2000,
        replaced=False,
        certificate=(),
        fresh=True,
    )
    return one._replace(**changes)
