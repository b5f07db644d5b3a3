#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_receive
short_description: Receive a bundle
version_added: 0.1.0
description:
  - Brings a bundle that another host offers to its place on this host, as far as what has come allows, and says what is
    still to come. Each run goes on where the one before ended, also where that was interrupted.
  - Without O(command) and O(volume_path) it verifies the bundle in place. If that is not the offered one, RV(open) says that the
    open part has to come first, which is all of the bundle but its pool.
  - With O(command), the open part comes as a stream. Its sums, names and signatures and the age of the bundle are judged,
    and RV(wanted) is what of the pool is missing. In check mode that is read, too, and nothing of it is kept.
  - With O(command) and O(wanted), or with O(volume), that part of the pool comes. A file gets its name when it is whole and
    its SHA-256 is right.
  - When nothing is missing, it takes over what the bundle in place has already, verifies the whole bundle and who signed it,
    and puts it in the place of the one before in one step.
  - O(incoming) is made with mode 0700, and refused if others can write to it.
  - What an interrupted run brought stays in O(incoming) and is not asked for again. The parts of a file may come in any order.
  - Files that the offered bundle leaves to its base are taken from the bundle in place, by their SHA-256.
  - One reception at a time. Another one waits for a minute, and then fails.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode and say what would change. The pool is not received.
    support: full
  diff_mode:
    description: Shows the paths that come and go.
    support: full
options:
  path:
    description: Where the bundle has its place on this host.
    type: path
    required: true
  incoming:
    description: Folder for what is on its way, on the same file system as O(path).
    type: path
    required: true
  id:
    description: Id of the offered bundle, from RV(airgap.python.bundle_verify#module:id) of the sender.
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
      - SHA-256 of the list of volumes, from RV(airgap.python.bundle_media_info#module:volumes_sha256), if a medium brings the
        pool. RV(volumes) then says which of them are needed.
    type: str
    default: ""
  complete:
    description:
      - Refuse a bundle that lacks files when the bundle in place has completed it, before anything is moved.
      - For the host that uses the bundle. A host that only passes it on needs but the files that are carried.
    type: bool
    default: false
  inventory:
    description:
      - The C(inventory.json) of this host, which names every bundle that was imported. With O(complete), a base that is
        not among them is refused.
    type: path
  source:
    description: Name of the host that sends, for messages.
    type: str
  command:
    description:
      - The command that prints the piece on the control host, from RV(airgap.python.bundle_send#module:command).
        The action plugin passes what it prints on to this host.
      - This host must be reached by ssh, or be the control host itself.
    type: list
    elements: str
  wanted:
    description: What of the pool the piece has, RV(wanted) or that of a volume in RV(volumes). Without it, it is the open part.
    type: list
    elements: str
    default: []
  volume:
    description: The volume of a medium that the piece is, or whose bytes O(wanted) are.
    type: str
    default: ""
  volume_path:
    description: The volume as a file on this host, which is kept, instead of O(command).
    type: path
  bytes:
    description: How many bytes are expected, to say how far it is.
    type: int
    default: 0
  pipe:
    description: Folder in which the pipe will be. Set by the action plugin.
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
  register: first

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
  description: Whether something is still to come, or to be done.
  type: bool
  returned: success
open:
  description: Whether the open part has to come before anything else is known.
  type: bool
  returned: success
known:
  description: SHA-256 of the files that are here already, but for the pool's; for O(airgap.python.bundle_send#module:known).
  type: list
  elements: str
  returned: when RV(open=true)
wanted:
  description:
    - What of the pool is to be sent; for O(airgap.python.bundle_send#module:wanted). Files are named by their number, from 0,
      among those of the pool in C(SHA256SUMS), in order of their paths.
    - V(7) is a file, V(7-12) are six of them, and V(7@100-250) are bytes 100 to 249 of one.
  type: list
  elements: str
  returned: when RV(open=false)
bytes:
  description: How many bytes are to be sent, and how many the open part had if that came, before packing.
  type: int
  returned: when RV(open=false)
files:
  description: How many files lack something here, and how many the open part had if that came.
  type: int
  returned: when RV(open=false)
held:
  description: How many files of the offered bundle this host held already.
  type: int
  returned: when RV(open=false)
left_out:
  description: How many files the offered bundle leaves to its base.
  type: int
  returned: when RV(open=false)
volumes:
  description: The volumes that are needed, each with its name and what of its bytes is to be sent.
  type: list
  elements: dict
  returned: when RV(open=false)
  contains:
    name:
      description: The volume.
      type: str
    wanted:
      description: As RV(wanted), of the volume as the only file.
      type: list
      elements: str
crossed:
  description: How many bytes came over the line.
  type: int
  returned: with O(command)
seconds:
  description: How long the line was there, and how long it took to do with it all that could be done.
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
