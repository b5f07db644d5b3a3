# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The target that an interpreter is, from what it reports about itself (see _interpreter)."""

from __future__ import annotations

import inspect
import json
import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._target import _interpreter
from ansible_collections.airgap.python.plugins.module_utils._target._fit import best_fit, misfit
from ansible_collections.airgap.python.plugins.module_utils._target._target import MARKERS, SHORT, Target, tags_of
from ansible_collections.airgap.python.plugins.module_utils._target._target_parser import parse, parse_all

# Python 3.6 does not know this line, and must be able to report that it is too old.
FUTURE = "from __future__ import annotations"
# Runs a command: its return code, output and errors.
Run = t.Callable[[t.List[str]], t.Tuple[int, str, str]]


def target_of(report: t.Mapping[str, t.Any]) -> t.Tuple[Target, bool]:
    """Return the target that an interpreter is, with its markers and exact tags.

    ``report`` comes from _interpreter. The second value is whether it knew its
    ABI; if not, the tags follow from the description. Raises AirgapError for an
    interpreter that cannot be a target.
    """
    markers = report["markers"]
    system = {"Linux": "linux", "Windows": "windows", "Darwin": "macos"}.get(markers["platform_system"], "")
    raw = {
        "python": markers["python_full_version"],
        "implementation": markers["implementation_name"],
        "os": system or markers["platform_system"],
        "arch": report["machine"],
        "libc": report["libc"],
    }
    if system == "macos":
        raw["os_version"] = ".".join(report["macos"].split(".")[:2])
    abi = (report["abis"] or [""])[0]
    short = SHORT.get(raw["implementation"], "py") + markers["python_version"].replace(".", "")
    # A special ABI, such as cp313t, is another kind of interpreter.
    short = abi if abi.startswith(short) else short
    # On macOS, the version of the machine is part of the name.
    version = "-".join(part for part in (raw["libc"], raw.get("os_version", "")) if part)
    raw["name"] = "-".join(part for part in (short, system, raw["arch"], version) if part)
    described = parse(raw)[0]
    platforms = [one for one in described.platforms() if one not in report["refused_platforms"]]
    return (
        described._replace(
            reported_markers=tuple((key, markers[key]) for key in MARKERS),
            reported_tags=tuple(tags_of(described, report["abis"] or described.abis(), platforms)),
        ),
        bool(report["abis"]),
    )


def complete_entry(here: Target) -> t.Dict[str, t.Any]:
    """Return the complete entry of an interpreter, without what differs between machines of its kind.

    A kernel's release changes with every update, and everything would be
    resolved again; markers use it only on macOS, where it is the version. Tags
    that follow from the description are left out.
    """
    left_out = {"platform_version"} if here.os == "macos" else {"platform_version", "platform_release"}
    markers = tuple((key, value) for key, value in here.reported_markers if key not in left_out)
    computed = here._replace(reported_tags=()).tags()
    tags = () if set(computed) == set(here.reported_tags) else here.reported_tags
    return here._replace(reported_markers=markers, reported_tags=tags).as_dict()


def short_entry(here: Target) -> t.Dict[str, t.Any]:
    """Return the shortest entry for airgap_targets that describes an interpreter."""
    entry = complete_entry(here)
    entry.pop("markers", None)
    return entry


def read_interpreter(python: str, run: Run) -> t.Dict[str, t.Any]:
    """Return what an interpreter of this host reports about itself; raises AirgapError if it does not run."""
    if not os.access(python, os.X_OK):
        raise AirgapError(
            "%s: there is no such interpreter on this host. Install Python 3 from the distribution, or name an "
            "interpreter that exists." % python
        )
    rc, out, err = run([python, "-I", "-c", inspect.getsource(_interpreter).replace(FUTURE, "")])
    if rc != 0:
        raise AirgapError(*("%s does not run: %s" % (python, (err or out).strip()[-500:])).split("\n"), rc=rc)
    found: t.Dict[str, t.Any] = json.loads(out)
    return found


def describe_interpreter(
    python: str, run: Run, raw_targets: t.Iterable[t.Mapping[str, t.Any]]
) -> t.Tuple[t.Dict[str, t.Any], t.List[str]]:
    """Return the result of python_target_info and its warnings; raises AirgapError.

    ``raw_targets`` are the targets to choose from, as users describe them.
    """
    report = read_interpreter(python, run)
    here, exact = target_of(report)
    targets, warnings = parse_all(raw_targets)
    chosen = best_fit(targets, here)
    reasons = {one.name: misfit(one, here) for one in targets}
    result = {
        "target": chosen.name if chosen else "",
        "reasons": {name: reason for name, reason in reasons.items() if reason},
        "suggestion": short_entry(here),
        "description": complete_entry(here),
        "info": {
            "executable": python,
            "markers": report["markers"],
            "tags": here.tags(),
            "tags_from": "interpreter" if exact else "description",
            "libc": here.libc,
            "macos": report["macos"],
            "has_venv": report["has"]["venv"],
            "has_pip": report["has"]["pip"],
            "has_ensurepip": report["has"]["ensurepip"],
        },
    }
    return result, warnings
