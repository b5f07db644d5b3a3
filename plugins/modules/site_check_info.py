#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site_check_info
short_description: Check the index of a site that runs
version_added: 0.1.0
description:
  - Checks on the index host that the index answers, that it serves the bundle that was imported last, that devpi-server runs in
    the version of the bundle, that a replica has everything that its primary has, and that the certificate, the disks and the
    backups are in order.
  - A check that fails is a result and not an error.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode and return the same result.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
options:
  url:
    description: Address of the server on the index host, without the name of the index. Proxies of the environment are not used.
    type: str
    required: true
  simple:
    description: Whether O(url) is the address of the simple pages themselves, of a server that the site runs. O(index) is not used then.
    type: bool
    default: false
  ca_path:
    description: The certificates that an https O(url) is checked against, as a PEM file.
    type: path
  index:
    description: The index, as C(USER/INDEX).
    type: str
    required: true
  bundle:
    description: The bundle that was imported last.
    type: path
    required: true
  ledger:
    description: The ledger.
    type: path
    required: true
  version_from_bundle:
    description: Compare the version of devpi-server that runs with the one in the bundle.
    type: bool
    default: true
  files:
    description: Also download the files that are not wheels, and compare them with the bundle. The front serves them.
    type: bool
    default: false
  replica_url:
    description: The address of devpi-server on this host, if it is a replica. It must have everything that its primary has.
    type: str
    default: ""
  primary_ca_path:
    description: The certificates that the primary's is checked against, as a PEM file.
    type: path
  sample:
    description:
      - How many files, chosen at random, are downloaded and hashed. V(0) is all of them.
      - The list of the index is always compared with all files of the bundle.
    type: int
    default: 20
  disks:
    description: Folders whose file systems must have free space and free inodes.
    type: list
    elements: path
    default: []
  disk_percent:
    description: How much of a disk must be free, in percent.
    type: float
    default: 10
  certificate_days:
    description: How many days the certificate must still be valid.
    type: float
    default: 14
  backup_dir:
    description: The folder of the backups. If empty, they are not checked.
    type: str
    default: ""
  backup_hours:
    description: How old the last backup may be, in hours.
    type: float
    default: 36
  timeout:
    description: How many seconds to wait for a response.
    type: int
    default: 30
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Check the index, and every file that it serves
  airgap.python.site_check_info:
    url: http://127.0.0.1:3141
    index: airgap/prod
    bundle: /srv/airgap/bundle
    ledger: /srv/airgap/ledger.jsonl
    sample: 0
    disks: [/var/lib/devpi-server]
    backup_dir: /var/backups/airgap
"""

RETURN = r"""
ok:
  description: Whether every check passed.
  type: bool
  returned: success
checks:
  description: The checks.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: Its name, such as V(content), V(certificate), V(space of /srv).
      type: str
    ok:
      description: Whether it passed.
      type: bool
    message:
      description: What was found, and the fix where it failed.
      type: str
    value:
      description: The number that was found, in seconds, percent, hours, days or files.
      type: float
served:
  description:
    - What the ledger says of the bundle that is served, with C(id), C(created), C(imported) and C(operator), C(signers), each
      with C(principal) and C(key), and C(is_rolled_back), whether another bundle was imported after it.
    - Empty if nothing was imported, or if the ledger cannot be read.
  type: dict
  returned: success
textfile:
  description: The checks in the text format of Prometheus, a line each.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._bundle import _clock
from ansible_collections.airgap.python.plugins.module_utils._site import _checks


def main() -> None:
    """Run the checks."""
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "simple": {"type": "bool", "default": False},
            "ca_path": {"type": "path"},
            "index": {"type": "str", "required": True},
            "bundle": {"type": "path", "required": True},
            "ledger": {"type": "path", "required": True},
            "version_from_bundle": {"type": "bool", "default": True},
            "files": {"type": "bool", "default": False},
            "replica_url": {"type": "str", "default": ""},
            "primary_ca_path": {"type": "path"},
            "sample": {"type": "int", "default": 20},
            "disks": {"type": "list", "elements": "path", "default": []},
            "disk_percent": {"type": "float", "default": 10},
            "certificate_days": {"type": "float", "default": 14},
            "backup_dir": {"type": "str", "default": ""},
            "backup_hours": {"type": "float", "default": 36},
            "timeout": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    at = _clock.now()
    checks = _checks.check_site(module.params, at)
    module.exit_json(
        changed=False,
        ok=all(one.ok for one in checks),
        checks=[one._asdict() for one in checks],
        served=_checks.served_bundle(module.params["ledger"]),
        textfile=_checks.render_textfile(checks, at),
    )


if __name__ == "__main__":
    main()
