# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host on which the service runs as wanted, and the unit of the role."""

from __future__ import annotations

import os

import jinja2
from ansible_collections.airgap.python.plugins.module_utils._index import _service, _service_config
from ansible_collections.airgap.python.plugins.module_utils._index._listeners import Port

DATA, CONFIG, VENV, UNIT = "/var/lib/devpi-server", "/etc/devpi-server", "/opt/airgap/airgap-devpi", "/etc/unit.service"


TEMPLATE = os.path.join(os.path.dirname(__file__), "../../../../../roles/devpi/templates/devpi-server.service.j2")


OURS = _service.Account(999, 997, "devpi-server", "/usr/sbin/nologin")


STARTED = 1000.0


def wanted(**changes):
    one = _service.Wanted(
        "devpi", "/usr/bin/python3", VENV, DATA, CONFIG, UNIT, "[Unit]\n", ("0.0.0.0",), 3141, {}, 8192, "6.20.3", False
    )
    return one._replace(**changes)


def found(want=None, data=None, entries=None, unit_state=None, **changes):
    """Return a host on which what is wanted runs, with changes."""
    want = want or wanted()
    there = {
        CONFIG: _service.Entry(0, 997, 0o750),
        DATA: _service.Entry(999, 997, 0o750),
        CONFIG + "/secret": _service.Entry(999, 997, 0o600, 900),
        CONFIG + "/root.password": _service.Entry(0, 0, 0o600, 900),
        CONFIG + "/devpi-server.yml": _service.Entry(0, 997, 0o640, 900, _service_config.render(want)),
        UNIT: _service.Entry(0, 0, 0o644, 900, want.unit),
    }
    there.update(entries or {})
    one = _service.Found(
        True,
        True,
        OURS,
        997,
        (),
        {path: path for path in (VENV, DATA, CONFIG, "/usr/bin/python3")},
        {},
        {path: entry for path, entry in there.items() if entry},
        data if data is not None else _service.Data((".nodeinfo", ".serverversion"), "4", "standalone", {999: "devpi"}),
        "",
        {},
        Port(False, True),
        unit_state or _service.UnitState("active", "running", False, True, STARTED),
        900,
        2000,
    )
    return one._replace(**changes)


def unit(**variables):
    values = {
        "devpi_data_dir": DATA,
        "devpi_venv": VENV,
        "devpi_system_user": "devpi",
        "_devpi_config": CONFIG + "/devpi-server.yml",
        "devpi_port": 3141,
        "_devpi_has_front": True,
        "_devpi_is_local": True,
        "devpi_allowed_networks": [],
    }
    with open(TEMPLATE, encoding="utf-8") as stream:
        return jinja2.Template(stream.read(), trim_blocks=True).render(dict(values, **variables))
