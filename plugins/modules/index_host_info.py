#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare an index host with what is wanted, in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: index_host_info
short_description: Compare an index host with what is wanted, in one call
version_added: 0.1.0
description:
  - Runs several modules of this collection as in check mode, one after the other, up to the first that would change something.
    Where none would, their tasks need not be played.
  - Options that are secrets, and every O(ignore:state) but V(present), are refused.
author:
  - airgap.python authors (@airgap-python)
options:
  devpi_service:
    description: The options of M(airgap.python.devpi_service). Without them, it is not compared.
    type: dict
  front_service:
    description: The options of M(airgap.python.front_service). Without them, it is not compared.
    type: dict
  devpi_publish:
    description: The options of M(airgap.python.devpi_publish). Without them, it is not compared.
    type: dict
  index_backup:
    description: The options of M(airgap.python.index_backup). Without them, it is not compared.
    type: dict
attributes:
  check_mode:
    description: Changes nothing.
    support: full
  diff_mode:
    description: Changes nothing, so there is nothing to show.
    support: none
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Compare the backups and what is served with what is wanted
  airgap.python.index_host_info:
    index_backup:
      folder: /mnt/backup/airgap
    devpi_publish:
      index: airgap/prod
      src: /srv/airgap/bundle
      bundle_id: "{{ bundle.id }}"
      password_file: /etc/devpi-server/airgap.password
      login_password_file: /etc/devpi-server/root.password
  register: index_host
"""

RETURN = r"""
right:
  description: Whether none of the modules would change anything.
  type: bool
  returned: success
difference:
  description: The first module that would change something, or failed, and why. Empty if none would.
  type: str
  returned: success
  sample: index_backup would change something
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._site import _index_host


def main() -> None:
    """Compare."""
    # The options have whole locks and configurations. They are not secret, but too long for the journal of the host.
    module = AnsibleModule(
        argument_spec={name: {"type": "dict"} for name in _index_host.PARTS}, supports_check_mode=True, no_log=True
    )
    difference = _index_host.difference(module)
    module.exit_json(changed=False, right=not difference, difference=difference)


if __name__ == "__main__":
    main()
