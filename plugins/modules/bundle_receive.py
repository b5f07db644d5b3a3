#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_receive
short_description: Take a bundle in
version_added: 0.1.0
description:
  - O(phase=plan) checks the bundle that this host holds and says which bytes of the offered one it lacks.
  - O(phase=piece) takes in what another host sends, as a stream. A file gets its name when it is whole and its SHA-256 is right.
    The pool comes last, and only of a bundle whose signatures, age, names and sums are approved.
  - O(phase=finish) takes over what the host held already, checks the whole bundle and who signed it, and puts it in
    the place of the one before in one step.
  - O(incoming) is made with mode 0700, and refused if others can write to it.
  - What a broken run brought stays in O(incoming) and is not asked for again. The parts of a file may come in any order.
  - Files that the offered bundle leaves to its base are taken from the bundle in place, by their SHA-256.
  - One reception at a time. Another one waits for a minute, and then fails.
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
  left_out:
    description: The files that the offered bundle leaves to its base, from RV(airgap.python.bundle_verify#module:left_out).
    type: list
    elements: dict
    default: []
  base:
    description: Id of the bundle that the offered one adds to, if any.
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
  volumes:
    description:
      - The volumes of a medium, from RV(airgap.python.bundle_media#module:volumes). The pool then comes from them, and
        O(phase=plan) says which are needed.
    type: list
    elements: dict
  parts:
    description: What the piece holds, as in RV(parts). Used by O(phase=piece).
    type: list
    elements: dict
    default: []
  source:
    description: Name of the host that sends, for messages.
    type: str
  command:
    description:
      - The command that prints the piece on the control host, from RV(airgap.python.bundle_piece#module:command).
        The action plugin passes what it prints on to this host. Used by O(phase=piece).
      - This host must be reached by ssh, or be the control host itself.
    type: list
    elements: str
  piece:
    description: The piece as a file on this host, which stays, instead of O(command); a volume that is mounted here. Used by O(phase=piece).
    type: path
  pipe:
    description: Folder in which the pipe will be. Set by the action plugin.
    type: path
  finish:
    description:
      - Finish when the piece is in, as O(phase=finish) does. What it brought was hashed as it came, and is not read again.
        Used by O(phase=piece).
    type: bool
    default: false
  encoding:
    description: How texts are packed in the piece, as RV(airgap.python.bundle_piece#module:encoding) says.
    type: str
    choices: ['', xz]
    default: ''
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

- name: Take the piece in that another host has ready
  airgap.python.bundle_receive:
    path: /srv/airgap/bundle
    incoming: /srv/airgap/incoming
    phase: piece
    id: "{{ offer.id }}"
    entries: "{{ offer.entries }}"
    parts: "{{ plan.parts }}"
    command: "{{ piece.command }}"
    encoding: "{{ piece.encoding }}"

- name: Check everything and switch over
  airgap.python.bundle_receive:
    path: /srv/airgap/bundle
    incoming: /srv/airgap/incoming
    phase: finish
    id: "{{ offer.id }}"
    entries: "{{ offer.entries }}"
"""

RETURN = r"""
parts:
  description: What is to be sent, as C(path), C(offset) and C(length) in bytes.
  type: list
  elements: dict
  returned: for O(phase=plan)
bytes:
  description:
    - How many bytes are to be sent, before packing (O(phase=plan)), or how many the parts had (O(phase=piece)).
  type: int
  returned: for O(phase=plan) and O(phase=piece)
crossed:
  description: How many bytes came over the line.
  type: int
  returned: for O(phase=piece) with O(command)
seconds:
  description: How long the line was there, and with O(finish) how long it took to put the bundle in its place as well.
  type: float
  returned: for O(phase=piece) with O(command)
files:
  description: How many files lack something here.
  type: int
  returned: for O(phase=plan)
volumes:
  description:
    - The volumes that are needed, each with C(name), C(runs) and C(parts).
    - C(runs) are the runs of bytes of the volume that are needed, as C(path), C(offset) and C(length), and C(parts) what they hold.
  type: list
  elements: dict
  returned: for O(phase=plan) with O(volumes)
pending:
  description: Whether the bundle in place is not the offered one yet.
  type: bool
  returned: for O(phase=plan)
held:
  description: How many files of the offered bundle this host holds already.
  type: int
  returned: for O(phase=plan)
"""

import contextlib
import hashlib
import os
import shutil
import stat
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _approval, _manifest, _pieces, _volumes
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import (
    BLOCK,
    fsync_dir,
    held,
    other_writers,
    read_if_there,
    sha256_file,
)

PARTIAL = ".partial"
# How long another reception is waited for, in seconds; less than a line waits for the module (_pieces.PATIENCE).
PATIENCE = 60
# What came of another bundle is in nobody's way before it is this old, in seconds: somebody may be bringing it.
ABANDONED = 3600


class Reception:
    """What a hop holds of an offered bundle, and how the rest gets in."""

    def __init__(self, params):
        self.params = params
        self.path = params["path"]
        self.incoming = params["incoming"]
        if not params["id"].isalnum():
            raise AirgapError("%r is no bundle id." % params["id"])
        self.next = os.path.join(self.incoming, params["id"])
        self.partial = self.next + PARTIAL
        self.check_mode = bool(params.get("check_mode"))
        self.entries = read_entries(params["entries"])
        self.left_out = read_entries(params.get("left_out") or [])
        self.base = params.get("base") or ""
        self.complete = bool(params.get("complete"))
        self.inventory = params.get("inventory")
        # Path to SHA-256 of what this run has written itself, and hashed meanwhile.
        self.written = {}
        _manifest.check_names(list(self.entries) + list(self.left_out), "the offered bundle")

    def present(self):
        """Return path to SHA-256 of the bundle in place, after checking all of it; {} where there is none."""
        if not self.check_mode:
            self.recover()
        if not os.path.isdir(self.path) or not os.listdir(self.path):
            return {}
        dummy, entries = _manifest.verify(self.path, incoming=self.incoming)
        return {entry.path: entry.sha256 for entry in entries}

    def recover(self):
        """Put back the bundle that a run killed between two renames had set aside."""
        if not os.path.lexists(self.path) and os.path.isdir(self.path + ".previous"):
            os.rename(self.path + ".previous", self.path)

    def missing(self, present):
        """Return the runs of bytes (path, from, up to) that have to come, the pool last.

        Raises AirgapError where the pool has another content under an offered name.
        """
        missing = []
        for path, entry in sorted(self.entries.items(), key=lambda one: (_pieces.is_packed(one[0]), one[0])):
            if present.get(path) == entry.sha256:
                continue
            self.check_place(path, entry, present)
            if self.has_arrived(entry):
                continue
            missing += [(path, begin, end) for begin, end in _pieces.gaps(self.runs(path), entry.size)]
        return missing

    @staticmethod
    def check_place(path, entry, present):
        """Raise AirgapError where the pool in place has another content under an offered name."""
        if path.startswith(_manifest.POOL + "/") and present.get(path, entry.sha256) != entry.sha256:
            raise AirgapError(
                "%s has sha256 %s here and %s in the offered bundle. One file name stands for one content: "
                "find out which is right, and remove the other." % (path, present[path], entry.sha256)
            )

    def check_base(self, present):
        """Refuse what this host cannot complete; say which bundle it misses."""
        for path, entry in self.left_out.items():
            self.check_place(path, entry, present)
        if not self.complete or not self.base:
            return
        here = set(present.values())
        lacking = [entry._asdict() for entry in self.left_out.values() if entry.sha256 not in here]
        about = {"id": os.path.basename(self.next), "base": self.base}
        _manifest.check_whole(self.path, about, lacking)
        manifest = self.entries.get(_manifest.MANIFEST)
        is_here = manifest is not None and present.get(_manifest.MANIFEST) == manifest.sha256
        if self.inventory is not None and not is_here:
            imported = read_imported(self.inventory)
            if self.base not in imported:
                raise AirgapError(
                    "Bundle %s adds to bundle %s, which was not imported here: %s. Import bundle %s first, or stage "
                    "again with stage_base: the inventory.json of this host."
                    % (about["id"], self.base, describe_imported(self.inventory, imported), self.base)
                )

    def has_arrived(self, entry):
        """Say whether a file is here whole and right."""
        path = os.path.join(self.next, entry.path)
        return os.path.isfile(path) and os.path.getsize(path) == entry.size and sha256_file(path) == entry.sha256

    def runs(self, path):
        """Return offset to length of what came of a file, whole parts and the one that a broken run was at."""
        folder = os.path.join(self.partial, path)
        names = os.listdir(folder) if os.path.isdir(folder) else []
        return {int(name): os.path.getsize(os.path.join(folder, name)) for name in names if name.isdigit()}

    def make_incoming(self):
        """Make the folder that nobody else can write to or look into while a bundle comes in."""
        os.makedirs(os.path.dirname(self.incoming), exist_ok=True)
        try:
            os.mkdir(self.incoming, 0o700)
        except FileExistsError:
            status = os.lstat(self.incoming)
            reason = "it is no folder" if not stat.S_ISDIR(status.st_mode) else other_writers(status)
            if reason:
                raise AirgapError(
                    "%s can be changed by others while a bundle comes in: %s. Remove it; it holds nothing that does not "
                    "come again." % (self.incoming, reason)
                ) from None
            os.chmod(self.incoming, 0o700)

    def take(self, stream, parts, encoding=""):
        """Take in one piece; files that are whole and right get their names in the incoming bundle."""
        self.make_incoming()
        self.forget_others()
        is_judged = False
        for part, blocks in _pieces.read(stream, parts, encoding):
            if _pieces.is_packed(part.path) and not is_judged:
                self.judge_open()
                is_judged = True
            self.take_part(part, blocks)

    def judge_open(self):
        """Judge a bundle by all that it holds but the pool, so that nobody fills the disk with what is not approved."""
        for path, entry in self.entries.items():
            here = os.path.join(self.path, path)
            if not _pieces.is_packed(path) and os.path.isfile(here) and sha256_file(here) == entry.sha256:
                self.link(path, path)
        self.join_rest()
        if not os.path.isfile(os.path.join(self.next, _manifest.SUMS)):
            raise AirgapError("A piece brings the pool before what it is judged by. Run the transfer again.")
        self.drop_strangers()
        _approval.judge(self.next, self.params)
        manifest, entries, carried = _manifest.verify_open(self.next, _pieces.is_packed)
        if {one.path: one for one in entries + carried} != self.entries:
            raise AirgapError("%s is not the bundle that was offered. Run the transfer again." % self.next)

    def take_part(self, part, blocks):
        """Keep one part of a file, as far as it comes, and finish the file when all of it is here.

        Nothing is synced: what a power cut leaves half written is found by its sum, and comes again.
        """
        entry = self.entries.get(part.path)
        if entry is None:
            raise AirgapError("A piece holds %r, which the offered bundle does not." % part.path)
        if part.offset < 0 or part.offset + part.length > entry.size:
            raise AirgapError("A piece holds more of %r than it has bytes." % part.path)
        folder = os.path.join(self.partial, part.path)
        if self.has_arrived(entry) or self.runs(part.path).get(part.offset, -1) >= part.length:
            return
        os.makedirs(folder, exist_ok=True)
        digest = hashlib.sha256()
        with open(os.path.join(folder, str(part.offset)), "wb") as target:
            for block in blocks:
                target.write(block)
                digest.update(block)
        runs = self.runs(part.path)
        if not _pieces.gaps(runs, entry.size):
            self.join(entry, folder, digest.hexdigest() if len(runs) == 1 else None)

    def join(self, entry, folder, real=None):
        """Make one file of all parts, check it, and give it its name in the incoming bundle.

        Args:
            entry: What the file shall be.
            folder: Where its parts lie, each called by its offset.
            real: SHA-256 of the file where it came as one part.
        """
        begun = os.path.join(folder, "0")
        if real is None:
            with open(begun, "r+b") as target:
                for offset in sorted(self.runs(entry.path)):
                    if offset:
                        # Bytes that two parts brought are written twice; a killed run joins once more.
                        target.seek(offset)
                        with open(os.path.join(folder, str(offset)), "rb") as stream:
                            shutil.copyfileobj(stream, target, BLOCK)
            real = sha256_file(begun)
        if real != entry.sha256:
            shutil.rmtree(folder)
            raise AirgapError(
                "%s arrived with sha256 %s and should have %s. Run this again. Where it says the same, the file was "
                "changed on the sending host: verify the bundle there." % (entry.path, real, entry.sha256)
            )
        final = os.path.join(self.next, entry.path)
        os.makedirs(os.path.dirname(final), exist_ok=True)
        os.chmod(begun, 0o644)
        os.rename(begun, final)
        self.written[entry.path] = real
        shutil.rmtree(folder)

    def join_rest(self):
        """Join what a run that was killed between the last part of a file and its name left."""
        for entry in self.entries.values():
            if self.runs(entry.path) and not _pieces.gaps(self.runs(entry.path), entry.size):
                self.join(entry, os.path.join(self.partial, entry.path))

    def forget_others(self):
        """Remove what came of bundles that nobody is bringing any more."""
        for name in os.listdir(self.incoming) if os.path.isdir(self.incoming) else []:
            path = os.path.join(self.incoming, name)
            if path not in (self.next, self.partial) and time.time() - newest(path) > ABANDONED:
                shutil.rmtree(path)

    def finish(self):
        """Complete the incoming bundle from the one in place, check it, and switch over."""
        self.make_incoming()
        present = self.present()
        for path, entry in self.entries.items():
            if present.get(path) == entry.sha256:
                self.link(path, path)
        self.join_rest()
        missing = sorted(path for path in self.entries if not os.path.exists(os.path.join(self.next, path)))
        if missing:
            raise AirgapError(
                "%d files of the offered bundle are not here, the first %s. Another run may have taken its own bundle "
                "in meanwhile. Run this again." % (len(missing), missing[0])
            )
        self.complete_from(present)
        self.drop_strangers()
        _approval.judge(self.next, self.params)
        manifest, entries = _manifest.verify(self.next, self.complete, self.written, self.path)
        arrived = {entry.path: entry.sha256 for entry in _manifest.to_send(manifest, entries)}
        if arrived != {one.path: one.sha256 for one in self.entries.values()}:
            raise AirgapError("%s is not the bundle that was offered. Run the transfer again." % self.next)
        if (manifest["base"] or "") != self.base:
            raise AirgapError("%s has another base than was offered. Run the transfer again." % self.next)
        # One call for all that arrived, before it takes its place.
        os.sync()
        previous = self.path + ".previous"
        shutil.rmtree(previous, ignore_errors=True)
        if os.path.lexists(self.path):
            os.rename(self.path, previous)
        os.rename(self.next, self.path)
        fsync_dir(os.path.dirname(self.path))
        shutil.rmtree(previous, ignore_errors=True)
        shutil.rmtree(self.incoming, ignore_errors=True)

    def complete_from(self, present):
        """Take over what the manifest, which has arrived, leaves to the base."""
        where = os.path.join(self.next, _manifest.MANIFEST)
        manifest = _manifest.parse_manifest(_manifest.read_text(where), where)
        self.base = self.base or manifest["base"] or ""
        self.left_out = {entry.path: entry for entry in _manifest.left_out(manifest)}
        self.check_base(present)
        here = {sha256: path for path, sha256 in present.items()}
        for path, entry in self.left_out.items():
            if entry.sha256 in here:
                self.link(here[entry.sha256], path)

    def link(self, path, new):
        """Give a file of the bundle in place a name in the incoming one, unless there is one already."""
        final = os.path.join(self.next, new)
        os.makedirs(os.path.dirname(final), exist_ok=True)
        if not os.path.lexists(final):
            os.link(os.path.join(self.path, path), final)

    def drop_strangers(self):
        """Remove leftovers from the incoming bundle: it is our own workplace, not yet a bundle."""
        for path in _manifest.walk(self.next):
            if path not in self.entries and path not in self.left_out:
                os.unlink(os.path.join(self.next, path))


@contextlib.contextmanager
def opened(params):
    """Open the piece: what comes through the pipe that the action plugin makes, or a file."""
    if params["pipe"]:
        with contextlib.closing(_pieces.Pipe(os.path.join(params["pipe"], "pipe"), os.O_RDONLY)) as stream:
            yield stream
    else:
        with open(params["piece"], "rb") as stream:
            yield stream


def read_entries(given):
    """Return path to entry."""
    return {one["path"]: _manifest.Entry(one["path"], one["sha256"], int(one["size"])) for one in given}


def read_imported(path):
    """Return the ids of all bundles that were imported on this host."""
    data = read_if_there(path)
    document = _manifest.parse_json(data.decode("utf-8", "replace"), path) if data else {}
    imported = document.get("imported") if isinstance(document, dict) else None
    return imported if isinstance(imported, list) else []


def describe_imported(path, imported):
    """Return what a refusal says of the imports before."""
    if not imported:
        return "%s names no import" % path
    return "the last of %d imports is %s" % (len(imported), imported[-1])


def newest(folder):
    """Return when something in a folder was last changed, in seconds since 1970."""
    times = [os.stat(folder).st_mtime]
    for parent, _folders, files in os.walk(folder):
        times += [os.lstat(os.path.join(parent, name)).st_mtime for name in files + ["."]]
    return max(times)


def check_room(folder, size):
    """Raise AirgapError where a file system has no room for what has to come, before any of it comes."""
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    free = shutil.disk_usage(folder).free
    if size > free:
        raise AirgapError(
            "%d bytes have to come, and the file system of %s has %d free. Free some space there, or set airgap_dir of "
            "this host to a folder on another file system." % (size, folder, free)
        )


def plan(reception, volumes=None):
    """Return what is to be sent, and the difference that it makes."""
    present = reception.present()
    reception.check_base(present)
    missing = reception.missing(present)
    sent = [run for run in missing if volumes is None or not _pieces.is_packed(run[0])]
    here = set(present.values())
    completed = {path: one for path, one in reception.left_out.items() if one.sha256 in here}
    gone = sorted(set(present) - set(reception.entries) - set(reception.left_out))
    news = dict(reception.entries, **completed)
    news = sorted(path for path, entry in news.items() if present.get(path) != entry.sha256)
    lacking = {run[0] for run in missing}
    check_room(reception.incoming, sum(end - begin for dummy, begin, end in missing))
    result = {
        "changed": bool(news or gone),
        "pending": bool(news or gone),
        "parts": [{"path": path, "offset": begin, "length": end - begin} for path, begin, end in sent],
        "bytes": sum(end - begin for dummy, begin, end in missing),
        "files": len(lacking),
        "held": len(reception.entries) + len(completed) - len(lacking),
        "diff": {
            "before_header": reception.path,
            "after_header": reception.path,
            "before": "".join(path + "\n" for path in gone + [path for path in news if path in present]),
            "after": "".join(path + "\n" for path in news),
        },
    }
    if volumes is not None:
        result["volumes"] = _volumes.needed(volumes, missing)
    return result


def main():
    """Carry out one phase."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "incoming": {"type": "path", "required": True},
            "phase": {"type": "str", "choices": ["plan", "piece", "finish"], "required": True},
            "id": {"type": "str", "required": True},
            "entries": {"type": "list", "elements": "dict", "required": True},
            "left_out": {"type": "list", "elements": "dict", "default": []},
            "base": {"type": "str", "default": ""},
            "complete": {"type": "bool", "default": False},
            "inventory": {"type": "path"},
            "volumes": {"type": "list", "elements": "dict"},
            "parts": {"type": "list", "elements": "dict", "default": []},
            "command": {"type": "list", "elements": "str"},
            "source": {"type": "str"},
            "piece": {"type": "path"},
            "pipe": {"type": "path"},
            "finish": {"type": "bool", "default": False},
            "encoding": {"type": "str", "choices": ["", "xz"], "default": ""},
            **_approval.OPTIONS,
        },
        required_if=[("phase", "piece", ("parts",)), ("phase", "piece", ("pipe", "piece"), True)],
        mutually_exclusive=[("command", "piece")],
        supports_check_mode=True,
    )
    params = module.params
    result = {"changed": True}
    # A bundle that others could write to would be refused.
    os.umask(0o022)
    try:
        reception = Reception(dict(params, check_mode=module.check_mode))
        # The folder of both bundles: incoming itself comes and goes.
        folder = os.path.dirname(reception.path)
        if not os.path.isdir(folder) and not module.check_mode:
            os.makedirs(folder)
            os.chmod(folder, 0o755)
        with held(folder, module.check_mode, PATIENCE):
            if params["phase"] == "plan":
                result = plan(reception, params["volumes"])
                if not module._diff:
                    del result["diff"]
            elif module.check_mode:
                pass
            elif params["phase"] == "piece":
                parts = _pieces.parts_of(params["parts"])
                with opened(params) as stream:
                    reception.take(stream, parts, params["encoding"])
                if params["finish"]:
                    reception.finish()
                result["bytes"] = sum(part.length for part in parts)
            else:
                reception.finish()
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
