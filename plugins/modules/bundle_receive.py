#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_receive
short_description: Receive a bundle
version_added: 0.1.0
description:
  - Receives a bundle that another host offers, as far as possible with what has arrived, and returns what is still missing.
    Each run continues where the one before stopped, even if that one was interrupted.
  - Without O(command) and O(volume_path) it verifies the bundle in place. If that is not the offered one, RV(open) says that
    the open part must arrive first, which is everything except the pool.
  - With O(command), it receives the open part, verifies its sums and names, the signatures and the age of the bundle, and
    returns in RV(wanted) which parts of the pool are missing. In check mode it does that, too, and keeps nothing.
  - With O(command) and O(wanted), or with O(volume), it receives these parts of the pool. A file gets its name when it is
    complete and its SHA-256 is correct.
  - When nothing is missing, it adds what the bundle in place already has, verifies the whole bundle and its signatures, and
    replaces the bundle in place in one step.
  - O(incoming) is created with mode 0700, and refused if others can write to it.
  - What arrives in a run that is interrupted is kept in O(incoming), and is not requested again. The parts of a file may
    arrive in any order.
  - Files that the offered bundle leaves to its base are copied from the bundle in place, by their SHA-256.
  - There is one reception at a time. Another one waits for a minute, and then fails.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode and report what would change. The pool is not received.
    support: full
  diff_mode:
    description: Shows the paths that are added, replaced and removed.
    support: full
options:
  path:
    description: The place of the bundle on this host.
    type: path
    required: true
  incoming:
    description: Folder for a bundle that is not complete, on the same file system as O(path).
    type: path
    required: true
  id:
    description: Id of the offered bundle, from RV(airgap.python.bundle_verify#module:id) on the sending host.
    type: str
    required: true
  sha256:
    description: SHA-256 of its C(SHA256SUMS), from RV(airgap.python.bundle_verify#module:sha256).
    type: str
    required: true
  signatures_sha256:
    description: SHA-256 of its C(SHA256SUMS.sig), from RV(airgap.python.bundle_verify#module:signatures_sha256); empty if it has none.
    type: str
    default: ""
  volumes_sha256:
    description:
      - SHA-256 of the list of volumes, from RV(airgap.python.bundle_media_info#module:volumes_sha256), if a disk carries the
        pool. RV(volumes) then names the volumes that are needed.
    type: str
    default: ""
  complete:
    description:
      - Refuse a bundle that the bundle in place cannot complete, before any of its pool is received.
      - For the host that uses the bundle. A host that only passes it on needs only the files that the bundle carries.
    type: bool
    default: false
  inventory:
    description:
      - The C(inventory.json) of this host, which names every bundle that was imported. With O(complete), a bundle whose base
        is not among them is refused.
    type: path
  source:
    description: Name of the sending host, for messages.
    type: str
  command:
    description:
      - The command that prints the stream on the control host, from RV(airgap.python.bundle_send#module:command).
        The action plugin relays what it prints to this host.
      - This host must be reached by ssh, or be the control host itself.
    type: list
    elements: str
  wanted:
    description:
      - The parts of the pool that the stream holds, from RV(wanted), or those of a volume, from RV(volumes). If this and
        O(volume) are empty, the stream is the open part.
    type: list
    elements: str
    default: []
  volume:
    description: The volume that the stream is, or whose parts O(wanted) names.
    type: str
    default: ""
  volume_path:
    description: The volume as a file on this host, which is kept, instead of O(command).
    type: path
  bytes:
    description: How many bytes are expected, for messages of progress.
    type: int
    default: 0
  pipe:
    description: Folder in which the relay creates the pipe. Set by the action plugin.
    type: path
requirements:
  - python >= 3.8
extends_documentation_fragment:
  - airgap.python.approval
"""

EXAMPLES = r"""
- name: Compare the bundle in place with the offered one
  airgap.python.bundle_receive: &offer
    path: /srv/airgap/bundle
    incoming: /srv/airgap/incoming
    id: "{{ offer.id }}"
    sha256: "{{ offer.sha256 }}"
  register: present

- name: Receive the open part that another host sends
  airgap.python.bundle_receive:
    <<: *offer
    command: "{{ open.command }}"
  register: plan

- name: Receive the pool that another host sends
  airgap.python.bundle_receive:
    <<: *offer
    command: "{{ pool.command }}"
    wanted: "{{ plan.wanted }}"
"""

RETURN = r"""
pending:
  description: Whether something is still missing, or must still be done.
  type: bool
  returned: success
open:
  description: Whether the open part must arrive before anything else is known.
  type: bool
  returned: success
known:
  description: SHA-256 of the files outside the pool that are here already; for O(airgap.python.bundle_send#module:known).
  type: list
  elements: str
  returned: when RV(open=true)
wanted:
  description:
    - The parts of the pool that are missing; for O(airgap.python.bundle_send#module:wanted). Files are named by their number,
      from 0, among those of the pool in C(SHA256SUMS), in order of their paths.
    - V(7) is a file, V(7-12) are six files, and V(7@100-250) are bytes 100 to 249 of one file.
  type: list
  elements: str
  returned: when RV(open=false)
bytes:
  description: How many bytes are missing, plus those of the open part if it arrived in this run, before compression.
  type: int
  returned: when RV(open=false)
files:
  description: Of how many files something is missing, plus those of the open part if it arrived in this run.
  type: int
  returned: when RV(open=false)
held:
  description: How many files of the offered bundle were here already.
  type: int
  returned: when RV(open=false)
left_out:
  description: How many files the offered bundle leaves to its base.
  type: int
  returned: when RV(open=false)
volumes:
  description: The volumes that are needed.
  type: list
  elements: dict
  returned: when RV(open=false)
  contains:
    name:
      description: The name of the volume.
      type: str
    wanted:
      description: The parts of it that are needed, as in RV(wanted), with the volume as the only file.
      type: list
      elements: str
crossed:
  description: How many bytes the relay passed on.
  type: int
  returned: with O(command)
seconds:
  description: How long the relay ran, in seconds, including what was done with the bytes as they arrived.
  type: float
  returned: with O(command)
"""

import contextlib
import os
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._bundle import _approval
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._transfer import _pipe, _reception, _stream


@contextlib.contextmanager
def opened_stream(params: t.Mapping[str, t.Any]) -> t.Iterator[t.Optional[_stream.Source]]:
    """Open the pipe that the action plugin creates, or the volume on this host; return None if nothing arrives."""
    if params["pipe"]:
        with contextlib.closing(_pipe.Pipe(os.path.join(params["pipe"], "pipe"), os.O_RDONLY)) as pipe:
            yield pipe
    elif params["volume_path"]:
        with open(params["volume_path"], "rb") as stream:
            yield stream
    else:
        yield None


def receive(params: t.Mapping[str, t.Any], check_mode: bool) -> t.Dict[str, t.Any]:
    """Receive what arrives, and return what is still missing."""
    offer = _reception.Offer(params["id"], params["sha256"], params["signatures_sha256"], params["volumes_sha256"])
    places = params["path"], params["incoming"]
    with _reception.locked_reception(*places, offer, params, check_mode) as reception, opened_stream(params) as stream:
        return reception.receive(stream, params["wanted"], params["volume"])


def main() -> None:
    """Receive what arrives."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "incoming": {"type": "path", "required": True},
            "id": {"type": "str", "required": True},
            "sha256": {"type": "str", "required": True, "no_log": False},
            "signatures_sha256": {"type": "str", "default": "", "no_log": False},
            "volumes_sha256": {"type": "str", "default": "", "no_log": False},
            "complete": {"type": "bool", "default": False},
            "inventory": {"type": "path"},
            "source": {"type": "str"},
            "command": {"type": "list", "elements": "str"},
            "wanted": {"type": "list", "elements": "str", "default": []},
            "volume": {"type": "str", "default": ""},
            "volume_path": {"type": "path"},
            "bytes": {"type": "int", "default": 0},
            "pipe": {"type": "path"},
            **_approval.OPTIONS,
        },
        mutually_exclusive=[("command", "volume_path")],
        required_by={"volume_path": ("volume",)},
        supports_check_mode=True,
    )
    params = module.params
    if module.check_mode and (params["wanted"] or params["volume"]):
        module.exit_json(changed=True, pending=True)
    # A bundle that others can write to is refused.
    os.umask(0o022)
    try:
        result = receive(params, module.check_mode)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    if not module._diff:
        result.pop("diff", None)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
