#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sealed_secrets
short_description: Carry the secrets of devpi-server from one index host to another
version_added: 0.1.0
author:
  - airgap.python authors (@airgap-python)
description:
  - Carries the server's secret and the passwords (C(secret) and C(*.password)) from one index host to another. They are sealed
    to a key of the receiving host, so that neither the control host nor what it shows, logs or caches has them.
  - V(requested), on the receiving host, returns its public key. V(sent), on the sending host, returns the sealed secrets, or
    nothing if the receiving host has them. V(received), on the receiving host, writes them.
attributes:
  check_mode:
    description: Makes no key and writes nothing.
    support: full
  diff_mode:
    description: Secrets are not shown, so there is no diff.
    support: none
options:
  state:
    description: Which of the three steps is done.
    type: str
    choices: [requested, sent, received]
    required: true
  folder:
    description: The folder of the secrets on this host.
    type: path
    required: true
  public_key:
    description: With O(state=sent), RV(public_key) of the receiving host.
    type: str
  digest:
    description: With O(state=sent), RV(digest) of the receiving host.
    type: str
    default: ""
  sealed:
    description: With O(state=received), RV(sealed) of the sending host.
    type: str
requirements:
  - python >= 3.8
  - cryptography, which the environment of the role front has
"""

EXAMPLES = r"""
- name: Request the secrets
  airgap.python.sealed_secrets:
    state: requested
    folder: /etc/devpi-server
  register: request
  vars: &front
    ansible_python_interpreter: /opt/airgap/airgap-front/bin/python

- name: Send them
  airgap.python.sealed_secrets:
    state: sent
    folder: /etc/devpi-server
    public_key: "{{ request.public_key }}"
    digest: "{{ request.digest }}"
  delegate_to: index
  register: answer
  vars: *front

- name: Receive them
  airgap.python.sealed_secrets:
    state: received
    folder: /etc/devpi-server
    sealed: "{{ answer.sealed }}"
  when: answer.sealed | length > 0
  vars: *front
"""

RETURN = r"""
public_key:
  description: The public key of this host. It is not a secret.
  returned: O(state=requested)
  type: str
digest:
  description: What tells whether this host has the same secrets as another. Nothing about them follows from it.
  returned: O(state=requested)
  type: str
sealed:
  description: The secrets, which only the receiving host can read. Empty if it has them.
  returned: O(state=sent)
  type: str
names:
  description: The names of the files that were changed.
  returned: O(state=received)
  type: list
  elements: str
  sample: [root.password, secret]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _sealed_secrets


def main() -> None:
    """Do one of the three steps."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["requested", "sent", "received"], "required": True},
            "folder": {"type": "path", "required": True},
            # A public key is not a secret, and what is sealed can be shown.
            "public_key": {"type": "str", "no_log": False},
            "digest": {"type": "str", "default": ""},
            "sealed": {"type": "str", "no_log": False},
        },
        required_if=[("state", "sent", ["public_key"]), ("state", "received", ["sealed"])],
        supports_check_mode=True,
    )
    params = module.params
    try:
        if params["state"] == "requested":
            result = _sealed_secrets.request(params["folder"], module.check_mode)
        elif params["state"] == "sent":
            result = _sealed_secrets.send(params["folder"], params["public_key"], params["digest"])
        else:
            result = _sealed_secrets.receive(params["folder"], params["sealed"], module.check_mode)
    except AirgapError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg="%s: %s. Run as root." % (error.filename, error.strerror))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
