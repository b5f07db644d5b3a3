#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: pip_settings_info
short_description: Find settings that override the site's pip.conf
version_added: 0.1.0
description:
  - pip reads C(/etc/pip.conf) for every user of a host, but settings of a user, of an environment and of the login
    override it. This module finds them and warns of each kind, with its effect.
  - It reads C(pip.conf) below C(/etc/xdg), of the users and of the environments, C(PIP_*) and C(*_proxy) variables in the
    files that a login reads (C(/etc/environment), C(~/.profile) and the like), and C(~/.netrc).
  - It checks the local users of the host, and those with a folder in C(/home). It runs nothing, so a variable that a file
    sets under a condition is treated as set.
  - The result names known keys only, and of a URL only scheme, host and port.
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
  index_url:
    description: The URL of the index that pip should use.
    type: str
    required: true
  path:
    description: The site's configuration, which overrides that below C(/etc/xdg).
    type: path
    default: /etc/pip.conf
  environments:
    description: Folders of environments, each of which may have a C(pip.conf) of its own. They may contain wildcards.
    type: list
    elements: path
    default: []
"""

EXAMPLES = r"""
- name: Find settings that override the site's pip.conf
  airgap.python.pip_settings_info:
    index_url: http://10.89.1.10:3141/airgap/prod/+simple/
    environments: [/usr, /opt/airgap/*]
"""

RETURN = r"""
findings:
  description: The settings that were found.
  type: list
  elements: dict
  returned: success
  contains:
    path:
      description: The file. The path of a user's file begins with V(~/).
      type: str
      sample: ~/.config/pip/pip.conf
    user:
      description: The user. Empty if the file applies to every user.
      type: str
    effects:
      description: What pip does because of it.
      type: list
      elements: str
      sample: ["uses https://pypi.example instead of the index"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._clients import _overrides_search


def main() -> None:
    """Search for the settings, and warn."""
    module = AnsibleModule(
        argument_spec={
            "index_url": {"type": "str", "required": True},
            "path": {"type": "path", "default": "/etc/pip.conf"},
            "environments": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    try:
        result = _overrides_search.search(module)
    except AirgapError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
