#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: secret_file
short_description: Keep a file with a secret that never leaves its host
version_added: 0.1.0
description:
  - Makes a random secret on the managed host, in a file that only its owner can read. The secret is not returned.
  - A secret that is there is kept. With O(content) the file gets a given secret instead.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode and tell what it would do without doing it.
    support: full
  diff_mode:
    description: Secrets are not shown, so there is no difference to show.
    support: none
options:
  path:
    description: The file. Its folder must be there.
    type: path
    required: true
  content:
    description: The secret, one line. Without it a random one of 43 letters, digits, C(-) and C(_) (256 bits) is made.
    type: str
  owner:
    description: The user that owns the file and alone can read it.
    type: str
    default: root
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Have a password for devpi's root
  airgap.python.secret_file:
    path: /etc/devpi-server/root.password
"""

RETURN = r"""
path:
  description: The file.
  type: str
  returned: success
"""

import pwd

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._secret_file import write_secret


def main():
    """Write the file unless it is there, and give it to its owner alone."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "content": {"type": "str", "no_log": True},
            "owner": {"type": "str", "default": "root"},
        },
        supports_check_mode=True,
    )
    path = module.params["path"]
    content = module.params["content"]
    if content is not None and (not content or len(content.splitlines()) != 1):
        module.fail_json(
            msg="The secret for %s must be one line and not empty. Give another, or none to have one made." % path
        )
    try:
        owner = pwd.getpwnam(module.params["owner"])
        changed = write_secret(path, content, owner.pw_uid, owner.pw_gid, module.check_mode)
    except KeyError:
        if module.check_mode:
            # A user that the run itself would make.
            module.exit_json(changed=True, path=path)
        module.fail_json(
            msg="%s is to belong to %s, and there is no such user. Create it first." % (path, module.params["owner"])
        )
    except AirgapError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(
            msg="%s cannot be written: %s. Make its folder first, and run as root." % (path, error.strerror or error)
        )
    module.exit_json(changed=changed, path=path)


if __name__ == "__main__":
    main()
