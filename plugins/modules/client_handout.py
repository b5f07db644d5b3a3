#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: client_handout
short_description: Write client settings for machines that Ansible does not reach
version_added: 0.1.0
description:
  - Writes a folder with C(pip.ini) for Windows, C(pip.conf) for macOS and Linux, C(uv.toml), the certificate of the index's CA,
    and C(index.html), a page without scripts that loads nothing. It has all of these files in it, and for each system one command
    that makes pip and uv use the index, and one that takes that back.
  - Other files in the folder stay.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode and return what it would change.
    support: full
  diff_mode:
    description: Shows the files before and after.
    support: full
options:
  path:
    description: The folder. It is created if it does not exist.
    type: path
    required: true
  index_url:
    description: The simple index, without user and password.
    type: str
    required: true
  trusted_host:
    description: The host that pip may contact over http. Empty with https.
    type: str
    default: ""
  ca:
    description: The certificates of the CAs of the index hosts, as PEM. Empty if every machine trusts the index's certificate.
    type: str
    default: ""
  hosts:
    description: Lines of hosts(5) that the command adds, if the index has several hosts with one name.
    type: list
    elements: str
    default: []
  timeout:
    description: How many seconds pip waits for a response.
    type: int
    default: 15
  constraints:
    description: Requirements that limit versions, such as V(urllib3<3).
    type: list
    elements: str
    default: []
  template:
    description: The text of the page's Jinja2 template. The action plugin fills it in.
    type: str
  style:
    description: The text of the page's style sheet. The action plugin fills it in.
    type: str
requirements:
  - jinja2 >= 3.1
seealso:
  - module: airgap.python.client_settings
"""

EXAMPLES = r"""
- name: Write the handout
  airgap.python.client_handout:
    path: "{{ playbook_dir }}/handout"
    index_url: https://10.0.0.1/airgap/prod/+simple/
    ca: "{{ lookup('ansible.builtin.file', 'ca.pem') }}"
  delegate_to: localhost
"""

RETURN = r"""
page:
  description: The page.
  type: str
  returned: success
files:
  description: All files of the handout.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._clients import _handout_files
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError


def main() -> None:
    """Write the handout."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "index_url": {"type": "str", "required": True},
            "trusted_host": {"type": "str", "default": ""},
            "ca": {"type": "str", "default": ""},
            "hosts": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "int", "default": 15},
            "constraints": {"type": "list", "elements": "str", "default": []},
            "template": {"type": "str"},
            "style": {"type": "str"},
        },
        supports_check_mode=True,
    )
    try:
        result = _handout_files.write(module.params, module.check_mode)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error), **getattr(error, "details", {}))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
