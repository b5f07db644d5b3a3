# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which lock, pip and uv of a bundle this interpreter can use."""

from __future__ import annotations

import importlib.util
import os
import sys
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import _venv
from ansible_collections.airgap.python.plugins.module_utils._install._verified_bundle import Bundle
from ansible_collections.airgap.python.plugins.module_utils._target import _fit, _target, _target_parser
from ansible_collections.airgap.python.plugins.module_utils._versions import release
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock, _wheel_name


def misfit(bundle: Bundle, set_name: str, target: _target.Target, here: _target.Target) -> str:
    """Return why this interpreter cannot install a lock; "" if it can."""
    reason = _fit.misfit(target, here)
    accepted = set(here.tags())
    for pin in [] if reason else bundle.pins(set_name, target.name):
        if not accepted.intersection(_wheel_name.tags_of(pin.filename)):
            return "%s is for another interpreter" % pin.filename
    return reason


def choose(bundle: Bundle, set_name: str, wanted: str, here: _target.Target) -> str:
    """Return the target whose lock of a set this interpreter can install: the closest that fits."""
    fitting = []
    reasons = {}
    for raw in bundle.manifest["targets"]:
        name = raw["name"]
        if not bundle.has_lock(set_name, name):
            continue
        try:
            target = _target_parser.parse(raw)[0]
            reason = misfit(bundle, set_name, target, here)
        except AirgapError as error:
            reason = str(error).rstrip(".")
        if reason:
            reasons[name] = "%s (%s)" % (name, reason)
        else:
            fitting.append(target)
    names = [target.name for target in fitting]
    if wanted in names:
        return wanted
    if wanted in reasons:
        raise AirgapError(
            "Target %s does not fit the interpreter %s. Targets of the set %s that fit: %s."
            % (reasons[wanted], sys.executable, set_name, ", ".join(names) or "none")
        )
    if wanted:
        raise AirgapError(
            "The set %s has no target %s. It has %s." % (set_name, wanted, ", ".join(names + list(reasons)) or "none")
        )
    best = _fit.best_fit(fitting, here)
    if best is None:
        raise AirgapError(
            "No target of the set %s fits %s (Python %s, %s, %s, %s). It has: %s. Name another interpreter with --python, "
            "or stage the set for this one."
            % (
                set_name,
                sys.executable,
                here.python,
                here.os,
                here.arch,
                here.libc or here.os_version,
                ", ".join(reasons.values()) or "none",
            )
        )
    return best.name


def pip_of(bundle: Bundle, folder: str) -> t.Tuple[_lock.Pin, str]:
    """Return the newest pip of the pool that this interpreter can run, and its copy in a folder."""
    found = [
        _lock.Pin(entry["name"], entry["version"], entry["sha256"], os.path.basename(entry["path"]), entry["size"])
        for entry in bundle.manifest["files"]
        if entry["name"] == "pip"
    ]
    for pin in sorted(found, key=lambda pin: release(pin.version), reverse=True):
        if not bundle.find(pin):
            continue
        copy = bundle.copy(pin, folder)
        if _venv.oldest_python(copy) <= sys.version_info[:3]:
            return pin, copy
    bundle.require(pin for pin in found if not bundle.find(pin))
    targets = ["%s (python %s)" % (one["name"], one["python"]) for one in bundle.manifest["targets"]]
    raise AirgapError(
        "The bundle has no pip that Python %d.%d can run. It is for: %s. Name another interpreter with --python, or "
        "stage for this one." % (sys.version_info[:2] + (", ".join(targets) or "none",))
    )


def uv_of(bundle: Bundle, target: str) -> _lock.Pin:
    """Return the uv of the bundle; raises AirgapError if there is none."""
    if not bundle.has_lock("airgap-uv", target):
        raise AirgapError(
            "The bundle carries no uv for target %s. Stage it with stage_tools: [uv], or leave out --uv." % target
        )
    if sys.version_info < (3, 10) and not has_distutils():
        raise AirgapError(
            "uv needs distutils of Python %d.%d, which is not installed. Install it (Debian: python3-distutils), or leave out "
            "--uv: pip installs the same." % sys.version_info[:2]
        )
    uv = [pin for pin in bundle.pins("airgap-uv", target) if pin.name == "uv"]
    if not uv:
        raise AirgapError("The lock of airgap-uv for target %s does not name uv. Leave out --uv." % target)
    bundle.require(uv)
    return uv[0]


def has_distutils() -> bool:
    """Return whether the interpreter has all of distutils; Debian has most of it in a separate package."""
    try:
        return importlib.util.find_spec("distutils.dist") is not None
    except ImportError:
        return False
