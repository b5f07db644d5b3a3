#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_receive
short_description: Take a bundle in, piece by piece
version_added: 0.1.0
description:
  - O(phase=plan) checks the bundle that this host holds and says which bytes of the offered one it lacks.
  - O(phase=piece) takes one piece in. A file gets its name when it is whole and its SHA-256 is right.
  - O(phase=finish) takes over what the host held already, checks the whole bundle and who signed it, and puts it in
    the place of the one before in one step.
  - What a broken run brought stays in O(incoming) and is not asked for again.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode.
    details: O(phase=plan) answers as it would otherwise; the others say that they would change something, and do nothing.
    support: partial
  diff_mode:
    description: O(phase=plan) shows the paths that come and go.
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
  phase:
    description: What to do.
    type: str
    choices: [plan, piece, finish]
    required: true
  id:
    description: Id of the offered bundle.
    type: str
    required: true
  entries:
    description: Every file of the offered bundle, from RV(airgap.python.bundle_verify#module:entries) of the sender.
    type: list
    elements: dict
    required: true
  piece_size:
    description: The most that a piece may hold, in bytes. Used by O(phase=plan).
    type: int
    default: 67108864
  parts:
    description: What the piece holds, as in RV(pieces). Used by O(phase=piece).
    type: list
    elements: dict
    default: []
  piece:
    description: The piece; a path on the control host, which the action plugin brings here. Used by O(phase=piece).
    type: path
  sha256:
    description: SHA-256 of the piece. Used by O(phase=piece).
    type: str
requirements:
  - python >= 3.8
extends_documentation_fragment:
  - airgap.python.approval
"""

EXAMPLES = r"""
- name: Ask what this hop lacks
  airgap.python.bundle_receive:
    path: /srv/airgap/bundle
    incoming: /srv/airgap/incoming
    phase: plan
    id: "{{ offer.id }}"
    entries: "{{ offer.entries }}"
  register: plan

- name: Take a piece in
  airgap.python.bundle_receive:
    path: /srv/airgap/bundle
    incoming: /srv/airgap/incoming
    phase: piece
    id: "{{ offer.id }}"
    entries: "{{ offer.entries }}"
    parts: "{{ plan.pieces[0] }}"
    piece: "{{ piece.local }}"
    sha256: "{{ piece.sha256 }}"

- name: Check everything and switch over
  airgap.python.bundle_receive:
    path: /srv/airgap/bundle
    incoming: /srv/airgap/incoming
    phase: finish
    id: "{{ offer.id }}"
    entries: "{{ offer.entries }}"
"""

RETURN = r"""
pieces:
  description: The pieces to send, each a list of C(path), C(offset) and C(length) in bytes.
  type: list
  elements: list
  returned: for O(phase=plan)
bytes:
  description: How many bytes the pieces hold (O(phase=plan)), or this one held (O(phase=piece)).
  type: int
  returned: for O(phase=plan) and O(phase=piece)
files:
  description: How many files the pieces hold wholly or in part.
  type: int
  returned: for O(phase=plan)
pending:
  description: Whether the bundle in place is not the offered one yet.
  type: bool
  returned: for O(phase=plan)
held:
  description: How many files of the offered bundle this host holds already.
  type: int
  returned: for O(phase=plan)
"""

import os
import shutil

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _approval, _manifest
from ansible_collections.airgap.python.plugins.module_utils._files import adopt, fsync_dir, sha256_file

PARTIAL = ".partial"


class Reception:
    """What a hop holds of an offered bundle, and how the rest gets in."""

    def __init__(self, params):
        self.params = params
        self.path = params["path"]
        self.incoming = params["incoming"]
        if not params["id"].isalnum():
            raise _manifest.BundleError("%r is no bundle id." % params["id"])
        self.next = os.path.join(self.incoming, params["id"])
        self.partial = self.next + PARTIAL
        self.entries = {}
        for one in params["entries"]:
            self.entries[one["path"]] = _manifest.Entry(one["path"], one["sha256"], int(one["size"]))
        _manifest.check_names(self.entries, "the offered bundle")

    def present(self):
        """Return path to SHA-256 of the bundle in place, after checking all of it; {} where there is none."""
        self.recover()
        if not os.path.isdir(self.path) or not os.listdir(self.path):
            return {}
        dummy, entries = _manifest.verify(self.path)
        return {entry.path: entry.sha256 for entry in entries}

    def recover(self):
        """Put back the bundle that a run killed between two renames had set aside."""
        if not os.path.lexists(self.path) and os.path.isdir(self.path + ".previous"):
            os.rename(self.path + ".previous", self.path)

    def missing(self, present):
        """Return (path, bytes already there, size) of what has to come, the pool first.

        Raises BundleError where the pool has another content under an offered name.
        """
        missing = []
        for path, entry in sorted(self.entries.items(), key=lambda one: (not one[0].startswith("wheels/"), one[0])):
            if present.get(path) == entry.sha256:
                continue
            if path.startswith(_manifest.POOL + "/") and path in present:
                raise _manifest.BundleError(
                    "%s has sha256 %s here and %s in the offered bundle. One file name stands for one content: "
                    "find out which is right, and remove the other." % (path, present[path], entry.sha256)
                )
            arrived = os.path.join(self.next, path)
            if os.path.isfile(arrived) and sha256_file(arrived) == entry.sha256:
                continue
            begun = os.path.join(self.partial, path)
            offset = os.path.getsize(begun) if os.path.isfile(begun) else 0
            missing.append((path, offset if offset < entry.size else 0, entry.size))
        return missing

    def take(self, piece, parts, sha256):
        """Add one piece; files that are whole and right get their names in the incoming bundle."""
        if sha256_file(piece) != sha256:
            raise _manifest.BundleError("A piece was damaged on its way. Run the transfer again: the rest is kept.")
        self.forget_others()
        with open(piece, "rb") as stream:
            for part in parts:
                self.take_part(stream, part)

    def take_part(self, stream, part):
        """Append one part to its file, and finish the file when it is whole."""
        entry = self.entries.get(part.path)
        if entry is None:
            raise _manifest.BundleError("A piece holds %r, which the offered bundle does not." % part.path)
        begun = os.path.join(self.partial, part.path)
        os.makedirs(os.path.dirname(begun), exist_ok=True)
        with open(begun, "ab" if part.offset else "wb") as target:
            if target.tell() != part.offset:
                raise _manifest.BundleError("%s is at byte %d, not %d." % (begun, target.tell(), part.offset))
            left = part.length
            while left:
                block = stream.read(min(left, 1 << 20))
                if not block:
                    raise _manifest.BundleError("A piece ends within %s. Run the transfer again." % part.path)
                target.write(block)
                left -= len(block)
        if part.offset + part.length < entry.size:
            return
        real = sha256_file(begun)
        if real != entry.sha256:
            os.unlink(begun)
            raise _manifest.BundleError(
                "%s arrived with sha256 %s and should have %s: it was changed on the sending host. Verify the bundle there."
                % (part.path, real, entry.sha256)
            )
        final = os.path.join(self.next, part.path)
        os.makedirs(os.path.dirname(final), exist_ok=True)
        adopt(begun, final)

    def forget_others(self):
        """Remove what came of bundles that are not offered any more."""
        for name in os.listdir(self.incoming) if os.path.isdir(self.incoming) else []:
            if os.path.join(self.incoming, name) not in (self.next, self.partial):
                shutil.rmtree(os.path.join(self.incoming, name))

    def finish(self):
        """Complete the incoming bundle from the one in place, check it, and switch over."""
        present = self.present()
        for path, entry in self.entries.items():
            final = os.path.join(self.next, path)
            if not os.path.exists(final) and present.get(path) == entry.sha256:
                os.makedirs(os.path.dirname(final), exist_ok=True)
                os.link(os.path.join(self.path, path), final)
        self.drop_strangers()
        _approval.judge(self.next, self.params)
        dummy, entries = _manifest.verify(self.next)
        if {entry.path: entry.sha256 for entry in entries} != {one.path: one.sha256 for one in self.entries.values()}:
            raise _manifest.BundleError("%s is not the bundle that was offered. Run the transfer again." % self.next)
        previous = self.path + ".previous"
        shutil.rmtree(previous, ignore_errors=True)
        if os.path.lexists(self.path):
            os.rename(self.path, previous)
        os.rename(self.next, self.path)
        fsync_dir(os.path.dirname(self.path))
        shutil.rmtree(previous, ignore_errors=True)
        shutil.rmtree(self.incoming, ignore_errors=True)

    def drop_strangers(self):
        """Remove leftovers from the incoming bundle: it is our own workplace, not yet a bundle."""
        for path in _manifest.walk(self.next):
            if path not in self.entries:
                os.unlink(os.path.join(self.next, path))


def plan(reception, piece_size):
    """Return what is to be sent, and the difference that it makes."""
    present = reception.present()
    missing = reception.missing(present)
    pieces = _manifest.cut(missing, piece_size)
    gone = sorted(set(present) - set(reception.entries))
    news = sorted(path for path, entry in reception.entries.items() if present.get(path) != entry.sha256)
    return {
        "changed": bool(news or gone),
        "pending": bool(news or gone),
        "pieces": [[part._asdict() for part in parts] for parts in pieces],
        "bytes": sum(part.length for parts in pieces for part in parts),
        "files": len(missing),
        "held": len(reception.entries) - len(missing),
        "diff": {
            "before_header": reception.path,
            "after_header": reception.path,
            "before": "".join(path + "\n" for path in gone + [path for path in news if path in present]),
            "after": "".join(path + "\n" for path in news),
        },
    }


def main():
    """Carry out one phase."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "incoming": {"type": "path", "required": True},
            "phase": {"type": "str", "choices": ["plan", "piece", "finish"], "required": True},
            "id": {"type": "str", "required": True},
            "entries": {"type": "list", "elements": "dict", "required": True},
            "piece_size": {"type": "int", "default": 64 << 20},
            "parts": {"type": "list", "elements": "dict", "default": []},
            "piece": {"type": "path"},
            "sha256": {"type": "str", "no_log": False},
            **_approval.OPTIONS,
        },
        required_if=[("phase", "piece", ("parts", "piece", "sha256"))],
        supports_check_mode=True,
    )
    params = module.params
    result = {"changed": True}
    try:
        reception = Reception(params)
        if params["phase"] == "plan":
            if params["piece_size"] < 1 << 16:
                module.fail_json(msg="piece_size is %d bytes. Give at least 65536." % params["piece_size"])
            result = plan(reception, params["piece_size"])
            if not module._diff:
                del result["diff"]
        elif module.check_mode:
            pass
        elif params["phase"] == "piece":
            parts = [_manifest.Part(one["path"], int(one["offset"]), int(one["length"])) for one in params["parts"]]
            reception.take(params["piece"], parts, params["sha256"])
            result["bytes"] = sum(part.length for part in parts)
        else:
            reception.finish()
    except (_manifest.BundleError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
