# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wheels that are built on the internet host: what may be built, what pip is asked, who may use the result.

No I/O happens here. Beside each built wheel lies its record, ``NAME.json``:
what it was built from and with, its tags and its SHA-256.
"""

from __future__ import annotations

import json
import os
import re
import typing as t
import urllib.parse

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._pip._arguments import (
    NO_CACHE,
    NO_DEPENDENCIES,
    ONLY_WHEELS,
    RESOLVE_ONLY,
    pip_arguments,
)
from ansible_collections.airgap.python.plugins.module_utils._pip._failure import BUILDING, diagnose
from ansible_collections.airgap.python.plugins.module_utils._secrets import public, without_password
from ansible_collections.airgap.python.plugins.module_utils._target import _target
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock
from ansible_collections.airgap.python.plugins.module_utils._wheels._versions import release

FORMAT = 1
# The first pip with --build-constraint. Those before hand PIP_CONSTRAINT on to the environment of a build.
BUILD_CONSTRAINT = (25, 3)
# What an archive in a wheel is dated: 2020-01-01, a time that every zip tool can write.
SOURCE_DATE_EPOCH = 1577836800
# Version control data and caches, which no build needs.
SKIPPED = (".git", ".hg", ".svn", "__pycache__")
SKIPPED_AT_THE_TOP = (".venv", ".tox", ".nox", ".mypy_cache", ".pytest_cache", ".ruff_cache")
BUILD_OUTPUT = ("build", "dist")
_NAME = re.compile(r"^%s$" % _lock.NAME)
_CONSTRAINT = re.compile(r"^%s(===|[<>=!~]=|[<>])[^@#;]*$" % _lock.NAME)
_VERSION = re.compile(r"^[A-Za-z0-9][A-Za-z0-9.!+_-]*$")
_SDISTS = (".tar.gz", ".zip", ".tgz", ".tar", ".tar.bz2", ".tar.xz")


class Order(t.NamedTuple):
    """What shall be built. ``kind`` is sdist, vcs or source; fields that say nothing are empty.

    ``build_constraints`` hold for what is installed to build it, in order of their text.
    """

    name: str
    kind: str
    version: str
    sha256: str
    vcs: str
    commit: str
    subdirectory: str
    source_name: str
    build_constraints: t.Tuple[str, ...] = ()

    @property
    def is_own(self) -> bool:
        """Whether a site chose the very source, so that nothing of that name on an index may take its place."""
        return self.kind != "sdist"


def order(raw: t.Mapping[str, t.Any]) -> Order:
    """Return what an entry of stage_build asks for; raises AirgapError for one that cannot be built."""
    name = str(raw.get("name") or "")
    if not _NAME.match(name):
        raise AirgapError("stage_build: %r is no name of a project (PEP 508)." % (raw.get("name"),))
    version, sha256 = str(raw.get("version") or ""), str(raw.get("sha256") or "").lower()
    vcs, source_name = str(raw.get("vcs") or ""), str(raw.get("source_name") or "")
    if vcs and source_name:
        raise AirgapError("stage_build: %s has both vcs and source. Name one." % name)
    if version and (vcs or source_name):
        raise AirgapError(
            "stage_build: %s has a version and a source of its own, which says its version itself. Leave version out."
            % name
        )
    if version and not _VERSION.match(version):
        raise AirgapError("stage_build: %s: %r is no version. Write one, such as 1.2, and no range." % (name, version))
    if sha256 and not re.match(r"^[0-9a-f]{64}$", sha256):
        raise AirgapError("stage_build: %s: sha256 must be 64 hex digits; it is %r." % (name, raw.get("sha256")))
    if sha256 and vcs:
        raise AirgapError("stage_build: %s: the commit in vcs vouches for the content. Leave sha256 out." % name)
    if sha256 and not version and not source_name:
        raise AirgapError("stage_build: %s has a sha256, which is that of one version. Name the version, too." % name)
    commit = subdirectory = ""
    if vcs:
        vcs, commit, subdirectory = _split_vcs(name, vcs)
    kind = "vcs" if vcs else "source" if source_name else "sdist"
    constraints = tuple(sorted({"".join(str(one).split()) for one in raw.get("build_constraints") or ()}))
    for one in constraints:
        if not _CONSTRAINT.match(one):
            raise AirgapError(
                "stage_build: %s: %r in build_constraints is no constraint. Write a name and versions, such as "
                "setuptools<82." % (name, one)
            )
    return Order(_lock.normalize(name), kind, version, sha256, vcs, commit, subdirectory, source_name, constraints)


def _split_vcs(name: str, url: str) -> t.Tuple[str, str, str]:
    """Return repository, commit and subdirectory of a URL as pip writes it (pip documentation, "VCS Support")."""
    base, _hash, fragment = url.partition("#")
    parts = urllib.parse.urlsplit(base)
    dummy, at, commit = parts.path.rpartition("@")
    if parts.scheme not in ("git+https", "git+http", "git+ssh", "git+file"):
        raise AirgapError("stage_build: %s: vcs must begin with git+https://, git+ssh:// or git+file://." % name)
    if parts.password or (parts.username and parts.scheme != "git+ssh"):
        raise AirgapError(
            "stage_build: %s: vcs holds a password or token, which command lines would show. Leave it out, and give it "
            "to git on the internet host (git-credential(1), or ~/.netrc)." % name
        )
    if not at or not re.match(r"^[0-9a-f]{40}$", commit):
        raise AirgapError(
            "stage_build: %s: vcs must end with @ and a full commit, 40 hex digits, not with a branch, a tag or a short "
            "commit: these move. 'git ls-remote URL' prints the commits; it is %r."
            % (name, commit if at else "missing")
        )
    match = re.match(r"^(?:subdirectory=([A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*))?$", fragment)
    if match is None or ".." in (match.group(1) or "").split("/"):
        raise AirgapError("stage_build: %s: of what may follow # in vcs, only subdirectory=PATH is known." % name)
    return base[: -len("@" + commit)], commit, match.group(1) or ""


def is_wheel(reference: str) -> bool:
    """Say whether what a requirement names by URL or path is a wheel, which is taken as it is; all else is built."""
    parts = urllib.parse.urlsplit(reference)
    return "+" not in parts.scheme and parts.path.endswith(".whl")


def build_entry(name: str, reference: str = "") -> str:
    """Return the entry of stage_build for a project, and what to do first for what stands in its place.

    ``reference`` is the URL or path that a requirement names, "" for the sdist of an index.
    """
    base, _hash, fragment = without_password(reference).partition("#")
    fields = [("name", name)]
    first = ""
    parts = urllib.parse.urlsplit(base)
    filename = urllib.parse.unquote(parts.path.rstrip("/").rpartition("/")[2])
    if base.startswith("git+"):
        # The user that ssh logs in as is no secret, and needed.
        user = parts.scheme == "git+ssh" and urllib.parse.urlsplit(reference).username
        netloc = "%s@%s" % (user, parts.netloc) if user else parts.netloc
        path, at, revision = parts.path.rpartition("@")
        path, revision = (path, revision) if at else (parts.path, "HEAD")
        repository = "//" + netloc + path
        subdirectory = re.search(r"(?:^|&)subdirectory=([^&]+)", fragment)
        tail = "#subdirectory=" + subdirectory.group(1) if subdirectory else ""
        commit = revision if re.match(r"^[0-9a-f]{40}$", revision) else "COMMIT"
        fields.append(("vcs", "%s:%s@%s%s" % (parts.scheme, repository, commit, tail)))
        if commit != revision:
            first = "where COMMIT is what 'git ls-remote %s:%s %s' prints" % (parts.scheme[4:], repository, revision)
    elif base and (parts.scheme in ("", "file")):
        fields.append(("source", urllib.parse.unquote(parts.path) if parts.scheme else base))
    elif base:
        fields.append(("source", filename or name))
        sha256 = re.search(r"(?:^|&)sha256=([0-9a-f]{64})", fragment)
        if sha256:
            fields.append(("sha256", sha256.group(1)))
        first = "where %s is a copy of %s on the control host" % (filename or name, base.partition("?")[0])
    entry = "{%s}" % ", ".join("%s: %s" % (key, _scalar(value)) for key, value in fields)
    return "%s, %s" % (entry, first) if first else entry


def _scalar(text: str) -> str:
    """Return a string as YAML reads it in a flow mapping."""
    return text if re.match(r"^[A-Za-z./][A-Za-z0-9._/+-]*$", text) else json.dumps(text)


def told_own(where: str, name: str, reference: str) -> str:
    """Say of a requirement of the set itself that it is no wheel, and what to write in its place."""
    return (
        "%s: %s is no wheel. It would have to be built, which runs its code, and nothing is built but what stage_build "
        "names. Require %s by its name, and add to stage_build: %s"
        % (where, shown_reference(name, reference), name or "it", build_entry(name or "NAME", reference))
    )


def told_transitive(asker: str, name: str, reference: str) -> str:
    """Say of a requirement by URL in a wheel's own metadata that it cannot be met without a network, and what to do."""
    also = "" if is_wheel(reference) else " And, as %s has no wheel, add: %s" % (name, build_entry(name, reference))
    project = re.split(r"[-= ]", asker)[0]
    return (
        "%s requires %s: whatever a bundle holds, pip on a node would go to that URL. Nothing was fetched from it. Take "
        "another version of %s, or build it from a source that requires %s by its name: add to stage_build %s.%s"
        % (asker, shown_reference(name, reference), project, name, build_entry(project, "../" + project), also)
    )


def shown_reference(name: str, reference: str) -> str:
    """Return a requirement by URL without password and query."""
    return ("%s @ %s" % (name, public(reference).partition("#")[0])).lstrip(" @")


def is_skipped(path: str, may_be_output: bool) -> bool:
    """Say whether a file or folder of a source folder, by its relative path, is left behind.

    ``may_be_output`` tells that it is a folder without an __init__.py, as the
    output of builds is.
    """
    name = os.path.basename(path)
    if name in SKIPPED or name.endswith((".pyc", ".egg-info")):
        return True
    return path == name and (name in SKIPPED_AT_THE_TOP or (name in BUILD_OUTPUT and may_be_output))


def is_sdist(name: str) -> bool:
    """Say whether a file's name is that of an archive that pip takes for a source."""
    return name.endswith(_SDISTS)


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


def find_arguments(wanted: Order, listing: str, report: str) -> t.List[str]:
    """Return pip's arguments that find the sdist of a project and write its URL and hash into a report."""
    arguments = pip_arguments("install", *RESOLVE_ONLY, NO_DEPENDENCIES, NO_CACHE, "--no-binary", wanted.name)
    return arguments + ["--report", report, "--requirement", listing]


def find_line(wanted: Order) -> str:
    """Return the requirement that finds a project's sdist."""
    line = wanted.name + ("==" + wanted.version if wanted.version else "")
    return line + (" --hash=sha256:" + wanted.sha256 if wanted.sha256 else "")


def read_report(report: t.Mapping[str, t.Any], name: str) -> t.Tuple[str, str]:
    """Return URL and SHA-256 of the one sdist in pip's report."""
    for item in report.get("install", []):
        info = item["download_info"]
        sha256 = info.get("archive_info", {}).get("hashes", {}).get("sha256", "")
        if _lock.normalize(item["metadata"]["name"]) == name and sha256:
            return without_password(info["url"]), sha256
    raise AirgapError("%s: pip reported no sdist with a sha256. Name an index that gives one (PEP 503)." % name)


def build_arguments(listing: str, dest: str) -> t.List[str]:
    """Return pip's arguments that build one wheel in an environment of its own (PEP 517), and tell all about it."""
    arguments = pip_arguments("wheel", "--verbose", NO_DEPENDENCIES, NO_CACHE)
    return arguments + ["--wheel-dir", dest, "--requirement", listing]


def tool_arguments(dest: str, report: str, *tools: str) -> t.List[str]:
    """Return pip's arguments that install tools into a folder, and write their versions into a report."""
    arguments = pip_arguments("install", ONLY_WHEELS, NO_CACHE)
    return arguments + ["--target", dest, "--report", report, *tools]


def constrain(wanted: Order, pip_version: str, path: str) -> t.Tuple[t.List[str], t.Dict[str, str]]:
    """Return the arguments and the variables by which pip heeds a file of constraints where it installs what builds."""
    if not wanted.build_constraints:
        return [], {}
    return (
        (["--build-constraint", path], {})
        if release(pip_version) >= BUILD_CONSTRAINT
        else ([], {"PIP_CONSTRAINT": path})
    )


def build_line(wanted: Order, url: str, sha256: str) -> str:
    """Return the requirement that builds a source and nothing else; older pips take no NAME @ before git+file://."""
    if wanted.kind == "vcs":
        fragment = "#subdirectory=" + wanted.subdirectory if wanted.subdirectory else ""
        return "%s@%s%s" % (wanted.vcs, wanted.commit, fragment)
    return "%s @ %s --hash=sha256:%s" % (wanted.name, url, sha256)


def resolved_commit(output: str) -> str:
    """Return the commit that pip says it built, or ""."""
    found = re.findall(r"Resolved \S+ to commit ([0-9a-f]{40,64})\b", output)
    return found[-1] if found else ""


def build_requirements(output: str) -> t.List[t.Dict[str, str]]:
    """Return what pip installed into the environment of a build, from what it said.

    ``pip wheel`` writes no report. But it runs ``pip install`` for the build's
    environment and, if verbose, shows what that says: its last line names each
    project with its version. Raises AirgapError where projects were
    installed and that line is missing.
    """
    found: t.Dict[str, str] = {}
    for line in re.findall(r"^.*?\bSuccessfully installed (.+)$", output, re.MULTILINE):
        for word in line.split():
            name, dash, version = word.rpartition("-")
            if dash:
                found[_lock.normalize(name)] = version
    for line in re.findall(r"^.*?\bInstalling collected packages: (.+)$", output, re.MULTILINE):
        for name in line.split(","):
            if _lock.normalize(name.strip()) not in found:
                raise AirgapError(
                    "pip did not say which version of %s it built with. Stage with an older pip (stage_pip)."
                    % name.strip()
                )
    return [{"name": name, "version": found[name]} for name in sorted(found)]


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
    reason = _target.misfit(made, target)
    if not reason and not platforms & set(target.platforms()):
        reason = "it is for %s" % ", ".join(sorted(platforms))
    return reason


def external(output: str) -> str:
    """Return why auditwheel cannot repair a wheel: mostly a library that it does not find."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    told = [line for line in lines if re.search(r"[Cc]annot repair|could not be located|too-recent", line)]
    return (told or lines or ["auditwheel said nothing"])[-1].rstrip(".")


def grafted(output: str) -> t.List[str]:
    """Return the libraries of the host that auditwheel has put into a wheel."""
    return sorted(set(re.findall(r"Grafting: (\S+) ->", output)))


def why_not_built(output: str, wanted: Order, log: str = "") -> str:
    """Return why pip could not build a project, and the fix; ``log`` is the path of the log, if there is one."""
    cause, lines, fix = diagnose(output, BUILDING, log=log)
    return "%s cannot be built: %s. %s" % (wanted.name, "; ".join(part for part in (cause, *lines) if part), fix)


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
    host = _target.parse(dict(record["inputs"]["host"], name="here"))[0]
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
