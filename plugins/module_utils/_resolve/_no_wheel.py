# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why there is no wheel: for which targets, and which version was the last that had one.

pip is run with a version that no project has. It reads one page of the index,
downloads nothing, and lists the versions that it could have used. (``pip index
versions`` ignores --only-binary.) This runs only after a failure.
"""

from __future__ import annotations

import json
import os
import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._pip import _index_pages, _settings
from ansible_collections.airgap.python.plugins.module_utils._pip._arguments import (
    NO_DEPENDENCIES,
    ONLY_WHEELS,
    options,
    pip_arguments,
)
from ansible_collections.airgap.python.plugins.module_utils._pip._command import Pip
from ansible_collections.airgap.python.plugins.module_utils._pip._failure import not_found
from ansible_collections.airgap.python.plugins.module_utils._target._target import Target
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

# A public index accepts no local versions (PEP 440).
NO_VERSION = "==0+airgap.asks.what.there.is"
# With -vv pip reports which pages an index did not give, and why.
_COMMAND = pip_arguments("download", "-vv", NO_DEPENDENCIES, "--dest", os.devnull)
# Runs in pip's interpreter: pip's vendored packaging reads versions (PEP 440) and markers (PEP 508).
_COMPARE = """
import json, sys
from pip._vendor.packaging.requirements import InvalidRequirement, Requirement
from pip._vendor.packaging.version import InvalidVersion, Version
question = json.loads(sys.argv[1])
def newest(versions):
    known = []
    for one in versions:
        try:
            known.append(Version(one))
        except InvalidVersion:
            pass
    final = [one for one in known if not one.is_prerelease]
    return str(max(final or known)) if known else ""
try:
    requirement = Requirement(question["requirement"])
except InvalidRequirement:
    requirement = None
answer = {"sdist": newest(question["sdists"]), "targets": {}}
for name, (markers, versions) in question["targets"].items():
    marker = requirement and requirement.marker
    fitting = requirement and list(requirement.specifier.filter([one for one in versions if newest([one])]))
    answer["targets"][name] = {
        "newest": newest(versions),
        "wanted": not marker or bool(marker.evaluate(dict(markers, extra=""))),
        "fits": bool(fitting),
    }
print(json.dumps(answer))
"""


def versions(output: str) -> t.List[str]:
    """Return the versions that pip reported it could have used."""
    match = re.search(r"\(from versions: (.+)\)$", output, re.MULTILINE)
    return [one for one in match.group(1).split(", ") if one != "none"] if match else []


def _fitting_versions(pip: Pip, name: str, arguments: t.Sequence[str]) -> t.Optional[t.List[str]]:
    """Return the versions of a project that fit, or None if an index did not answer."""
    dummy, out = pip.run([*_COMMAND, *arguments, name + NO_VERSION])
    is_answered = "No matching distribution found for " + name in out and not _index_pages.unread_by_pip(out)
    return versions(out) if is_answered else None


def unread_pages(pip: Pip, name: str, variables: t.Optional[t.Mapping[str, str]] = None) -> t.Dict[str, str]:
    """Run pip again with verbose output; return the pages of a project that it cannot read, and why."""
    return _index_pages.unread_by_pip(pip.run([*_COMMAND, name + NO_VERSION], variables)[1])


def indexes_forbidding_unknown(pip: Pip) -> t.Set[str]:
    """Return the indexes that forbid the page of a project that does not exist."""
    return {
        _index_pages.index_of(url)
        for url, why in unread_pages(pip, _index_pages.UNKNOWN_PROJECT).items()
        if why.startswith("403 ")
    }


def missing_wheels_message(pip: Pip, output: str, targets: t.Sequence[Target], find_links: t.Sequence[str] = ()) -> str:
    """Return for which targets the wheels that pip did not find are missing, and the newest version that has one.

    Returns "" if the output shows no such failure or an index does not answer.
    """
    links = options("--find-links", find_links)
    sentences = []
    for requirement in not_found(output):
        name = _lock.project_of(requirement)
        have = {one.name: _fitting_versions(pip, name, [ONLY_WHEELS] + one.pip_arguments() + links) for one in targets}
        sdists = _fitting_versions(pip, name, ["--no-binary", name])
        if sdists is None or any(one is None for one in have.values()):
            continue
        question = {
            "requirement": requirement,
            "sdists": sdists,
            "targets": {one.name: [one.markers(), have[one.name]] for one in targets},
        }
        rc, out = pip.call(["-c", _COMPARE, json.dumps(question)], _settings.pip_environment({}, os.environ))
        if rc == 0:
            sentences.append(missing_wheel_message(requirement, targets, json.loads(out)))
    return " ".join(one for one in sentences if one)


def missing_wheel_message(requirement: str, targets: t.Sequence[Target], facts: t.Mapping[str, t.Any]) -> str:
    """Return the sentences about one requirement.

    ``facts`` has the newest ``sdist`` and, for each of the ``targets``, the
    ``newest`` version with a wheel, whether its marker is ``wanted`` there, and
    whether some version ``fits`` the requirement.
    """
    answers = facts["targets"]
    wanting = [one.name for one in targets if answers[one.name]["wanted"]]
    missing = [name for name in wanting if not answers[name]["fits"]]
    if not missing:
        return ""
    if not facts["sdist"] and not any(one["newest"] for one in answers.values()):
        return "The index has no project %s that these targets or this host can use." % _lock.project_of(requirement)
    text = "There is no wheel for %s on %s. The newest version with a wheel: %s. " % (
        requirement,
        ", ".join("target " + name for name in missing),
        "; ".join("%s: %s" % (name, answers[name]["newest"] or "none") for name in wanting),
    )
    if facts["sdist"]:
        return text + "Its sdist %s can be built on this host: add it to stage_build." % facts["sdist"]
    return text + "It has no sdist either: require a version that has a wheel."
