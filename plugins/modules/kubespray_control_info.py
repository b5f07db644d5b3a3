#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubespray_control_info
short_description: Check that an environment can run Kubespray
version_added: 0.1.0
description:
  - Tries in an environment what Kubespray does there. It plays Kubespray's own C(ansible_version.yml), imports netaddr and
    jmespath, runs the filters that need them, and hashes a password with bcrypt.
  - Only what is in the environment is used. Collections, settings and cached facts of the host have no effect.
  - If passlib is in the environment, hashing must work. Kubespray 2.31 and before do not require passlib; what they need it
    for fails there, and RV(passwords) has the reason.
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
  path:
    description: The environment, such as C(/opt/airgap/kubespray).
    type: path
    required: true
  checkout:
    description: The checkout of Kubespray on this host, whose C(playbooks/ansible_version.yml) is played.
    type: path
  playbook:
    description: The content of that playbook, if the checkout is not on this host. Without both, it is not played.
    type: str
    default: ""
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Check that Kubespray runs
  airgap.python.kubespray_control_info:
    path: /opt/airgap/kubespray
    checkout: /opt/kubespray
"""

RETURN = r"""
versions:
  description: The projects that Kubespray uses and that the environment has, each with its version, such as C(netaddr 1.3.0).
  type: list
  elements: str
  returned: success
played:
  description: Whether C(ansible_version.yml) was played.
  type: bool
  returned: success
passwords:
  description: V(bcrypt), or why no password can be hashed with it.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._site import _kubespray


def main() -> None:
    """Check the environment."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "checkout": {"type": "path"},
            "playbook": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        found = _kubespray.check(params["path"], params["playbook"], params["checkout"] or "")
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    problems = found.pop("problems")
    if problems:
        module.fail_json(msg=" ".join(problems))
    found["versions"] = ["%s %s" % one for one in sorted(found["versions"].items())]
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
