# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pip is asked for a target, and what its answers mean. No I/O happens here."""

from __future__ import annotations

import configparser
import json
import os
import re
import typing as t
import urllib.parse

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_bytes
from ansible_collections.airgap.python.plugins.module_utils._pip._arguments import (
    NO_DEPENDENCIES,
    ONLY_WHEELS,
    REQUIRE_HASHES,
    RESOLVE_ONLY,
    options,
    pip_arguments,
)
from ansible_collections.airgap.python.plugins.module_utils._pip._failure import STAGING, diagnose
from ansible_collections.airgap.python.plugins.module_utils._secrets import without_password
from ansible_collections.airgap.python.plugins.module_utils._target._target import Target
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

# pip's settings that say how to reach an index. All others change what is resolved, and count
# only when the module is told of them.
CONNECTION = ("cert", "client-cert", "keyring-provider", "proxy", "retries", "timeout", "trusted-host")
INDEXES = ("index-url", "extra-index-url")
# The first words of the file that the role pip_conf writes.
OUR_CONFIG = "# Written by Ansible, role airgap.python.pip_conf."
# The oldest pip whose report and markers this was tried on.
OLDEST_PIP = (23, 2)


class ResolveError(AirgapError):
    """Something cannot be resolved or fetched; the message names it, the reason and the mend.

    ``output`` is all that the engine said, where it was the engine that failed.
    """

    many_lines = True

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.output = output


class UnreadError(ResolveError):
    """An index did not answer about a project, so that nobody knows whether it has it."""


class RefusedError(ResolveError):
    """A requirement by URL, repository or folder that an engine did not take.

    ``asker`` is the wheel or project that requires it, "" for a requirement or constraint of the set.
    """

    def __init__(self, name: str, reference: str, asker: str) -> None:
        super().__init__("%s @ %s is refused" % (name, reference))
        self.name = name
        self.reference = reference
        self.asker = asker


def refused(output: str) -> t.Optional[RefusedError]:
    """Return what the runner of pip refused (see _pip_runner), if that is why pip failed."""
    match = re.search(r"airgap refuses (\{.*\})\s*$", output, re.MULTILINE)
    if match is None:
        return None
    what = json.loads(match.group(1))
    return RefusedError(what["name"], without_password(what["reference"]), what["asker"])


def is_ours(text: str) -> bool:
    """Say whether a configuration file was written by the role pip_conf.

    Where one machine plays all parts, that file names the index inside, which
    must not become the index that is staged from.
    """
    return OUR_CONFIG in text


def parse_settings(texts: t.Iterable[str], variables: t.Mapping[str, str]) -> t.Dict[str, str]:
    """Return pip's effective settings for downloads from its configuration files and the environment.

    A command's section outranks [global], and PIP_ variables outrank both
    (pip documentation, "Configuration").
    """
    parser = configparser.RawConfigParser(strict=False)
    for text in texts:
        try:
            parser.read_string(text)
        except configparser.Error as error:
            raise ResolveError("A configuration file of pip cannot be read: %s." % error) from error
    settings: t.Dict[str, str] = {}
    for section in ("global", "install", "download"):
        if parser.has_section(section):
            settings.update((key.replace("_", "-"), value) for key, value in parser.items(section))
    for key, value in variables.items():
        if key.startswith("PIP_") and value:
            settings[key[len("PIP_") :].lower().replace("_", "-")] = value
    if "default-timeout" in settings:
        settings["timeout"] = settings.pop("default-timeout")
    return settings


def choose_settings(
    settings: t.Mapping[str, str], options: t.Mapping[str, t.Any]
) -> t.Tuple[t.Dict[str, str], t.List[str]]:
    """Return the settings that pip shall see, from the host's and the module's options, and warnings.

    Indexes of the host count unless the options name one. Local folders among
    them do not: what is staged must not depend on what happens to lie there.
    """
    chosen = {key: settings[key] for key in CONNECTION if settings.get(key)}
    warnings = []
    if options.get("index_url"):
        chosen["index-url"] = options["index_url"]
    else:
        for key in INDEXES:
            urls = settings.get(key, "").split()
            local = [url for url in urls if not re.match(r"^https?://", url)]
            kept = [url for url in urls if url not in local]
            if kept:
                chosen[key] = " ".join(kept)
            if local:
                warnings.append(
                    "pip's setting %s names %s, which is left out: not an index on http." % (key, ", ".join(local))
                )
    if settings.get("find-links"):
        warnings.append(
            "pip's setting find-links (%s) is left out. Name the folder in find_links if its wheels are wanted."
            % settings["find-links"].replace("\n", " ").strip()
        )
    if options.get("extra_index_urls"):
        chosen["extra-index-url"] = " ".join(options["extra_index_urls"])
    for key in ("proxy", "cert"):
        if options.get(key):
            chosen[key] = options[key]
    return chosen, warnings


def environment(settings: t.Mapping[str, str], inherited: t.Mapping[str, str]) -> t.Dict[str, str]:
    """Return the environment for pip: these settings, no configuration file, no other PIP_ variable.

    Settings go by environment variables because URLs and proxies may hold
    passwords, which must not stand in a command line.
    """
    kept = {key: value for key, value in inherited.items() if not key.startswith("PIP_")}
    kept.update({"PIP_" + key.upper().replace("-", "_"): value for key, value in settings.items()})
    kept.update({"PIP_CONFIG_FILE": os.devnull, "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1", "PYTHONNOUSERSITE": "1"})
    return kept


def digest_inputs(
    requirements: t.Iterable[str],
    constraints: t.Iterable[str],
    target: Target,
    settings: t.Mapping[str, str],
    find_links: t.Sequence[str],
    engine: str,
) -> str:
    """Return the SHA-256 of all that a resolution depends on and that the site decides.

    Requirements and constraints are those of all files, with their hashes; in
    which file and in what order they stand makes no difference.
    """
    described = {
        "requirements": sorted(set(requirements)),
        "constraints": sorted(set(constraints)),
        "target": {key: value for key, value in target.as_dict().items() if key != "name"},
        "indexes": [" ".join(without_password(url) for url in settings.get(key, "").split()) for key in INDEXES],
        "find_links": list(find_links),
        "engine": engine,
    }
    return "sha256:" + sha256_bytes(json.dumps(described, sort_keys=True).encode("utf-8"))


def resolve_arguments(
    target: Target,
    requirements: t.Sequence[str],
    constraints: t.Sequence[str],
    find_links: t.Sequence[str],
    scratch: str,
) -> t.List[str]:
    """Return pip's arguments that resolve requirement files for a target into scratch/report.json."""
    arguments = pip_arguments("install", *RESOLVE_ONLY, ONLY_WHEELS)
    arguments += ["--target", os.path.join(scratch, "nowhere"), "--report", os.path.join(scratch, "report.json")]
    arguments += target.pip_arguments()
    arguments += options("--find-links", find_links)
    return arguments + options("--requirement", requirements) + options("--constraint", constraints)


def fetch_arguments(target: Target, listing: str, dest: str) -> t.List[str]:
    """Return pip's arguments that fetch the files of a listing, each with its hash."""
    arguments = pip_arguments("download", NO_DEPENDENCIES, ONLY_WHEELS, REQUIRE_HASHES, "--dest", dest)
    return arguments + target.pip_arguments() + ["--requirement", listing]


def fetch_line(pin: _lock.Pin) -> str:
    """Return the requirement that fetches just one file."""
    return "%s @ %s --hash=sha256:%s" % (pin.name, pin.origin, pin.sha256)


def read_report(report: t.Mapping[str, t.Any], target: Target) -> t.List[_lock.Pin]:
    """Return the pins in pip's installation report; sizes are not known yet and are 0, origins may hold secrets.

    Raises ResolveError where pip was not asked for this target's markers, or
    names a file without SHA-256.
    """
    expected = target.markers()
    answered = report.get("environment", {})
    if answered and {key: answered.get(key) for key in expected} != expected:
        raise ResolveError(
            "target %s: pip evaluated markers for another interpreter. Stage with an older pip (stage_pip)."
            % target.name
        )
    pins = []
    for item in report.get("install", []):
        url = item["download_info"]["url"]
        hashes = item["download_info"].get("archive_info", {}).get("hashes", {})
        name = _lock.normalize(item["metadata"]["name"])
        filename = urllib.parse.unquote(urllib.parse.urlsplit(url).path.rpartition("/")[2])
        if not filename.endswith(".whl"):
            raise ResolveError("target %s: %s is no wheel. Name a version that has one." % (target.name, filename))
        if "sha256" not in hashes:
            raise ResolveError(
                "target %s: the index gives no sha256 for %s. Name an index that does (PEP 503)."
                % (target.name, filename)
            )
        pins.append(_lock.Pin(name, item["metadata"]["version"], hashes["sha256"], filename, 0, url.partition("#")[0]))
    return sorted(pins)


def why_unresolved(output: str, target: Target, what: str, log: str = "") -> str:
    """Return why pip failed for a target, and the fix; ``log`` is the path of the log, if there is one."""
    interpreter = "python %s on %s %s (%s)" % (
        target.python,
        target.os,
        target.arch,
        target.libc or target.os_version or "any",
    )
    cause, lines, fix = diagnose(output, STAGING, interpreter, log)
    return "target %s: %s: %s %s" % (target.name, what, "; ".join(part for part in (cause, *lines) if part), fix)


def yanked(output: str) -> t.List[str]:
    """Return "NAME VERSION" of what pip took although its index has yanked it (PEP 592), because a pin holds on to it.

    Read from pip's warning; the report of a dry run does not say so.
    """
    found = re.findall(r"is a yanked version: '([^']+)' candidate \(version ([^ )]+)", output)
    return ["%s %s" % one for one in found]


def unknown_extras(output: str) -> t.List[t.Tuple[str, str, str]]:
    """Return (name, version, extra) of each extra that was asked for and that pip or uv did not find."""
    found = re.findall(r"^WARNING: (\S+) (\S+) does not provide the extra '([^']+)'", output, re.MULTILINE)
    found += re.findall(r"The package `([^`=]+)==([^`]+)` does not have an extra named `([^`]+)`", output)
    return list(dict.fromkeys((_lock.normalize(name), version, extra) for name, version, extra in found))


def asks_for_extra(requirement: str, extra: str) -> bool:
    """Say whether a requirement asks for an extra, in whatever spelling."""
    match = re.match(r"^[^\[;@]*\[([^\]]*)\]", requirement)
    extras = match.group(1).split(",") if match else []
    return _lock.normalize(extra) in [_lock.normalize(one.strip()) for one in extras]


def neighbours(names: t.Set[str], requires: t.Mapping[str, t.Set[str]]) -> t.Set[str]:
    """Return what an upgrade may have to move: all that the projects require, and all that require them."""
    parents: t.Dict[str, t.Set[str]] = {}
    for parent, children in requires.items():
        for child in children:
            parents.setdefault(child, set()).add(parent)
    found: t.Set[str] = set()
    for edges in (requires, parents):
        todo = list(names)
        seen = set(names)
        while todo:
            for name in edges.get(todo.pop(), ()):
                if name not in seen:
                    seen.add(name)
                    todo.append(name)
        found |= seen
    return found
