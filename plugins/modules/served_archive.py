#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: served_archive
short_description: Unpack an archive that the index serves
version_added: 0.1.0
description:
  - Fetches a C(.tar.gz), checks its SHA-256, and unpacks it to a folder of its own next to O(dest), which becomes a link to it.
    A single folder at the top of the archive is left out.
  - An archive that was unpacked costs no request. The folder of the archive before it is kept.
  - Changes that people make in the folder are neither noticed nor undone.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Reports whether something would change, and asks no index.
    support: full
  diff_mode:
    description: No difference is shown.
    support: none
options:
  dest:
    description: The link. Anything else at this path is never replaced.
    type: path
    required: true
  state:
    description: Whether it exists.
    type: str
    choices: [present, absent]
    default: present
  url:
    description: The archive. Proxies and the netrc of the user are not used.
    type: str
  sha256:
    description: Its SHA-256, 64 hex digits.
    type: str
  ca_path:
    description: The certificates that an https O(url) is checked against, a PEM file. By default the system's.
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
- name: Unpack Kubespray
  airgap.python.served_archive:
    url: https://index.example/files/kubespray.tar.gz
    sha256: 3f2a9c0d51e84b7690ab12cd34ef56783f2a9c0d51e84b7690ab12cd34ef5678
    dest: /opt/kubespray
"""

RETURN = r"""
path:
  description: The link.
  type: str
  returned: success
  sample: /opt/kubespray
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import _served_archive


def main() -> None:
    """Unpack the archive."""
    module = AnsibleModule(
        argument_spec={
            "dest": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "url": {"type": "str"},
            "sha256": {"type": "str"},
            "ca_path": {"type": "path"},
            "timeout": {"type": "int", "default": 15},
            "attempts": {"type": "int", "default": 1},
        },
        required_if=[("state", "present", ("url", "sha256"))],
        supports_check_mode=True,
    )
    try:
        result = _served_archive.apply(module.params, module.check_mode)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
