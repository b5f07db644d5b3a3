#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: offline_collections
short_description: Install Ansible collections that an index serves as files
version_added: 0.1.0
description:
  - Fetches the archives of collections, checks their SHA-256, and installs them with C(ansible-galaxy collection install
    --offline). No Galaxy server is asked.
  - A collection that is installed from the same archive, with every file as its C(FILES.json) lists it, costs no request. One
    that was changed is installed again. Collections that this module installed and that are no longer named are removed.
  - Afterwards it checks that each collection has what it depends on.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode and return what would be installed.
    support: full
  diff_mode:
    description: No difference is shown.
    support: none
options:
  path:
    description: The folder in which Ansible looks for collections; they are below C(ansible_collections) in it.
    type: path
    required: true
  collections:
    description: The archives.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The collection, NAMESPACE.NAME.
        type: str
        required: true
      version:
        description: Its version.
        type: str
        required: true
      filename:
        description: The name of the archive.
        type: str
        required: true
      sha256:
        description: Its SHA-256.
        type: str
        required: true
  files_url:
    description: Where the archives are served. Proxies and the netrc of the user are not used.
    type: str
    required: true
  ansible_galaxy:
    description: The program C(ansible-galaxy).
    type: path
    required: true
  ca_path:
    description: The certificates that an https O(files_url) is checked against, a PEM file. By default the system's.
    type: path
  timeout:
    description: How many seconds to wait for a connection and for each response.
    type: int
    default: 15
  attempts:
    description: How often to try from the start if a download fails, such as because the host that serves it died.
    type: int
    default: 1
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Install a collection from the index
  airgap.python.offline_collections:
    path: /usr/share/ansible/collections
    files_url: https://index.example/files/
    ansible_galaxy: /opt/airgap/controller/bin/ansible-galaxy
    collections:
      - name: acme.tools
        version: 1.2.0
        filename: acme-tools-1.2.0.tar.gz
        sha256: 3f2a9c0d51e84b7690ab12cd34ef56783f2a9c0d51e84b7690ab12cd34ef5678
"""

RETURN = r"""
installed:
  description: The collections that were installed, each with its version.
  type: list
  elements: str
  returned: success
  sample: [acme.tools 1.2.0]
removed:
  description: The collections that were removed.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import _offline_collections


def main() -> None:
    """Install the collections."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "collections": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "version": {"type": "str", "required": True},
                    "filename": {"type": "str", "required": True},
                    "sha256": {"type": "str", "required": True},
                },
            },
            "files_url": {"type": "str", "required": True},
            "ansible_galaxy": {"type": "path", "required": True},
            "ca_path": {"type": "path"},
            "timeout": {"type": "int", "default": 15},
            "attempts": {"type": "int", "default": 1},
        },
        supports_check_mode=True,
    )
    try:
        result = _offline_collections.install(module.params, module.check_mode)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
