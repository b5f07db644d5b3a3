#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_ledger
short_description: Write down what is imported, and read it
version_added: 0.1.0
description:
  - O(phase=begin) adds a line to the ledger before a bundle is published, O(phase=end) another one after it, and
    O(phase=read) returns all imports. A line that is there is never changed.
  - An import that has begun and not ended was broken off, and is shown as such.
  - Where the last import was of the same bundle with the same signers and went well, nothing is written, unless
    O(force=true).
  - A bundle is refused whose C(created) lies more than an hour in the future of this host's clock.
  - An entry that is already there with such a time shuts out all later bundles. O(phase=correct) notes that it does not
    count, if O(allowed_signers) say so with their signatures. Nothing else does.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode and say what would change.
    support: full
  diff_mode:
    description: The lines of a ledger state the time, so there is no difference to show beforehand.
    support: none
options:
  path:
    description: The ledger, one JSON object a line.
    type: path
    required: true
  phase:
    description: What to do.
    type: str
    choices: [begin, end, read, correct]
    required: true
  bundle:
    description: The bundle that is imported. Required for O(phase=begin) and O(phase=end).
    type: path
  signers:
    description: Who signed it, as M(airgap.python.bundle_verify) returns it.
    type: list
    elements: dict
    default: []
  operator:
    description: Who runs the import, on the control host. Who logged in to this host is noted beside it.
    type: str
    default: ""
  index:
    description: The index that it is published to.
    type: str
    default: ""
  older_ok:
    description: Begin with an older bundle than the last one, too. Not with one from the future.
    type: bool
    default: false
  force:
    description: With O(phase=begin), write also where nothing is new, because something is going to be published again.
    type: bool
    default: false
  run:
    description:
      - What O(phase=begin) returned as RV(run). Used by O(phase=end).
      - Empty where nothing was written. Then a success is not written either, and a failure with both its lines.
    type: str
    default: ""
  result:
    description: How it ended. Used by O(phase=end).
    type: str
    choices: [ok, failed]
    default: ok
  reason:
    description: Why it failed. Used by O(phase=end).
    type: str
    default: ""
  uploaded:
    description: How many files were published. Used by O(phase=end).
    type: int
    default: 0
  present:
    description: How many files were there already. Used by O(phase=end).
    type: int
    default: 0
  uploaded_bytes:
    description: How many bytes were published. Used by O(phase=end).
    type: int
    default: 0
  inventory:
    description:
      - Where to write the list of what is there, after an import that went well. Used by O(phase=end).
      - Carried out, it serves as the base of the next bundle.
    type: path
  statement:
    description:
      - What was signed, a C(statement) of RV(ahead) with the end of the line, byte by byte. Used by O(phase=correct).
      - It names one import of one ledger, so it serves once and nowhere else.
    type: str
  signatures:
    description:
      - The signatures over O(statement), as C(ssh-keygen -Y sign -n airgap-ledger) prints them, one after another.
        Used by O(phase=correct).
    type: str
  allowed_signers:
    description: Who may sign a correction, as in M(airgap.python.bundle_verify). Used by O(phase=correct).
    type: list
    elements: str
    default: []
  required_signatures:
    description: How many different keys of O(allowed_signers) must have signed it; at least 1. Used by O(phase=correct).
    type: int
    default: 1
  revoked_signers:
    description: Public keys that do not count any more, each the content of a C(.pub) file. Used by O(phase=correct).
    type: list
    elements: str
    default: []
requirements:
  - python >= 3.8
  - ssh-keygen, of OpenSSH 8.2 or newer, for O(phase=correct)
"""

EXAMPLES = r"""
- name: Note that the import begins
  airgap.python.bundle_ledger:
    path: /srv/airgap/ledger.jsonl
    phase: begin
    bundle: /srv/airgap/bundle
    operator: "{{ lookup('ansible.builtin.env', 'USER') }}"
  register: begun

- name: Note how it ended
  airgap.python.bundle_ledger:
    path: /srv/airgap/ledger.jsonl
    phase: end
    bundle: /srv/airgap/bundle
    run: "{{ begun.run }}"
    uploaded: 43
    inventory: /srv/airgap/inventory.json

- name: Read all of it
  airgap.python.bundle_ledger:
    path: /srv/airgap/ledger.jsonl
    phase: read
  register: history

- name: Note that an entry from the future does not count
  airgap.python.bundle_ledger:
    path: /srv/airgap/ledger.jsonl
    phase: correct
    statement: "{{ lookup('ansible.builtin.file', 'correction.txt', rstrip=false) }}"
    signatures: "{{ lookup('ansible.builtin.file', 'correction.txt.sig', rstrip=false) }}"
    allowed_signers: "{{ publish_allowed_signers }}"
"""

RETURN = r"""
signers:
  description: Who of O(allowed_signers) signed the correction, with C(principal), C(key) and C(type).
  type: list
  elements: dict
  returned: for O(phase=correct)
run:
  description: The id of this import in the ledger; empty where nothing was written.
  type: str
  returned: for O(phase=begin)
recorded:
  description: Whether the import was written down, or would be in check mode.
  type: bool
  returned: for O(phase=begin)
imports:
  description:
    - Every import in the order in which they began, with C(run), C(id), C(base), C(created), C(sums), C(signers),
      C(operator), C(user), C(published_to), C(when), C(ended), C(result), C(message), C(files), C(bytes), C(uploaded),
      C(present), C(uploaded_bytes) and C(corrected).
    - C(result) is V(ok), V(failed) or V(broken off). C(corrected) is when it was noted that its C(created) does not count,
      or empty.
  type: list
  elements: dict
  returned: for O(phase=read)
table:
  description: The same as the lines of a table.
  type: list
  elements: str
  returned: for O(phase=read)
ahead:
  description: The imports whose C(created) lies in the future, with C(run), C(id), C(created) and C(statement), a line
    without its end.
  type: list
  elements: dict
  returned: for O(phase=read)
damaged:
  description: Numbers of lines that are no record, for example because a run was killed while it wrote one.
  type: list
  elements: int
  returned: for O(phase=read)
"""

import getpass
import os
import uuid

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._bundle import _layout, _ledger, _manifest, _signature
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import read_if_exists, write_atomic
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_file


def login_user():
    """Return who logged in to this host, also where the module runs as root."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return ""


class Entry:
    """The two lines of one import."""

    def __init__(self, params):
        self.params = params
        self.manifest = _manifest.read(params["bundle"])
        self.sums = sha256_file(os.path.join(params["bundle"], _layout.SUMS))

    def begin_record(self):
        """Return the line that comes before anything is published."""
        return {
            "event": "begin",
            "run": uuid.uuid4().hex,
            "when": _ledger.now(),
            "id": self.manifest["id"],
            "base": self.manifest["base"],
            "created": self.manifest["created"],
            "sums": self.sums,
            "signers": self.params["signers"],
            "operator": self.params["operator"],
            "user": login_user(),
            "published_to": self.params["index"],
            "files": len(self.manifest["files"]),
            "bytes": sum(entry["size"] for entry in self.manifest["files"]),
        }

    def end_record(self, run):
        """Return the line that says how it ended."""
        return {
            "event": "end",
            "run": run,
            "when": _ledger.now(),
            "result": self.params["result"],
            "message": self.params["reason"][: _ledger.LONGEST_MESSAGE],
            "uploaded": self.params["uploaded"],
            "present": self.params["present"],
            "uploaded_bytes": self.params["uploaded_bytes"],
        }


def begin(params, check_mode):
    """Judge the succession, then write the first line if there is something new."""
    entry = Entry(params)
    ledger = _ledger.read(params["path"])
    _ledger.judge(ledger, entry.manifest, params["older_ok"], _ledger.clock())
    if not params["force"] and _ledger.is_settled(ledger, entry.manifest["id"], entry.sums, params["signers"]):
        return {"changed": False, "recorded": False, "run": ""}
    record = entry.begin_record()
    if not check_mode:
        _ledger.append(params["path"], [record])
    return {"changed": True, "recorded": True, "run": record["run"]}


def end(params, check_mode):
    """Write how it ended, and after a success the list of what is there."""
    entry = Entry(params)
    records = []
    if params["run"]:
        records = [entry.end_record(params["run"])]
    elif params["result"] == _ledger.FAILED:
        record = entry.begin_record()
        records = [record, entry.end_record(record["run"])]
    if records and not check_mode:
        _ledger.append(params["path"], records)
    changed = bool(records)
    if params["result"] == _ledger.OK and params["inventory"]:
        imported = [one for one in _ledger.read(params["path"]).ids if one != entry.manifest["id"]]
        content = _ledger.inventory(entry.manifest, imported + [entry.manifest["id"]])
        data = _json.render(content).encode("utf-8")
        if read_if_exists(params["inventory"]) != data:
            changed = True
            if not check_mode:
                write_atomic(params["inventory"], data)
    return {"changed": changed}


def read(path):
    """Return all imports, as records and as a table."""
    ledger = _ledger.read(path)
    at = _ledger.clock()
    return {
        "changed": False,
        "imports": [one._asdict() for one in ledger.imports],
        "table": _ledger.table(ledger, at),
        "ahead": [
            {"run": one.run, "id": one.id, "created": one.created, "statement": _ledger.statement(one).strip()}
            for one in ledger.ahead(at)
        ],
        "damaged": ledger.damaged,
    }


def signers_of(params):
    """Return who signed the statement of a correction; raises AirgapError unless they are enough."""
    allowed = _signature.allowed_signers(params["allowed_signers"])
    if not allowed:
        raise AirgapError(
            "Who may correct the ledger %s is not known: the list of allowed signers is empty. A correction needs "
            "publish_allowed_signers, and a signature by one of them." % params["path"]
        )
    blocks = _signature.cut((params["signatures"] or "").encode("utf-8"), "The signature of the correction")
    signers, rejected = _signature.judge(
        params["statement"].encode("utf-8"),
        blocks,
        allowed,
        params["revoked_signers"],
        namespace=_ledger.NAMESPACE,
    )
    mend = "Sign the line that playbooks/history.yml shows with ssh-keygen -Y sign -n %s." % _ledger.NAMESPACE
    required = max(1, params["required_signatures"])
    _signature.require("The correction of " + params["path"], required, signers, rejected, True, mend)
    return [one._asdict() for one in signers]


def correct(params, check_mode):
    """Note that the time of an entry from the future does not count, if officers say so."""
    signers = signers_of(params)
    one = _ledger.find_stated(_ledger.read(params["path"]), params["statement"], _ledger.clock())
    if not one.corrected and not check_mode:
        record = {
            "event": "correction",
            "run": one.run,
            "when": _ledger.now(),
            "id": one.id,
            "created": one.created,
            "statement": params["statement"],
            "signatures": params["signatures"],
            "signers": signers,
            "operator": params["operator"],
            "user": login_user(),
        }
        _ledger.append(params["path"], [record])
    return {"changed": not one.corrected, "signers": signers}


def main():
    """Carry out one phase."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "phase": {"type": "str", "choices": ["begin", "end", "read", "correct"], "required": True},
            "bundle": {"type": "path"},
            "signers": {"type": "list", "elements": "dict", "default": [], "no_log": False},
            "operator": {"type": "str", "default": ""},
            "index": {"type": "str", "default": ""},
            "older_ok": {"type": "bool", "default": False},
            "force": {"type": "bool", "default": False},
            "run": {"type": "str", "default": ""},
            "result": {"type": "str", "choices": ["ok", "failed"], "default": "ok"},
            "reason": {"type": "str", "default": ""},
            "uploaded": {"type": "int", "default": 0},
            "present": {"type": "int", "default": 0},
            "uploaded_bytes": {"type": "int", "default": 0},
            "inventory": {"type": "path"},
            "statement": {"type": "str"},
            "signatures": {"type": "str"},
            "allowed_signers": {"type": "list", "elements": "str", "default": []},
            "required_signatures": {"type": "int", "default": 1},
            "revoked_signers": {"type": "list", "elements": "str", "default": []},
        },
        required_if=[
            ("phase", "begin", ("bundle",)),
            ("phase", "end", ("bundle",)),
            ("phase", "correct", ("statement", "signatures")),
        ],
        supports_check_mode=True,
    )
    params = module.params
    try:
        if params["phase"] == "begin":
            result = begin(params, module.check_mode)
        elif params["phase"] == "end":
            result = end(params, module.check_mode)
        elif params["phase"] == "correct":
            result = correct(params, module.check_mode)
        else:
            result = read(params["path"])
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
