# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sets a node gets, and whether the bundle has their locks; from the site's variables and what was read."""

from __future__ import annotations

import json
import typing as t

# The set that carries pip itself, for hosts that have none.
PIP_SET = "airgap-pip"

Mapping = t.Mapping[str, t.Any]


class NodeSets(t.NamedTuple):
    """What a node gets.

    Attributes:
        chosen: The names of the sets.
        targets: The target of each interpreter.
        index_host: The first index host that has the bundle, or else the first of all.
        missing: The locks that its bundle does not have, as SET/TARGET.
        problem: Why the sets cannot be installed; "" if they can.
    """

    chosen: t.List[str]
    targets: t.Dict[str, str]
    index_host: str
    missing: t.List[str]
    problem: str


def choose(
    host: str, asked: Mapping, pythons: t.Sequence[Mapping], read: t.Sequence[Mapping], bundles: t.Mapping[str, str]
) -> NodeSets:
    """Return what a node gets.

    ``asked`` are the variables of the role install without their prefix, with airgap_sets and the names of airgap_targets;
    ``pythons`` are the results of python_target_info, ``read`` those of bundle_locks_info, for each index host; ``bundles`` are
    the folders of the bundle by the index hosts' names.
    """
    asked = {**asked, **{name: _listed(asked[name]) for name in ("sets", "system", "bin_sets", "repair")}}
    sets = list(asked["airgap_sets"])
    names = [str(one["name"]) for one in sets]
    targets = {str(one["item"]): str(one["target"]) for one in pythons}
    target_of = {name: targets.get(str(asked["pythons"].get(name, asked["python"])), "") for name in names}
    fitting = [name for name, one in zip(names, sets) if "targets" not in one or target_of[name] in one["targets"]]
    chosen = [name for name in names if name in (asked["sets"] or fitting)]
    found: Mapping = next((one for one in read if one.get("found")), {"item": next(iter(bundles), ""), "locks": []})
    has = {"%s/%s" % (one["set"], one["target"]) for one in found["locks"]}
    wanted = ["%s/%s" % (PIP_SET, target) for target in dict.fromkeys(targets.values())]
    wanted += ["%s/%s" % (name, target_of[name]) for name in chosen]
    missing = [pair for pair in wanted if pair not in has]
    problem = (
        _problem_of_site(asked, names, bundles)
        or _problem_of_node(host, asked, pythons, targets, [name for name in chosen if name not in fitting])
        or _problem_of_locks(read, bundles)
    )
    if not problem and not asked["check_mode"]:
        problem = _problem_of_bundle(found, missing, bundles)
    return NodeSets(chosen, targets, str(found["item"]), missing, problem)


def _listed(value: t.Any) -> t.List[str]:
    """Return a list as Ansible's options take it, also from a text with commas, as an extra variable is one."""
    return [one.strip() for one in value.split(",") if one.strip()] if isinstance(value, str) else list(value)


def _problem_of_site(asked: Mapping, names: t.Sequence[str], bundles: t.Mapping[str, str]) -> str:
    if not names or not bundles:
        return (
            "The group airgap_index or the variable airgap_sets is empty. Name the index host in the inventory, and the "
            "requirement sets in group_vars/all.yml."
        )
    strangers = [
        "install_%s names %s" % (variable, name)
        for variable in ("sets", "pythons", "system", "bin_sets", "repair")
        for name in asked[variable]
        if name not in names
    ]
    if strangers:
        return "%s, which airgap_sets does not have. It has %s." % (", ".join(strangers), ", ".join(names))
    return ""


def _problem_of_node(
    host: str,
    asked: Mapping,
    pythons: t.Sequence[Mapping],
    targets: t.Mapping[str, str],
    unfit: t.Sequence[str],
) -> str:
    for one in pythons:
        if one["target"] not in asked["targets"]:
            reasons = "; ".join("%s: %s" % pair for pair in sorted(one["reasons"].items()))
            return (
                "%s of %s fits none of airgap_targets (%s). Add this entry to airgap_targets, name it in the sets that the node "
                "should get, and play site again: %s The playbook survey writes such an entry for every node."
                % (one["item"], host, reasons or "there are none", json.dumps(one["suggestion"]))
            )
    if unfit:
        return (
            "install_sets names %s, which is not for the target %s of %s. Add the target to the set's targets, or leave the set "
            "out here." % (", ".join(unfit), " or ".join(targets.values()), host)
        )
    return ""


def _problem_of_locks(read: t.Sequence[Mapping], bundles: t.Mapping[str, str]) -> str:
    if any("found" in one for one in read):
        return ""
    reasons = dict.fromkeys(str(one.get("msg", "")).strip() for one in read)
    return "The locks cannot be read on %s: %s" % (", ".join(bundles), " ".join(reasons))


def _problem_of_bundle(found: Mapping, missing: t.Sequence[str], bundles: t.Mapping[str, str]) -> str:
    host = found["item"]
    if not found.get("found"):
        return (
            "There is no bundle in %s on %s. Transfer one with the playbook transfer or inside, or set airgap_dir of %s to the "
            "folder that holds it." % (bundles[host], host, host)
        )
    if not missing:
        return ""
    name, _slash, target = missing[0].partition("/")
    others = ", ".join(one["target"] for one in found["locks"] if one["set"] == name) or "none"
    if name == PIP_SET:
        return (
            "The bundle on %s (%s) has no pip for the target %s, it has pip for %s. Stage the sets for this target, and transfer "
            "the bundle to the index host." % (host, bundles[host], target, others)
        )
    return (
        "The bundle on %s (%s) has no lock of the set %s for the target %s; of this set it has %s. Stage the set for this target, "
        "and transfer the bundle to the index host." % (host, bundles[host], name, target, others)
    )
