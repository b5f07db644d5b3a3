# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A built wheel and its record ``NAME.json``: what it was built from and with, and which targets can use it. No I/O happens here."""

from __future__ import annotations

import json
import os
import re
import typing as t
import urllib.parse

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._resolve._build_order import Order
from ansible_collections.airgap.python.plugins.module_utils._secrets import public, without_password
from ansible_collections.airgap.python.plugins.module_utils._target import _fit, _target, _target_parser
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

FORMAT = 1


def origin(wanted: Order, url: str, sha256: str) -> str:
    """Return where a built wheel comes from, as locks and manifest say it: no path of a machine, no password."""
    place = _source(wanted, url, sha256)
    if not wanted.build_constraints:
        return place
    constraints = urllib.parse.quote(",".join(wanted.build_constraints), safe="=,.!~")
    return "%s%sbuild-constraints=%s" % (place, "&" if "#" in place else "#", constraints)


def _source(wanted: Order, url: str, sha256: str) -> str:
    """Return what a wheel is built from, as locks and manifest say it."""
    if wanted.kind == "vcs":
        parts = urllib.parse.urlsplit(wanted.vcs)
        place = without_password(wanted.vcs)
        if parts.scheme == "git+file":
            place = "git+file:" + urllib.parse.quote(os.path.basename(parts.path.rstrip("/")))
        fragment = "#subdirectory=" + wanted.subdirectory if wanted.subdirectory else ""
        return "built:%s@%s%s" % (place, wanted.commit, fragment)
    if wanted.kind == "source":
        return "built:source:%s#sha256=%s" % (urllib.parse.quote(wanted.source_name), sha256)
    return "built:%s#sha256=%s" % (public(url.partition("#")[0]), sha256)


def inputs(wanted: Order, source_sha256: str, host: _target.Target, pip_version: str) -> t.Dict[str, t.Any]:
    """Return all that decides what a build gives; the same inputs are not built again."""
    order_now = dict(wanted._asdict(), build_constraints=list(wanted.build_constraints))
    if not wanted.build_constraints:
        # As in the records of those that had none.
        del order_now["build_constraints"]
    return {
        "order": order_now,
        "source_sha256": source_sha256,
        "host": {key: value for key, value in host.description().items() if key != "name"},
        "pip": pip_version,
    }


def needs_repair(wheel_tags: t.Iterable[str]) -> bool:
    """Say whether a platform tag of a wheel names Linux but no C library, so that nobody knows where it runs."""
    return any(tag.split("-")[2].startswith("linux_") for tag in wheel_tags)


def unfit(wheel_tags: t.Iterable[str], host: _target.Target, target: _target.Target) -> str:
    """Say why a target must not use a wheel with these tags that was built on ``host``; "" if it may.

    A wheel without compiled code is for every target. Of the others, the C
    library is the platform tag's business, which auditwheel has proved; a
    patch version of Python makes no difference to compiled code.
    """
    parts = [tag.split("-") for tag in wheel_tags]
    abis, platforms = {abi for dummy, abi, dummy in parts}, {platform for dummy, dummy, platform in parts}
    if platforms == {"any"}:
        return ""
    python = target.python if "none" in abis or "abi3" in abis else "%d.%d.0" % host.minor
    same_libc = host.os == target.os and host.libc.split("-")[0] == target.libc.split("-")[0]
    made = host._replace(
        python=python,
        libc=target.libc if same_libc else host.libc,
        os_version=target.os_version if host.os == target.os else host.os_version,
    )
    reason = _fit.misfit(made, target)
    if not reason and not platforms & set(target.platforms()):
        reason = "it is for %s" % ", ".join(sorted(platforms))
    return reason


class Built(t.NamedTuple):
    """A built wheel, from its record."""

    path: str
    name: str
    version: str
    filename: str
    sha256: str
    size: int
    origin: str
    is_own: bool
    host: _target.Target
    tags: t.Tuple[str, ...]


def read_record(text: str, where: str) -> t.Dict[str, t.Any]:
    """Return a record; raises AirgapError for one that this version does not know."""
    try:
        record = json.loads(text)
        good = record["format"] == FORMAT and all(
            isinstance(record[key], str) for key in ("name", "version", "filename", "sha256", "origin")
        )
        good = good and os.path.basename(record["filename"]) == record["filename"]
        good = good and re.match(r"^built:\S+$", record["origin"]) and isinstance(record["size"], int)
        good = good and record["tags"] and all(tag.count("-") == 2 for tag in record["tags"])
    except (ValueError, KeyError, TypeError, AttributeError):
        good = False
    if not good:
        raise AirgapError("%s is no record of a built wheel. Remove it, and build the wheel again." % where)
    return record


def built(text: str, where: str) -> Built:
    """Return what a record says of the wheel beside it."""
    record = read_record(text, where)
    host = _target_parser.parse(dict(record["inputs"]["host"], name="here"))[0]
    path = os.path.join(os.path.dirname(where), record["filename"])
    own = Order(**record["inputs"]["order"]).is_own
    name, version, filename, sha256 = (record[key] for key in ("name", "version", "filename", "sha256"))
    return Built(
        path, name, version, filename, sha256, record["size"], record["origin"], own, host, tuple(record["tags"])
    )


def digest_lines(wheels: t.Iterable[Built]) -> t.List[str]:
    """Return what a resolution's digest must know of built wheels: their names and content."""
    return sorted("built %s sha256:%s" % (one.filename, one.sha256) for one in wheels)


def constraint(wheel: Built, path: str) -> str:
    """Return the constraint that lets pip take this very file for its project and no other."""
    return "%s @ file://%s#sha256=%s" % (wheel.name, urllib.parse.quote(path), wheel.sha256)


def claim(pins: t.Iterable[_lock.Pin], wheels: t.Iterable[Built], target: _target.Target) -> t.List[_lock.Pin]:
    """Return the pins with the origin of those that were built; it is never a path.

    Raises AirgapError where a project of the site's own source came from an index.
    """
    by_name = {one.name: one for one in wheels}
    claimed = []
    for pin in pins:
        wheel = by_name.get(pin.name)
        if wheel is not None and pin.sha256 == wheel.sha256:
            pin = pin._replace(origin=wheel.origin)
        elif wheel is not None and wheel.is_own:
            raise AirgapError(
                "target %s: %s %s from %s was chosen, but stage_build makes %s %s from %s. Something else has that name "
                "there; give the project another name, or another version."
                % (target.name, pin.name, pin.version, pin.origin, wheel.name, wheel.version, wheel.origin)
            )
        claimed.append(pin)
    return claimed


def mentioned(wheels: t.Iterable[Built], output: str) -> t.Set[str]:
    """Return the names of the projects that can only be had as built wheels and of which a failed engine speaks."""
    words = {_lock.normalize(word) for word in re.findall(r"[A-Za-z0-9][A-Za-z0-9._-]*", output)}
    return {one.name for one in wheels if one.is_own and one.name in words}


def told_unfit(wheels: t.Iterable[Built], names: t.Iterable[str], targets: t.Iterable[_target.Target]) -> str:
    """Say which of the built wheels of these projects cannot serve which targets, and what to do; "" if all can."""
    names, said = set(names), []
    for wheel in wheels:
        reasons = ["%s (%s)" % (one.name, unfit(wheel.tags, wheel.host, one)) for one in targets]
        reasons = [one for one in reasons if not one.endswith("()")]
        if wheel.name in names and reasons:
            said.append(
                "%s was built on the internet host as %s, which serves only its own kind of target, not %s. Give the set "
                "other targets, require a version that has a wheel there, or build it on such a machine and name its "
                "folder in find_links." % (wheel.name, wheel.filename, ", ".join(reasons))
            )
    return " ".join(said)
