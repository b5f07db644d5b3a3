# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why there is no wheel: for which targets, and which version was the last that had one.

The answers come from ``pip index versions``, which reads one page of an index
and downloads nothing. They are asked only after a failure.
"""

from __future__ import annotations

import json
import os
import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _lock, _resolve
from ansible_collections.airgap.python.plugins.module_utils._pip import Pip
from ansible_collections.airgap.python.plugins.module_utils._target import Target

# pip says of as many requirements as it meets; more than a few help nobody.
MOST = 3
# Runs where pip is, which brings what reads versions (PEP 440) and markers (PEP 508).
_JUDGE = """
import json, sys
from pip._vendor.packaging.requirements import InvalidRequirement, Requirement
question = json.loads(sys.argv[1])
answer = {}
try:
    requirement = Requirement(question["requirement"])
    for name, (markers, versions) in question["targets"].items():
        wanted = not requirement.marker or requirement.marker.evaluate(dict(markers, extra=""))
        fitting = [one for one in versions if requirement.specifier.contains(one, prereleases=True)]
        answer[name] = {"wanted": bool(wanted), "fits": bool(fitting)}
except (InvalidRequirement, ValueError):
    answer = {}
print(json.dumps(answer))
"""


def requirements(output: str) -> t.List[str]:
    """Return the requirements for which pip found no distribution, as pip writes them."""
    found = re.findall(r"^(?:ERROR: )?No matching distribution found for (.+?)(?: \(from .*\))?$", output, re.MULTILINE)
    return list(dict.fromkeys(found))[:MOST]


def project(requirement: str) -> str:
    """Return the normalized name of the project that a requirement names."""
    match = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", requirement)
    return _lock.normalize(match.group().rstrip("._-")) if match else ""


def versions(output: str) -> t.List[str]:
    """Return the versions that ``pip index versions`` lists, the newest first."""
    match = re.search(r"^Available versions: (.+)$", output, re.MULTILINE)
    return [one.strip() for one in match.group(1).split(",")] if match else []


def _ask(pip: Pip, name: str, arguments: t.Sequence[str]) -> t.Optional[t.List[str]]:
    """Return the versions of a project that fit; None where the index did not answer."""
    command = ["-m", "pip", "index", "versions", "--no-input", "--disable-pip-version-check", *arguments, name]
    rc, out = pip.run(command)
    if rc != 0 and "No matching distribution" not in out:
        return None
    return versions(out) if rc == 0 else []


def explain(pip: Pip, output: str, targets: t.Sequence[Target], find_links: t.Sequence[str] = ()) -> str:
    """Say for which targets the wheels are missing that pip asked for in vain, and the newest version that has one.

    Returns "" where the output tells of no such failure or an index does not answer.
    """
    links = [part for folder in find_links for part in ("--find-links", folder)]
    told = []
    for requirement in requirements(output):
        name = project(requirement)
        have = {one.name: _ask(pip, name, ["--only-binary", ":all:"] + one.pip_arguments() + links) for one in targets}
        sdists = _ask(pip, name, ["--no-binary", ":all:"])
        if sdists is None or any(one is None for one in have.values()):
            continue
        question = {
            "requirement": requirement,
            "targets": {one.name: [one.markers(), have[one.name]] for one in targets},
        }
        dummy, said = pip.call(["-c", _JUDGE, json.dumps(question)], _resolve.environment({}, os.environ))
        told.append(tell(requirement, name, targets, have, sdists, _parse(said)))  # type: ignore[arg-type]
    return " ".join(told)


def _parse(text: str) -> t.Dict[str, t.Dict[str, bool]]:
    try:
        return json.loads(text)
    except ValueError:
        return {}


def tell(
    requirement: str,
    name: str,
    targets: t.Sequence[Target],
    have: t.Mapping[str, t.List[str]],
    sdists: t.Sequence[str],
    judged: t.Mapping[str, t.Mapping[str, bool]],
) -> str:
    """Return the sentence about one requirement.

    ``have`` are the versions with a wheel for each target, the newest first;
    ``judged`` says for each whether it wants the requirement and whether one
    of these versions meets it.
    """
    wanting = [one for one in targets if judged.get(one.name, {}).get("wanted", True)]
    missing = [one for one in wanting if not judged.get(one.name, {}).get("fits", bool(have[one.name]))]
    if not missing:
        return ""
    if not sdists and not any(have.values()):
        return (
            "The index has no project %s with a file that these targets or this host could use: check the name." % name
        )
    text = "There is no wheel for %s on %s. " % (requirement, ", ".join("target " + one.name for one in missing))
    newest = ["%s: %s" % (one.name, have[one.name][0] if have[one.name] else "none") for one in wanting]
    text += "The newest version with a wheel: %s. " % "; ".join(newest)
    if sdists:
        text += (
            "Its sdist %s may be built here: add it to stage_build, or require a version that has a wheel." % sdists[0]
        )
    else:
        text += "It has no sdist that could be built here, either: require a version that has a wheel."
    return text
