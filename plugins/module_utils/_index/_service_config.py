# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration file of devpi-server, and the unit and configuration of a trial server."""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._index import _addresses
from ansible_collections.airgap.python.plugins.module_utils._index._service import Wanted
from ansible_collections.airgap.python.plugins.module_utils._versions import release


def render(wanted: Wanted) -> str:
    """Return the text of the configuration file."""
    options = dict(wanted.options)
    is_offline = options.pop("offline-mode", True)
    # Before 6.20.3, wheels whose folder has another spelling than their name got none; from 7 on, it is always on.
    if (6, 20, 3) <= release(wanted.version) < (7,):
        options.setdefault("enable-core-metadata", True)
    options.update(
        {
            "serverdir": wanted.data_dir,
            "secretfile": wanted.secret_path,
            "argon2-memory-cost": wanted.argon2_memory_cost,
            "restrict-modify": "root",
        }
    )
    if wanted.part:
        options["role"] = wanted.part
    if wanted.is_replica:
        # It requests its primary with the same client as an upstream index.
        options["primary-url"] = wanted.primary_url
        # The default of 5 seconds is too short for a primary that is busy.
        options.setdefault("request-timeout", 30)
    elif is_offline:
        options["offline-mode"] = True
    if len(wanted.hosts) == 1:
        options.update(host=wanted.hosts[0], port=wanted.port)
    else:
        options["listen"] = [_addresses.host_port(host, wanted.port) for host in wanted.hosts]
    lines = [line for key in sorted(options) for line in _config_lines(key, options[key])]
    head = "# Written by Ansible (airgap.python.devpi); changes are lost. It holds no secrets.\n"
    return "# SPDX-License-Identifier: GPL-3.0-or-later\n" + head + "devpi-server:\n" + "\n".join(lines) + "\n"


def _config_lines(key: str, value: t.Any) -> t.List[str]:
    """Return an option as devpi-server reads it (strictyaml): a text, or a list of texts with one item on each line."""
    if isinstance(value, (list, tuple)):
        return ["  %s:" % key, *("  - %s" % _quoted(one) for one in value)]
    return ["  %s: %s" % (key, _quoted(value))]


def _quoted(value: t.Any) -> str:
    return json.dumps(str(value).lower() if isinstance(value, bool) else str(value), ensure_ascii=False)


def parse(text: str) -> t.Dict[str, t.Any]:
    """Return the options of a configuration file that render() or an earlier version of the role wrote."""
    found: t.Dict[str, t.Any] = {}
    last = ""
    for line in text.splitlines():
        match = re.match(r"  (?:(?P<key>[a-z0-9-]+):|-)(?: (?P<value>\".*\"))?$", line)
        if not match:
            continue
        value = json.loads(match.group("value")) if match.group("value") else []
        if match.group("key"):
            last = match.group("key")
            found[last] = value
        elif isinstance(found.get(last), list):
            found[last].append(value)
    return found


def urls_of(text: str) -> t.List[str]:
    """Return the URLs at which the host reaches a server with this configuration; none if it cannot be read."""
    try:
        options = parse(text)
        listen = options.get("listen")
        if isinstance(listen, list) and listen:
            port = int(str(listen[0]).rpartition(":")[2])
            return _addresses.own_urls([str(one).rpartition(":")[0] for one in listen], port)
        return _addresses.own_urls([str(options.get("host", "localhost"))], int(options.get("port", 3141)))
    except (TypeError, ValueError):
        return []


def trial(wanted: Wanted, config_path: str, port: int) -> t.Tuple[str, str]:
    """Return unit and configuration of a trial server that runs next to the index, on a port of loopback.

    Only the address differs. Like a worker of devpi (--requests-only), it may use the same data as the index.
    """
    text = render(
        wanted._replace(hosts=("127.0.0.1",), port=port, options=dict(wanted.options, **{"requests-only": True}))
    )
    return trial_unit(wanted.unit.partition("\n[Install]")[0] + "\n", wanted, config_path), text


def trial_unit(text: str, wanted: Wanted, config_path: str) -> str:
    """Return the text of a unit, or of a drop-in file of the site, for the trial server."""
    return text.replace(wanted.config_path, config_path).replace("Restart=on-failure", "Restart=no")
