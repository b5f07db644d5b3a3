#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: devpi_replica_info
short_description: Wait until a replica of devpi-server serves a bundle by itself
version_added: 0.1.0
description:
  - Waits until a replica has every change and every file of its primary, and checks that it serves a bundle, and that each file of
    the bundle is on its own disk with its SHA-256. So nodes can install from it when the primary is lost.
  - Fails if that is not so after O(sync_timeout). Changes nothing but O(memory).
author:
  - airgap.python authors (@airgap-python)
extends_documentation_fragment:
  - airgap.python.devpi
attributes:
  check_mode:
    description: Can run in check mode and return the same result.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
options:
  primary_ca_path:
    description:
      - A PEM file on this host with the certificates to trust for a primary with https. Its address is known to the replica.
      - Where the file does not exist, the system's certificates are trusted.
    type: path
  index:
    description: The index that nodes use, as C(USER/INDEX).
    type: str
    required: true
  src:
    description: The folder of the bundle on this host, which was verified here.
    type: path
    required: true
  bundle_id:
    description: The id of the bundle.
    type: str
    required: true
  withdrawn:
    description: The versions that are withdrawn, as M(airgap.python.bundle_import_start) returns them. They are not looked for.
    type: list
    elements: dict
    default: []
  files_dir:
    description: The folder C(+files) in the data folder of the replica.
    type: path
    required: true
  memory:
    description: A file in which the module remembers what it found, so that the files are not read again if nothing has changed.
    type: path
  sync_timeout:
    description: How many seconds the replica may take.
    type: int
    default: 900
  timeout:
    description: How many seconds to wait for a response.
    type: int
    default: 10
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Wait until the replica serves the bundle by itself
  airgap.python.devpi_replica_info:
    primary_ca_path: /etc/devpi-server/primary-ca.pem
    index: airgap/prod
    src: /srv/airgap/bundle
    bundle_id: 0123456789abcdef0123456789abcdef
    files_dir: /var/lib/devpi-server/+files
"""

RETURN = r"""
serial:
  description: The latest change that the replica has.
  returned: success
  type: int
primary_serial:
  description: The latest change that the primary had before that.
  returned: success
  type: int
count:
  description: How many files of the bundle are on the replica's disk.
  returned: success
  type: int
"""

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _login, _replica_files


def main() -> None:
    """Wait, and check the files."""
    module = _login.devpi_module(
        {
            "primary_ca_path": {"type": "path"},
            "index": {"type": "str", "required": True},
            "src": {"type": "path", "required": True},
            "bundle_id": {"type": "str", "required": True},
            "withdrawn": {"type": "list", "elements": "dict", "default": []},
            "files_dir": {"type": "path", "required": True},
            "memory": {"type": "path"},
            "sync_timeout": {"type": "int", "default": 900},
            "timeout": {"type": "int", "default": 10},
        },
        login_required=False,
    )
    try:
        result = _login.with_client(module, _replica_files.read)
    except AirgapError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
