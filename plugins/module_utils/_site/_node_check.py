# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a node is right: its sets are what the bundle says, and pip installs from the index as it is configured."""

from __future__ import annotations

import os
import shutil
import tempfile
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._install import _venv
from ansible_collections.airgap.python.plugins.module_utils._pip import _arguments, _causes, _failure
from ansible_collections.airgap.python.plugins.module_utils._site import _environment_check, _system_check
from ansible_collections.airgap.python.plugins.module_utils._target._survey import describe_interpreter
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

# How many seconds pip waits for the index, which it tries twice.
TIMEOUT = 15
Options = t.Mapping[str, t.Any]


def targets_of(options: Options, run: _environment_check.Run) -> t.Tuple[t.Dict[str, str], t.List[str]]:
    """Return the target of each interpreter of a node, and what is wrong with those that fit none. Raises AirgapError."""
    found, problems = {}, []
    for python in dict.fromkeys([options["python"], *options["pythons"].values()]):
        described, dummy = describe_interpreter(python, lambda argv: run(argv, ""), options["targets"])
        found[python] = described["target"]
        if not described["target"]:
            reasons = "; ".join("%s: %s" % one for one in sorted(described["reasons"].items()))
            problems.append("%s fits none of airgap_targets (%s)." % (python, reasons or "there are none"))
    return found, problems


def sets_of(options: Options, targets: t.Mapping[str, str]) -> t.List[t.Tuple[str, str]]:
    """Return the sets that a node should have, each with its target; ``targets`` are those of its interpreters."""
    found = []
    for one in options["sets"]:
        name = str(one["name"])
        target = targets[options["pythons"].get(name, options["python"])]
        is_wanted = name in options["only"] if options["only"] else not one.get("targets") or target in one["targets"]
        if target and is_wanted:
            found.append((name, target))
    return found


def smallest(pins: t.Iterable[_lock.Pin]) -> t.Optional[_lock.Pin]:
    """Return the smallest file of some locks, None if they have none."""
    return min(pins, key=lambda pin: (pin.size, pin.name), default=None)


def install_canary(environment: str, pin: _lock.Pin, folder: str, run: _environment_check.Run) -> str:
    """Install one file from the index into a folder of its own, and remove it; return why that failed, "" if it did not.

    pip reads the settings of this host, as it does for everybody who uses it here.
    """
    place = tempfile.mkdtemp(dir=folder)
    try:
        lock = os.path.join(place, "canary.txt")
        with open(lock, "w", encoding="utf-8") as stream:
            stream.write(_lock.render([pin], "", ""))
        argv = [_venv.python_in(environment), "-I", "-m", "pip"]
        argv += _arguments.pip_arguments("install", _arguments.NO_CACHE, _arguments.ONLY_WHEELS, "--retries=1")
        argv += ["--timeout=%d" % TIMEOUT, _arguments.NO_DEPENDENCIES, _arguments.REQUIRE_HASHES]
        rc, output, errors = run([*argv, "--target=" + os.path.join(place, "canary"), "-r", lock], "")
        if rc == 0:
            return ""
        cause, lines, fix = _failure.diagnose(output + errors, _causes.INSTALLING)
        return "%s %s" % (cause or "; ".join(lines), fix)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def check(options: Options, folder: str, run: _environment_check.Run) -> t.Dict[str, t.Any]:
    """Return the result of the module node_check_info; ``folder`` is one for temporary files. Raises AirgapError."""
    targets, problems = targets_of(options, run)
    found = []
    for name, target in sets_of(options, targets):
        wanted = str(options["locks"].get(name, {}).get(target, ""))
        if name in options["system"]:
            python = options["pythons"].get(name, options["python"])
            one = _system_check.check(
                options["dir"], name, python, wanted, run, options["full"], options["not_imported"]
            )
        else:
            path = os.path.join(options["dir"], name)
            one = _environment_check.check(
                path, wanted, run, options["full"], options["not_imported"], options["additive"]
            )
        if options["locks"] and not wanted:
            text = "the bundle that is served has no lock of it for the target %s" % target
            one = one._replace(problems=(*one.problems, text))
        found.append((name, one))
    canary = None
    # In the environments: an interpreter may be without pip.
    right = [one for name, one in found if not one.problems and name not in options["system"]]
    pin = smallest(pin for one in right for pin in one.pins)
    if options["canary"] and pin is not None:
        message = install_canary(right[0].path, pin, folder, run)
        canary = {"ok": not message, "package": "%s==%s" % (pin.name, pin.version), "message": message}
    return _result(targets[options["python"]], found, options["system"], canary, problems)


def _result(
    target: str,
    found: t.Sequence[t.Tuple[str, _environment_check.Checked]],
    system: t.Container[str],
    canary: t.Optional[t.Dict[str, t.Any]],
    problems: t.List[str],
) -> t.Dict[str, t.Any]:
    sets = [
        {
            "name": name,
            "path": one.path,
            "ok": not one.problems,
            "packages": one.packages,
            "lock_sha256": one.lock_sha256,
            "is_current": one.is_current,
            "problems": list(one.problems),
        }
        for name, one in found
    ]
    for name, one in found:
        if one.problems:
            place = "the set %s in %s" % (name, one.path) if name in system else one.path
            problems.append("%s: %s" % (place, "; ".join(one.problems)))
    if canary is not None and not canary["ok"]:
        problems.append("pip did not install %s from the index: %s" % (canary["package"], canary["message"]))
    return {
        "ok": not problems,
        "target": target,
        "sets": sets,
        "to_repair": [one["name"] for one in sets if not one["ok"]],
        "canary": canary or {},
        "problems": problems,
    }
