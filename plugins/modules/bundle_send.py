#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_send
short_description: Send a part of a bundle to another host
version_added: 0.1.0
description:
  - Starts a process that waits at a named pipe with the open part of a bundle, or with the parts of its pool that
    M(airgap.python.bundle_receive) wants, and returns the command that prints this stream on the control host.
  - M(airgap.python.bundle_receive) runs that command and relays the stream to the receiving host. Nothing is written to a
    disk on the way. The process ends if nobody reads the stream within two minutes.
  - The open part is everything except the pool, compressed with xz. Wheels are sent as they are.
  - The host must be reached by ssh, or be the control host itself.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Does the same in check mode, because it changes nothing that lasts.
    support: full
  diff_mode:
    description: Changes nothing that lasts, so there is no difference to show.
    support: none
options:
  path:
    description: The bundle on this host, the folder of an export, or a volume.
    type: path
    required: true
  sha256:
    description: SHA-256 of the C(SHA256SUMS) in O(path). Another bundle is not sent. Not used for a volume.
    type: str
    default: ""
  known:
    description: SHA-256 of files of the open part that are not sent, from RV(airgap.python.bundle_receive#module:known).
    type: list
    elements: str
    default: []
  wanted:
    description:
      - The parts of the pool or of a volume that are sent, from RV(airgap.python.bundle_receive#module:wanted) or
        RV(airgap.python.bundle_receive#module:volumes). If this is empty, the open part is sent.
    type: list
    elements: str
    default: []
  pipe:
    description: Folder in which the relay creates the pipe. Set by the action plugin.
    type: path
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Send the open part
  airgap.python.bundle_send:
    path: /srv/airgap/bundle
    sha256: "{{ offer.sha256 }}"
    known: "{{ present.known }}"
  delegate_to: internet
  register: open

- name: Send the missing parts of the pool
  airgap.python.bundle_send:
    path: /srv/airgap/bundle
    sha256: "{{ offer.sha256 }}"
    wanted: "{{ plan.wanted }}"
  delegate_to: internet
  register: pool
"""

RETURN = r"""
command:
  description: The command that prints the stream on the control host, once. It has the arguments that Ansible gives ssh.
  type: list
  elements: str
  returned: success
bytes:
  description: Size of the stream before compression, in bytes.
  type: int
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._transfer import _sender


def main() -> None:
    """Start the process that sends the stream."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "sha256": {"type": "str", "default": "", "no_log": False},
            "known": {"type": "list", "elements": "str", "default": [], "no_log": False},
            "wanted": {"type": "list", "elements": "str", "default": []},
            "pipe": {"type": "path"},
        },
        supports_check_mode=True,
    )
    params = module.params
    if not params["pipe"]:
        module.fail_json(msg="bundle_send needs its action plugin, which sets pipe. Run it as a task of a playbook.")
    try:
        load = _sender.load(params["path"], params["sha256"], set(params["known"]), params["wanted"])
        _sender.start(load.write, params["pipe"])
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, bytes=load.bytes)


if __name__ == "__main__":
    main()
