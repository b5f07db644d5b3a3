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


def build_origin(wanted: Order, url: str, sha256: str) -> str:
    """Return where a built wheel comes from, as locks and the manifest show it: without paths of this machine and passwords."""
    place = _source_origin(wanted, url, sha256)
    if not wanted.build_constraints:
        return place
    constraints = urllib.parse.quote(",".join(wanted.build_constraints), safe="=,.!~")
    return "%s%sbuild-constraints=%s" % (place, "&" if "#" in place else "#", constraints)


def _source_origin(wanted: Order, url: str, sha256: str) -> str:
    """Return what a wheel is built from, as locks and the manifest show it."""
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


def build_inputs(wanted: Order, source_sha256: str, host: _target.Target, pip_version: str) -> t.Dict[str, t.Any]:
    """Return everything that decides the result of a build; the same inputs are not built again."""
    order_now = dict(wanted._asdict(), build_constraints=list(wanted.build_constraints))
    if not wanted.build_constraints:
        # As in the records of wheels that were built without constraints.
        del order_now["build_constraints"]
    return {
        "order": order_now,
        "source_sha256": source_sha256,
        "host": {key: value for key, value in host.description().items() if key != "name"},
        "pip": pip_version,
    }


def needs_repair(wheel_tags: t.Iterable[str]) -> bool:
    """Return whether a platform tag of a wheel names Linux but no C library, so that it is unknown where the wheel runs."""
    return any(tag.split("-")[2].startswith("linux_") for tag in wheel_tags)


def misfit_reason(wheel_tags: t.Iterable[str], host: _target.Target, target: _target.Target) -> str:
    """Return why a target must not use a wheel with these tags that was built on ``host``, or "" if it can.

    A wheel without compiled code fits every target. For the others, the
    platform tag, which auditwheel has verified, decides about the C library; the
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


class BuiltWheel(t.NamedTuple):
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
    """Return a record; raises AirgapError for one that is not valid or of another format."""
    try:
        record: t.Dict[str, t.Any] = json.loads(text)
        good = record["format"] == FORMAT and all(
            isinstance(record[key], str) for key in ("name", "version", "filename", "sha256", "origin")
        )
        good = good and os.path.basename(record["filename"]) == record["filename"]
        good = good and re.match(r"^built:\S+$", record["origin"]) and isinstance(record["size"], int)
        good = good and record["tags"] and all(tag.count("-") == 2 for tag in record["tags"])
    except (ValueError, KeyError, TypeError, AttributeError):
        good = False
    if not good:
        raise AirgapError("%s is not a record of a built wheel. Remove it, and build the wheel again." % where)
    return record


def parse_built_wheel(text: str, where: str) -> BuiltWheel:
    """Return the wheel that a record next to it describes."""
    record = read_record(text, where)
    host = _target_parser.parse(dict(record["inputs"]["host"], name="here"))[0]
    path = os.path.join(os.path.dirname(where), record["filename"])
    own = Order(**record["inputs"]["order"]).is_own
    name, version, filename, sha256 = (record[key] for key in ("name", "version", "filename", "sha256"))
    return BuiltWheel(
        path, name, version, filename, sha256, record["size"], record["origin"], own, host, tuple(record["tags"])
    )


def digest_lines(wheels: t.Iterable[BuiltWheel]) -> t.List[str]:
    """Return the names and the SHA-256 of built wheels, on which a lock depends."""
    return sorted("built %s sha256:%s" % (one.filename, one.sha256) for one in wheels)


def exact_constraint(wheel: BuiltWheel, path: str) -> str:
    """Return the constraint by which pip uses exactly this file for its project."""
    return "%s @ file://%s#sha256=%s" % (wheel.name, urllib.parse.quote(path), wheel.sha256)


def with_build_origins(
    pins: t.Iterable[_lock.Pin], wheels: t.Iterable[BuiltWheel], target: _target.Target
) -> t.List[_lock.Pin]:
    """Return the pins, of which those of built wheels have the origin of the build instead of a path.

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
                "target %s: %s %s from %s was chosen, but stage_build builds %s %s from %s. Another project has that name "
                "there. Give the project another name, or another version."
                % (target.name, pin.name, pin.version, pin.origin, wheel.name, wheel.version, wheel.origin)
            )
        claimed.append(pin)
    return claimed


def mentioned_projects(wheels: t.Iterable[BuiltWheel], output: str) -> t.Set[str]:
    """Return the projects that exist only as built wheels and that the output of a failed engine names."""
    words = {_lock.normalize(word) for word in re.findall(r"[A-Za-z0-9][A-Za-z0-9._-]*", output)}
    return {one.name for one in wheels if one.is_own and one.name in words}


def misfit_message(wheels: t.Iterable[BuiltWheel], names: t.Iterable[str], targets: t.Iterable[_target.Target]) -> str:
    """Return which built wheels of these projects do not fit which targets, and what to do; "" if all fit."""
    names, sentences = set(names), []
    for wheel in wheels:
        reasons = ["%s (%s)" % (one.name, misfit_reason(wheel.tags, wheel.host, one)) for one in targets]
        reasons = [one for one in reasons if not one.endswith("()")]
        if wheel.name in names and reasons:
            sentences.append(
                "%s was built on the internet host as %s, which fits only targets of that host's kind, not %s. Give the "
                "set other targets, require a version that has a wheel there, or build it on such a machine and name "
                "its folder in find_links." % (wheel.name, wheel.filename, ", ".join(reasons))
            )
    return " ".join(sentences)
