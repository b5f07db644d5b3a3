#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: devpi_info
short_description: Check whether a devpi-server can be published to
version_added: 0.1.0
description:
  - Sends one request to find out whether a devpi-server answers, and looks for the password files that are needed to
    publish to one of its indexes.
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
    description: Address of the devpi-server as the managed host reaches it. Proxies of the environment are not used.
    type: str
    default: http://127.0.0.1:3141
  ca_path:
    description: The certificates that an https O(url) is checked against, as a PEM file on the managed host.
    type: path
  index:
    description: The index, as C(USER/INDEX).
    type: str
    required: true
  password_dir:
    description: The folder with C(root.password) and C(USER.password).
    type: path
    required: true
  missing_ok:
    description: Whether a server that does not answer is a result and not an error.
    type: bool
    default: false
  timeout:
    description: How many seconds to wait for a response.
    type: int
    default: 10
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Check whether there is a server to publish to
  airgap.python.devpi_info:
    index: airgap/prod
    password_dir: /etc/devpi-server
    missing_ok: "{{ ansible_check_mode }}"
"""

RETURN = r"""
answers:
  description: Whether a devpi-server answers.
  type: bool
  returned: success
has_passwords:
  description: Whether both password files exist.
  type: bool
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _readiness


def main() -> None:
    """Check the server and the password files."""
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "default": "http://127.0.0.1:3141"},
            "ca_path": {"type": "path"},
            "index": {"type": "str", "required": True},
            "password_dir": {"type": "path", "required": True, "no_log": False},
            "missing_ok": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    try:
        result = _readiness.check(module.params)
    except AirgapError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
