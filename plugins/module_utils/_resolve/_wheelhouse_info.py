# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a folder of wheels that a site has already: this walks it and reads the files, _wheelhouse decides."""

from __future__ import annotations

import os
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_file
from ansible_collections.airgap.python.plugins.module_utils._resolve._download_job import parse_inputs
from ansible_collections.airgap.python.plugins.module_utils._target import _target_parser
from ansible_collections.airgap.python.plugins.module_utils._text import shown
from ansible_collections.airgap.python.plugins.module_utils._wheels import (
    _metadata,
    _packaging,
    _pip_wheels,
    _wheel,
    _wheelhouse,
)

# More than this is not a wheelhouse: the path is wrong.
MOST_FILES = 200000
ModuleResult = t.Dict[str, t.Any]


class Files(t.NamedTuple):
    """The files of a folder: paths of wheels and of sdists, and of links that lead out of it."""

    wheels: t.List[str]
    sdists: t.List[str]
    links_out: t.List[str]


def walk(root: str) -> Files:
    """Return the wheels and sdists below a folder; no link that leads out of it is followed."""
    if not os.path.isdir(root):
        raise AirgapError("%s is not a folder. Name the folder that has the wheels." % root)
    found = Files([], [], [])
    real, seen = os.path.realpath(root), 0

    def stop(error: OSError) -> None:
        raise error

    for folder, folders, names in os.walk(root, onerror=stop):
        folders.sort()
        seen += len(names) + len(folders)
        if seen > MOST_FILES:
            raise AirgapError("%s has more than %d files. Name the folder that has the wheels." % (root, MOST_FILES))
        for name in sorted(names):
            path = os.path.join(folder, name)
            kind = found.wheels if name.endswith(".whl") else found.sdists if _wheelhouse.parse_sdist(name) else None
            if kind is None:
                continue
            if os.path.islink(path) and not os.path.realpath(path).startswith(real + os.sep):
                found.links_out.append(path)
            elif os.path.isfile(path):
                kind.append(path)
    return found


def read_stock(
    packaging: _packaging.Packaging, files: Files
) -> t.Tuple[_wheelhouse.Stock, t.List[str], t.Dict[str, t.List[str]]]:
    """Return what can be used, a text for each broken wheel, and the paths of each name that has several contents."""
    by_name: t.Dict[str, t.List[str]] = {}
    for path in files.wheels:
        by_name.setdefault(os.path.basename(path), []).append(path)
    wheels, broken, clashes = [], [], {}
    for name, paths in sorted(by_name.items()):
        if len(paths) > 1 and len({sha256_file(path) for path in paths}) > 1:
            clashes[name] = paths
            continue
        try:
            text = _metadata.headers(_metadata.read(paths[0]))
            message = _metadata.parse(text)
            found, declared = _wheel.check_declared(packaging, name, message)
        except (AirgapError, OSError) as error:
            reason = str(error).replace("; stage it again.", ".").replace(" Stage it again.", "")
            broken.append(reason if paths[0] in reason else "%s: %s" % (paths[0], reason))
            continue
        wheels.append(
            _wheelhouse.Found(
                name,
                found.project,
                found.version,
                found.build,
                found.tags,
                declared["Version"],
                text,
                _metadata.requires_python(message),
            )
        )
    sdists = []
    for path in files.sdists:
        parsed = _wheelhouse.parse_sdist(os.path.basename(path))
        if parsed is not None:
            sdists.append(parsed + (os.path.basename(path),))
    return _wheelhouse.Stock(tuple(wheels), tuple(sorted(set(sdists)))), broken, clashes


def run_module(module: AnsibleModule) -> ModuleResult:
    """Read the folder; return the module's result."""
    params = module.params
    targets, warnings = _target_parser.parse_all(params["targets"])
    for warning in warnings:
        module.warn(warning)
    files = walk(params["path"])
    # A host without packaging reads versions with the pip of the folder.
    pips = [path for path in files.wheels if os.path.basename(path).startswith("pip-")]
    packaging = _packaging.load(_pip_wheels.pip_wheels((path, sha256_file(path)) for path in pips))
    stock, broken, clashes = read_stock(packaging, files)
    houses = {target.name: _wheelhouse.Wheelhouse(packaging, stock, target) for target in targets}
    whole = {name: house.whole() for name, house in houses.items()}
    result: ModuleResult = {
        "changed": False,
        "folders": sorted({os.path.dirname(path) for path in files.wheels}),
        "wheels": len(stock.wheels),
        "sdists": _wheelhouse.sdists_without_wheel(packaging, stock),
        "broken": broken,
        "clashes": clashes,
        "links_out": files.links_out,
        "targets": [describe_target(house, whole[name]) for name, house in houses.items()],
        "sets": [
            {"set": one["name"], "target": name, "missing": missing_of_set(houses, one, name)}
            for one in params["sets"]
            for name in one["targets"]
        ],
        "adopted": _wheelhouse.adopted_sets(whole),
    }
    result["table"] = table(params["path"], result)
    return result


def describe_target(house: _wheelhouse.Wheelhouse, whole: t.Sequence[_wheelhouse.Found]) -> t.Dict[str, t.Any]:
    """Return what the folder has for a target, and lacks."""
    projects = {one.project for one in house.stock.wheels}
    return {
        "name": house.target.name,
        "projects": {name: wheels[0].text for name, wheels in sorted(house.candidates.items())},
        "unfit": sorted(projects - set(house.candidates)),
        "whole": ["%s==%s" % (one.project, one.text) for one in whole],
        "missing": [as_dict(one) for one in house.missing(sorted(house.candidates))],
    }


def missing_of_set(
    houses: t.Mapping[str, _wheelhouse.Wheelhouse], one: t.Mapping[str, t.Any], target: str
) -> t.List[t.Dict[str, t.Any]]:
    """Return what a set lacks for a target."""
    if target not in houses:
        raise AirgapError("Set %s is for %s, which targets does not have." % (one["name"], target))
    parsed = parse_inputs(dict(one, requirements_files=[], constraints_files=[]))
    roots = [line.text for line in parsed.requirements]
    return [as_dict(each) for each in houses[target].missing(roots, [line.text for line in parsed.constraints])]


def as_dict(missing: _wheelhouse.Missing) -> t.Dict[str, t.Any]:
    """Return what is missing as data, with one line for people."""
    return {
        "requirement": missing.requirement,
        "needed_by": list(missing.needed_by),
        "reason": missing.reason,
        "text": shown(_wheelhouse.describe(missing)),
    }


def table(path: str, result: t.Mapping[str, t.Any]) -> t.List[str]:
    """Return the result as lines for people."""
    lines = ["%s has %d wheels that can be read." % (path, result["wheels"])]
    for one in result["targets"]:
        lines.append(
            "target %s: %d projects have a version that fits, %d are whole, %d have none that fits%s"
            % (
                one["name"],
                len(one["projects"]),
                len(one["whole"]),
                len(one["unfit"]),
                ": " + ", ".join(one["unfit"]) if one["unfit"] else "",
            )
        )
        lines += ["target %s lacks: %s" % (one["name"], each["text"]) for each in one["missing"]]
    for one in result["sets"]:
        lines += ["set %s, target %s lacks: %s" % (one["set"], one["target"], each["text"]) for each in one["missing"]]
    lines += ["sdist without a wheel: %s" % name for name in result["sdists"]]
    lines += ["broken: %s" % text for text in result["broken"]]
    lines += ["one name, several contents: %s" % ", ".join(paths) for paths in result["clashes"].values()]
    lines += ["a link out of the folder, not followed: %s" % path for path in result["links_out"]]
    return [shown(line) for line in lines]
