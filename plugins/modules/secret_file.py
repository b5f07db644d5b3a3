#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: secret_file
short_description: Create a file with a secret that never leaves its host
version_added: 0.1.0
description:
  - Generates a random secret on the managed host, in a file that only its owner can read. The secret is not returned.
  - An existing secret stays. With O(content) the file gets that secret instead.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Works in check mode; reports whether it would change the file.
    support: full
  diff_mode:
    description: Secrets are not shown, so there is no diff.
    support: none
options:
  path:
    description: The file. Its folder must exist.
    type: path
    required: true
  content:
    description: The secret, one line. By default a random one of 43 letters, digits, C(-) and C(_) (256 bits) is generated.
    type: str
  owner:
    description: The user that owns the file. Nobody else can read it.
    type: str
    default: root
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Create the password of devpi's root user
  airgap.python.secret_file:
    path: /etc/devpi-server/root.password
"""

RETURN = r"""
path:
  description: The file.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._secret_file import write_secret_of_user


def main() -> None:
    """Write the secret."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "content": {"type": "str", "no_log": True},
            "owner": {"type": "str", "default": "root"},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        changed = write_secret_of_user(params["path"], params["content"], params["owner"], module.check_mode)
    except AirgapError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, path=params["path"])


if __name__ == "__main__":
    main()
