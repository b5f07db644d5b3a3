#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: index_backup
short_description: Back up the index host by a timer
version_added: 0.1.0
description:
  - Writes C(airgap-backup.service) and C(airgap-backup.timer), and the program that they start. The program needs only Python.
  - Each backup is a folder with copies of all sources and C(backup.json), the list of their files with SHA-256. Databases are
    copied with SQLite's own backup, so that a backup is consistent even while the index serves and someone publishes.
  - Each backup is read again and compared with its list before it gets its name; one that differs is removed.
  - Files that did not change since the last backup are hard links to those in it. Nothing is a link to the original, so a backup
    on another disk survives the loss of the first one.
  - Only root can read the backups, because they contain the passwords and keys of the index.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode and report what would change.
    support: full
  diff_mode:
    description: Shows the units and the configuration, before and after.
    support: full
options:
  state:
    description: V(present) enables the timer. V(absent) removes it, its program and its configuration; the backups stay.
    type: str
    choices: [present, absent]
    default: present
  folder:
    description: The folder of the backups, preferably on another disk than the sources.
    type: path
    default: /var/backups/airgap
  keep:
    description: How many backups are kept. The oldest are removed after a new one was checked.
    type: int
    default: 7
  on_calendar:
    description: When a backup is made, as a calendar event of systemd.time(7).
    type: str
    default: "*-*-* 02:30:00"
  python:
    description: The interpreter that runs the program.
    type: path
    default: /usr/bin/python3
  sources:
    description: What is backed up.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Its name in the backup, small letters and hyphens.
        type: str
        required: true
      path:
        description: The file or folder.
        type: path
        required: true
      optional:
        description: Whether a backup without it is complete. Otherwise the backup fails where it does not exist.
        type: bool
        default: false
  run:
    description: Make a backup now, too, and fail if it fails.
    type: bool
    default: false
requirements:
  - python >= 3.8
  - systemd
"""

EXAMPLES = r"""
- name: Back up the index every night to another disk
  airgap.python.index_backup:
    folder: /mnt/backup/airgap
    sources:
      - {name: bundle, path: /srv/airgap/bundle}
      - {name: ledger, path: /srv/airgap/ledger.jsonl}
      - {name: devpi, path: /var/lib/devpi-server}
      - {name: devpi-config, path: /etc/devpi-server}
"""

RETURN = r"""
last:
  description: How the last backup went.
  type: dict
  returned: with O(state=present)
  contains:
    ok:
      description: Whether it succeeded, and its check as well.
      type: bool
    started:
      description: When it started (RFC 3339, UTC), empty if there was none.
      type: str
    backup:
      description: Its name, a folder in O(folder).
      type: str
    message:
      description: Why it failed.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._backup import _schedule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

STATES = {"present": _schedule.ensure_present, "absent": _schedule.ensure_absent}


def main() -> None:
    """Enable or remove the timer."""
    module = AnsibleModule(argument_spec=_schedule.OPTIONS, supports_check_mode=True)
    try:
        result = STATES[module.params["state"]](module)
    except AirgapError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg="%s: %s." % (error.filename, error.strerror or error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
