# SPDX-License-Identifier: GPL-3.0-or-later
"""The hostile interpreter: it runs what Ansible gives it with a real interpreter, and returns another answer.

interpreter.py CONFIG REAL ARGUMENT… replaces REAL on one host. CONFIG is a JSON file. ``task_file`` holds the name of the
current task, and on a second line which of several lies is requested. ``log`` gets a line for each answer, with those of
``secrets`` that the host received. ``answers`` are the honest answers, by task, of what does not exist on loopback.
``attack`` sets for which ``tasks`` (null: for all) the answer is changed, and how: with ``facts`` or ``strings``, with
``each``, which has strings by the name of the lie, or with ``answer``, which replaces the keys that it has. For many lies
about one call of a module, that module runs once.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import subprocess
import sys

# How many strings of one answer get a huge text: ten megabytes in each of thousands would only exhaust this machine.
HUGE = 1 << 20
HUGE_STRINGS = 3


def replace_strings(value, payload):
    """Return a value with every string in it replaced, at any depth; names of keys stay."""
    left = [HUGE_STRINGS]

    def walk(one):
        if isinstance(one, dict):
            # Strings near the top first, so that a huge payload reaches the fields of the answer itself.
            changed = {key: walk(inner) for key, inner in one.items() if isinstance(inner, str)}
            return {key: changed[key] if key in changed else walk(inner) for key, inner in one.items()}
        if isinstance(one, list):
            return [walk(inner) for inner in one]
        if not isinstance(one, str):
            return one
        if len(payload) >= HUGE:
            left[0] -= 1
            return payload if left[0] >= 0 else one
        return payload

    changed = walk(value)
    return dict(changed, warnings=[payload]) if isinstance(value, dict) and len(payload) < HUGE else changed


def add_facts(answer, facts):
    """Return an answer with all that Ansible acts upon by itself."""
    names = ("airgap_stage", "airgap_bastion", "airgap_index", "airgap_nodes")
    return dict(
        answer,
        ansible_facts=facts,
        add_host={"host_name": "canary", "groups": list(names), "host_vars": facts},
        add_group="airgap_nodes",
        ansible_stats={"data": facts, "per_host": False, "aggregate": True},
        _ansible_facts=facts,
        _ansible_delegated_vars={"ansible_host": "canary"},
        _ansible_notify=["a handler"],
        _ansible_no_log=False,
        _ansible_verbose_always=True,
    )


def attacked(answer, attack):
    """Return an answer as the attack wants it."""
    if "facts" in attack:
        answer = add_facts(answer, attack["facts"])
    if "strings" in attack:
        answer = replace_strings(answer, attack["strings"])
    return dict(answer, **attack.get("answer", {}))


def respond(raw, config, task, lie):
    """Return what is printed in place of what the real interpreter printed, and whether it was changed."""
    text = raw.decode("utf-8", "replace")
    if task in config["answers"]:
        text = json.dumps(config["answers"][task])
    attack = config.get("attack")
    if not attack or attack["tasks"] is not None and task not in attack["tasks"]:
        return text, False
    if "each" in attack:
        if lie not in attack["each"]:
            return text, False
        attack = {"strings": attack["each"][lie]}
    try:
        answer = json.loads(text)
    except ValueError:
        return attack.get("strings", text), "strings" in attack
    return json.dumps(attacked(answer, attack)), True


def run(command, given, folder):
    """Run a command; return its status and its output. With a folder, what is given again has the result that is there."""
    path = os.path.join(folder, hashlib.sha256(repr(command).encode() + given).hexdigest()) if folder else ""
    if path and os.path.exists(path):
        with open(path, "rb") as stream:
            return pickle.load(stream)
    done = subprocess.run(command, input=given, stdout=subprocess.PIPE, check=False)
    if path:
        os.makedirs(folder, exist_ok=True)
        with open(path, "wb") as stream:
            pickle.dump((done.returncode, done.stdout), stream)
    return done.returncode, done.stdout


def main():
    """Answer."""
    config_path, real, arguments = sys.argv[1], sys.argv[2], sys.argv[3:]
    if arguments and not os.path.basename(arguments[0]).startswith("AnsiballZ_"):
        os.execv(real, [real] + arguments)
    with open(config_path, encoding="utf-8") as stream:
        config = json.load(stream)
    with open(config["task_file"], encoding="utf-8") as stream:
        task, dummy, lie = stream.read().partition("\n")
    given = sys.stdin.buffer.read()
    source = given
    if arguments:
        with open(arguments[0], "rb") as stream:
            source = stream.read()
    rc, out = 0, b""
    if task not in config["answers"]:
        is_one_of_many = bool(lie) and "each" in (config.get("attack") or {})
        rc, out = run([real] + arguments, given, config["log"] + ".known" if is_one_of_many else "")
    text, is_changed = respond(out, config, task, lie)
    module = re.search(rb"module_fqn='([\w.]+)'", source)
    line = {
        "task": task,
        "module": module.group(1).decode().rpartition("modules.")[2] if module else "",
        "changed": is_changed,
        "received": [secret for secret in config["secrets"] if secret.encode() in source],
    }
    with open(config["log"], "a", encoding="utf-8") as stream:
        stream.write(json.dumps(line) + "\n")
    sys.stdout.write(text)
    sys.stdout.flush()
    sys.exit(rc)


if __name__ == "__main__":
    main()
