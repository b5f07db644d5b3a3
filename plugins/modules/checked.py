#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: checked
short_description: Run a module of ansible.builtin and check the host's answer
version_added: 0.1.0
description:
  - Ansible acts on what a module returns. C(ansible_facts) become variables of the host, above those of the inventory,
    and C(add_host) changes the inventory, whatever the module is. A compromised host may answer with them.
  - Only what the roles of this collection use is kept of the answer, with its types checked. Line ends and control
    characters where they do not belong make the task fail, and texts for people are shown with escapes.
  - V(get_url) and V(uri) use neither the proxies nor the netrc of the user that they run as, unless O(args) sets that.
  - The modules of this collection do the same with their own answers.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: That of the module.
    support: full
  diff_mode:
    description: That of the module.
    support: full
options:
  module:
    description: The module, without V(ansible.builtin.).
    type: str
    required: true
    choices:
      [blockinfile, command, copy, fetch, file, get_url, slurp, stat, template, uri]
  args:
    description: Its options.
    type: dict
    default: {}
notes:
  - It has an action plugin and does nothing on the host by itself.
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Check whether the report exists
  airgap.python.checked:
    module: stat
    args:
      path: /srv/airgap/bundle/reports/report.html
  register: report
"""

RETURN = r"""
rc:
  description: The exit status, of V(command).
  type: int
  returned: for this module
stdout:
  description: The output of V(command), with control characters escaped. C(stderr) likewise.
  type: str
  returned: for this module
stat:
  description: C(exists), C(isreg), C(islnk), C(isdir), C(uid) and C(pw_name), of V(stat).
  type: dict
  returned: for this module
content:
  description: The file in base64, of V(slurp).
  type: str
  returned: for this module
status:
  description: The HTTP status, of V(uri).
  type: int
  returned: for this module
json:
  description: C(type) of the answer, of V(uri).
  type: dict
  returned: for this module
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Fail: the action plugin does the work."""
    module = AnsibleModule(
        argument_spec={
            "module": {
                "type": "str",
                "required": True,
                "choices": [
                    "blockinfile",
                    "command",
                    "copy",
                    "fetch",
                    "file",
                    "get_url",
                    "slurp",
                    "stat",
                    "template",
                    "uri",
                ],
            },
            "args": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    module.fail_json(
        msg="airgap.python.checked runs on the control host. Write its full name in the task, so that Ansible finds its action."
    )


if __name__ == "__main__":
    main()
