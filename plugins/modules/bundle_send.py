#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_send
short_description: Send a part of a bundle to another host
version_added: 0.1.0
description:
  - Waits for M(airgap.python.bundle_receive) with the open part of a bundle, or with what that wants of its pool, at a named
    pipe, and returns the command that prints it on the control host.
  - M(airgap.python.bundle_receive) runs that command and passes what it prints on to the receiving host. Nothing is
    written on the way. If it does not come within two minutes, the piece is dropped.
  - The open part is all of the bundle but its pool, packed with xz. Wheels go as they are.
  - The host must be reached by ssh, or be the control host itself.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Does the same in check mode. Nothing that lasts is changed.
    support: full
  diff_mode:
    description: Changes nothing that lasts, so there is no difference to show.
    support: none
options:
  path:
    description: The bundle on this host, the folder of a medium with its open part, or a volume.
    type: path
    required: true
  sha256:
    description: SHA-256 of the C(SHA256SUMS) in O(path). Another bundle than that is not sent. Not used for a volume.
    type: str
    default: ""
  known:
    description: SHA-256 of files of the open part that are not sent, from RV(airgap.python.bundle_receive#module:known).
    type: list
    elements: str
    default: []
  wanted:
    description:
      - What of the pool, or of a volume, is sent; from RV(airgap.python.bundle_receive#module:wanted) or
        RV(airgap.python.bundle_receive#module:volumes). Without it, the open part is.
    type: list
    elements: str
    default: []
  pipe:
    description: Folder in which the pipe will be. Set by the action plugin.
    type: path
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Send the open part of the bundle
  airgap.python.bundle_send:
    path: /srv/airgap/bundle
    sha256: "{{ offer.sha256 }}"
    known: "{{ first.known }}"
  delegate_to: internet
  register: open

- name: Send what is missing of the pool
  airgap.python.bundle_send:
    path: /srv/airgap/bundle
    sha256: "{{ offer.sha256 }}"
    wanted: "{{ plan.wanted }}"
  delegate_to: internet
  register: pool
"""

RETURN = r"""
command:
  description: The command that prints the piece on the control host, once. It has the arguments that Ansible gives ssh.
  type: list
  elements: str
  returned: success
bytes:
  description: How many bytes it has, before packing.
  type: int
  returned: success
"""

import contextlib
import fcntl
import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._bundle import _folder, _layout, _sums
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_bytes, sha256_file
from ansible_collections.airgap.python.plugins.module_utils._transfer import _parts, _pipe, _stream, _volumes


def read_sums(root, sha256):
    """Return the bytes and the sums of the SHA256SUMS that is to be sent; raises AirgapError for any other."""
    path = os.path.join(root, _layout.SUMS)
    text = _folder.read_text(path)
    if sha256_bytes(text.encode("utf-8")) != sha256:
        raise AirgapError("%s is not that of the offered bundle any more. Run this again." % path)
    return _sums.parse(text, path)


def open_part(root, sha256, known):
    """Return path and size of the files of the open part that are not known, what they are verified by first."""
    sums = {path: one for path, one in read_sums(root, sha256).items() if not _layout.is_in_pool(path)}
    for name in (_layout.SUMS, _layout.SIGNATURE, _volumes.LIST):
        if os.path.isfile(os.path.join(root, name)):
            sums[name] = sha256_file(os.path.join(root, name))
    paths = sorted((path for path in sums if sums[path] not in known), key=lambda path: (path != _layout.SUMS, path))
    return [(path, os.lstat(os.path.join(root, path)).st_size) for path in paths]


def pool_parts(root, sha256, wanted):
    """Return the folder and the parts of what is wanted of a bundle's pool, or of a volume."""
    if os.path.isfile(root):
        root, name = os.path.split(root)
        paths = [name]
    else:
        paths = sorted(path for path in read_sums(root, sha256) if _layout.is_in_pool(path))
    return root, _parts.parse_wanted(wanted, paths, lambda path: os.lstat(os.path.join(root, path)).st_size)


def serve(write, folder):
    """Have the piece written into the pipe; what goes wrong is for the one who reads it, beside the pipe."""
    try:
        with contextlib.closing(_pipe.Pipe(os.path.join(folder, "pipe"), os.O_WRONLY)) as pipe:
            # Where Ansible lost the connection and ran the module again, there are two of this.
            fcntl.flock(pipe.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                write(pipe.write)
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
    """Leave a process behind that sends the piece."""
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
        module.fail_json(msg="bundle_send runs through its action plugin, which says where the pipe is.")
    root = params["path"]
    try:
        if params["wanted"]:
            root, parts = pool_parts(root, params["sha256"], params["wanted"])
            size = sum(part.length for part in parts)
            left_behind(lambda: serve(lambda emit: _stream.write(root, parts, emit), params["pipe"]))
        else:
            files = open_part(root, params["sha256"], set(params["known"]))
            size = sum(one for dummy, one in files)
            left_behind(lambda: serve(lambda emit: _stream.write_open(root, files, emit), params["pipe"]))
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, bytes=size)


if __name__ == "__main__":
    main()
