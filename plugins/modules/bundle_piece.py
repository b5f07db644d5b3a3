#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_piece
short_description: Have one piece of a bundle ready to be sent
version_added: 0.1.0
description:
  - Has runs of bytes of a bundle's files ready in a named pipe, one after another, and answers with the command that
    prints them on the control host.
  - M(airgap.python.bundle_receive) runs that command and passes what it prints on to the receiving host. Nothing is
    written on the way. If it does not come within two minutes, the piece is dropped.
  - Wheels go as they are; other files, which shrink to a fraction, are packed with xz.
  - The host must be reached by ssh, or be the control host itself.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Does nothing in check mode.
    support: none
  diff_mode:
    description: Changes nothing that lasts, so there is no difference to show.
    support: none
options:
  path:
    description: The bundle on this host, or another folder with O(parts).
    type: path
    required: true
  parts:
    description: What the piece holds, as C(path), C(offset) and C(length) in bytes; from RV(airgap.python.bundle_receive#module:parts).
    type: list
    elements: dict
    required: true
  pack:
    description: Whether files that are no wheels are packed.
    type: bool
    default: true
  pipe:
    description: Folder in which the pipe will be. Set by the action plugin.
    type: path
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Have what is missing ready
  airgap.python.bundle_piece:
    path: /srv/airgap/bundle
    parts: "{{ plan.parts }}"
  delegate_to: internet
  register: piece
"""

RETURN = r"""
command:
  description: The command that prints the piece on the control host, once. It has the arguments that Ansible gives ssh.
  type: list
  elements: str
  returned: success
encoding:
  description: How the files that are no wheels are packed in the piece; V(xz), or empty where they are not.
  type: str
  returned: success
"""

import contextlib
import fcntl
import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _pieces
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError


def serve(root, parts, encoding, folder):
    """Write the piece into the pipe; what goes wrong is for the one who reads it, beside the pipe."""
    try:
        with contextlib.closing(_pieces.Pipe(os.path.join(folder, "pipe"), os.O_WRONLY)) as pipe:
            # Where Ansible lost the connection and ran the module again, there are two of this.
            fcntl.flock(pipe.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                _pieces.write(root, parts, encoding, pipe.write)
            except (AirgapError, OSError) as error:
                say(os.path.join(folder, "error"), str(error))
    except (AirgapError, OSError):
        # Nobody came, or nobody is there any more.
        pass


def say(path, text):
    """Write a text for the login user, to whom the folder belongs, who could have put a link there."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        os.fchmod(stream.fileno(), 0o644)
        stream.write(text)


def leave():
    """Become a process that outlives the module: without its session, its folder and its streams."""
    os.setsid()
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)


def left_behind(work):
    """Run work in a process of its own; return when that has nothing to do with this one any more."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        try:
            os.close(reader)
            leave()
            os.close(writer)
            work()
        finally:
            os._exit(0)
    os.close(writer)
    os.read(reader, 1)
    os.close(reader)


def main():
    """Leave a process behind that serves the piece, and say how it is packed."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "parts": {"type": "list", "elements": "dict", "required": True},
            "pack": {"type": "bool", "default": True},
            "pipe": {"type": "path"},
        },
    )
    if not module.params["pipe"]:
        module.fail_json(msg="bundle_piece runs through its action plugin, which says where the pipe is.")
    parts = _pieces.parts_of(module.params["parts"])
    encoding = _pieces.encoding_of(parts) if module.params["pack"] else ""
    left_behind(lambda: serve(module.params["path"], parts, encoding, module.params["pipe"]))
    module.exit_json(changed=False, encoding=encoding)


if __name__ == "__main__":
    main()
