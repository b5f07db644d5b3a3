#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: index_restore
short_description: Restore a backup of the index host
version_added: 0.1.0
description:
  - Restores what M(airgap.python.index_backup) backed up, with owners and modes, to a host that does not have it.
  - The whole backup is checked first. Each source appears under its path when all of it is there.
  - Nothing is ever replaced. A source that is in place already is left as it is; one that differs is an error.
  - Accounts of the index that the host lacks are created before, if the backup says that this collection created them. They get
    numbers that are free.
  - The data of devpi-server (the source C(devpi)) get a new identity, so that a replica, which may have later changes, does not mix
    these with the next ones. The role devpi copies its data again.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode, and checks the backup then, too.
    support: full
  diff_mode:
    description: A backup contains secrets, so there is no diff.
    support: none
options:
  path:
    description: A backup, or the folder of several; then the newest is restored.
    type: path
    required: true
  sources:
    description: What is restored, and where to. What else the backup contains is not used.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Its name in the backup.
        type: str
        required: true
      path:
        description: The file or folder.
        type: path
        required: true
      optional:
        description: Whether the backup may lack it.
        type: bool
        default: false
requirements:
  - python >= 3.8
seealso:
  - module: airgap.python.index_backup
"""

EXAMPLES = r"""
- name: Restore the newest backup
  airgap.python.index_restore:
    path: /mnt/backup/airgap
    sources:
      - {name: devpi, path: /var/lib/devpi-server}
      - {name: devpi-config, path: /etc/devpi-server}
"""

RETURN = r"""
backup:
  description: The backup that was used.
  type: str
  returned: success
created:
  description: When it was made.
  type: str
  returned: success
restored:
  description: The paths that were restored, or would be.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _disk_space
from ansible_collections.airgap.python.plugins.module_utils._backup import _restore, _snapshot
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import (
    _accounts,
    _front,
    _host,
    _pypiserver,
    _service,
)

# What the accounts say that the roles of the index create.
COMMENTS = (_front.COMMENT, _pypiserver.COMMENT, _service.COMMENT)


def create_account(module: AnsibleModule, name: str, comment: str) -> None:
    """Create an account that the host lacks; raises AirgapError where that would let others read its files."""
    account, gid, members = _host.read_account(name)
    problems = _accounts.why_unusable(name, account, members, comment, "An account of the backup")
    if problems:
        raise AirgapError(*problems)
    _accounts.create(module, name, comment, gid is None)


def main() -> None:
    """Restore."""
    source = {
        "name": {"type": "str", "required": True},
        "path": {"type": "path", "required": True},
        "optional": {"type": "bool", "default": False},
    }
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "sources": {"type": "list", "elements": "dict", "required": True, "options": source},
        },
        supports_check_mode=True,
    )
    sources = [_snapshot.Source(one["name"], one["path"], one["optional"]) for one in module.params["sources"]]
    try:
        result = _restore.ensure_restored(
            module.params["path"],
            sources,
            module.check_mode,
            COMMENTS,
            lambda name, comment: create_account(module, name, comment),
        )
    except AirgapError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        full = _disk_space.is_disk_full(error)
        fix = "Free some space, and run this again." if full else "Run this again when that is fixed."
        module.fail_json(msg="%s: %s. %s" % (error.filename, error.strerror or error, fix))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
