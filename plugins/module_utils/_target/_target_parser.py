# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parse and check the targets that users describe, the entries of airgap_targets."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._target._target import (
    ARCHES,
    FIELDS,
    IMPLEMENTATIONS,
    MACHINES,
    MARKERS,
    OLDEST_GLIBC,
    OLDEST_MACOS,
    SYSTEMS,
    Target,
    once,
)

ALIASES = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64", "x86": "i686", "i386": "i686"}
PLATFORM_KINDS = {"linux": r"(many|musl)?linux", "windows": "win", "macos": "macosx_"}
OLDEST_PYTHON = 8
# Beyond what is planned: a larger number is a typo.
NEWEST_PYTHON = 20
NEWEST_LIBC = {"glibc-2": 60, "musl-1": 5}
# The option targets of a module, for its argument_spec. The doc fragment targets describes it.
OPTION: t.Dict[str, t.Any] = {
    "type": "list",
    "elements": "dict",
    "required": True,
    "options": {
        "name": {"type": "str", "required": True},
        "python": {"type": "str", "required": True},
        "implementation": {"type": "str"},
        "os": {"type": "str"},
        "arch": {"type": "str"},
        "libc": {"type": "str"},
        "os_version": {"type": "str"},
        "markers": {"type": "dict"},
        "tags": {"type": "list", "elements": "str"},
    },
}


def _released(version: str) -> str:
    """Return a version without the "+" of builds after a release: some Debian builds report 3.12.3+."""
    return re.sub(r"^(\d+\.\d+\.\d+[a-z0-9]*)\+\Z", r"\1", version)


def _parse_libc(name: str, system: str, arch: str, raw: t.Any) -> str:
    """Return the C library of a Linux target, such as glibc-2.36; raises AirgapError."""
    # getconf prints "glibc 2.36", musl's loader "Version 1.2.3".
    libc = re.sub(r"^(musl-\d+\.\d+)\.\d+$", r"\1", str(raw or "").strip().lower().replace(" ", "-"))
    if system != "linux":
        if libc:
            raise AirgapError("target %s: there is no libc %s on %s. Leave libc out." % (name, libc, system))
        return ""
    found = re.match(r"^(glibc-2|musl-1)\.(\d{1,3})\Z", libc)
    if found is None:
        raise AirgapError(
            "target %s: libc must be the C library of the machine, such as glibc-2.36 or musl-1.2; it is %r. "
            "On the machine, 'getconf GNU_LIBC_VERSION' prints it." % (name, raw)
        )
    kind, step = found.group(1), int(found.group(2))
    oldest = OLDEST_GLIBC.get(arch, 17) if kind == "glibc-2" else 0
    if not oldest <= step <= NEWEST_LIBC[kind]:
        raise AirgapError(
            "target %s: no wheels are built for libc %s on %s: they are built for %s.%d to %s.%d. "
            "On the machine, 'ldd --version' prints the correct one."
            % (name, libc, arch, kind, oldest, kind, NEWEST_LIBC[kind])
        )
    return libc


def _parse_os_version(name: str, system: str, arch: str, raw: t.Any) -> str:
    """Return the macOS version as MAJOR.MINOR; raises AirgapError."""
    if system != "macos":
        if raw:
            raise AirgapError("target %s: os_version is for macos only. Leave it out." % name)
        return ""
    found = re.match(r"^(\d+)(?:\.(\d+))?(?:\.\d+)*\Z", str(raw or OLDEST_MACOS[arch]))
    major, minor = (int(found.group(1)), int(found.group(2) or 0)) if found else (0, 0)
    if major == 10 and 4 <= minor <= 16 and arch != "x86_64":
        raise AirgapError("target %s: the first macOS on %s was 11.0. Write os_version 11.0 or newer." % (name, arch))
    # Apple went from 15 to 26.
    if not (major == 10 and 4 <= minor <= 16) and major not in list(range(11, 16)) + list(range(26, 41)):
        raise AirgapError(
            "target %s: os_version must be a macOS version such as '14.0'; it is %r. On the machine, "
            "'sw_vers -productVersion' prints it." % (name, raw)
        )
    return "%d.%d" % (major, minor)


def _parse_markers(name: str, raw: t.Any) -> t.Tuple[t.Tuple[str, str], ...]:
    """Return reported markers in their order; raises AirgapError."""
    if not raw:
        return ()
    if not isinstance(raw, t.Mapping):
        raise AirgapError("target %s: markers must be names and values, such as {platform_release: '6.1'}." % name)
    unknown = sorted(str(key) for key in set(raw) - set(MARKERS))
    if unknown:
        raise AirgapError(
            "target %s: there is no marker %s. Known are %s." % (name, ", ".join(unknown), ", ".join(MARKERS))
        )
    wrong = sorted(key for key in raw if not isinstance(raw[key], str))
    if wrong:
        raise AirgapError("target %s: marker %s must be text. Write its value in quotes." % (name, ", ".join(wrong)))
    versions = ("python_full_version", "implementation_version")
    return tuple((key, _released(raw[key]) if key in versions else str(raw[key])) for key in MARKERS if key in raw)


def _parse_tags(name: str, raw: t.Any) -> t.Tuple[str, ...]:
    """Return reported tags; raises AirgapError for anything that is not a tag."""
    if not raw:
        return ()
    if isinstance(raw, (str, bytes)) or not isinstance(raw, t.Sequence):
        raise AirgapError("target %s: tags must be a list, such as the one that 'pip debug --verbose' prints." % name)
    for tag in raw:
        if not re.match(r"^[a-z0-9_]+-[a-z0-9_]+-[a-z0-9_]+\Z", str(tag)):
            raise AirgapError(
                "target %s: %r is not a wheel tag. Each is INTERPRETER-ABI-PLATFORM, such as cp39-abi3-win_amd64."
                % (name, tag)
            )
    return tuple(once(str(tag) for tag in raw))


def _check_reported(target: Target) -> None:
    """Raise AirgapError if markers or tags describe another interpreter than the other fields."""
    reported = dict(target.reported_markers)
    described = target._replace(reported_markers=()).markers()
    for key in (
        "implementation_name",
        "os_name",
        "platform_system",
        "python_full_version",
        "python_version",
        "sys_platform",
    ):
        if reported.get(key, described[key]) != described[key]:
            raise AirgapError(
                "target %s: marker %s is %r, but the description says %r. Copy both from one interpreter: "
                "the playbook survey writes them." % (target.name, key, reported[key], described[key])
            )
    if not target.reported_tags:
        return
    if not target.abis():
        raise AirgapError(
            "target %s: none of its tags is for %s, which is the interpreter tag of %s %s. Copy tags and description from "
            "one interpreter: the playbook survey writes them."
            % (target.name, target.interpreter, target.implementation, target.python)
        )
    if "py3-none-any" not in target.reported_tags:
        raise AirgapError(
            "target %s: its tags lack py3-none-any, which every interpreter accepts. List all of them, or leave tags out: "
            "they then follow from the description." % target.name
        )
    kind = PLATFORM_KINDS[target.os]
    platforms = target.platforms()
    other = [platform for platform in platforms if not re.match(kind, platform)]
    # A CPU may run code of an older one, so one tag for its own is enough.
    if target.os == "linux" and not any(platform.endswith("_" + target.arch) for platform in platforms):
        other = platforms or [""]
    if other:
        raise AirgapError(
            "target %s: its tags have the platform %s, which is not one of %s. Copy tags and description from one "
            "interpreter: the playbook survey writes them." % (target.name, other[0], target.os + " on " + target.arch)
        )


def parse(raw: t.Mapping[str, t.Any]) -> t.Tuple[Target, t.List[str]]:
    """Return the target that a user described, and warnings.

    Raises AirgapError for a field that is missing, unknown or impossible.
    """
    name = str(raw.get("name") or "")
    if not re.match(r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z", name):
        raise AirgapError(
            "target %r: 'name' must be letters, digits, '.', '_' and '-', and start with a letter or digit: "
            "it names the lock's file." % (raw.get("name"),)
        )
    unknown = sorted(set(raw) - set(FIELDS))
    if unknown:
        raise AirgapError("target %s: unknown field %s. Known are %s." % (name, ", ".join(unknown), ", ".join(FIELDS)))
    warnings = []
    python = _released(str(raw.get("python") or ""))
    if not re.match(r"^3\.\d+(\.\d+((a|b|rc)\d+)?)?\Z", python):
        raise AirgapError(
            "target %s: python must be the full version of its interpreter, such as '3.11.2', in quotes; it is %r."
            % (name, raw.get("python"))
        )
    minor = int(re.findall(r"\d+", python)[1])
    if not OLDEST_PYTHON <= minor <= NEWEST_PYTHON:
        raise AirgapError(
            "target %s: python %s is not supported: 3.%d is the oldest, and 3.%d does not exist yet. Name another "
            "interpreter of the machine%s."
            % (
                name,
                python,
                OLDEST_PYTHON,
                NEWEST_PYTHON + 1,
                "; 3.10 needs quotes, or it is read as 3.1" * (minor == 1),
            )
        )
    if python.count(".") == 1:
        python += ".0"
        warnings.append(
            "target %s: python %s has no patch version and is treated as %s, so its interpreters may get older packages "
            "than they could run. Write what 'python3 --version' prints there, or name the file "
            "that the playbook survey writes." % (name, python[:-2], python)
        )
    implementation = str(raw.get("implementation") or "cpython").lower()
    if implementation not in IMPLEMENTATIONS:
        raise AirgapError(
            "target %s: unknown implementation %r. Write cpython or pypy." % (name, raw.get("implementation"))
        )
    system = str(raw.get("os") or "linux").lower()
    if system not in SYSTEMS:
        raise AirgapError("target %s: unknown os %r. Write linux, windows or macos." % (name, raw.get("os")))
    arch = str(raw.get("arch") or "x86_64").lower()
    arch = ALIASES.get(arch, arch)
    if arch not in ARCHES or arch not in MACHINES.get(system, {arch: arch}):
        fitting = sorted(MACHINES[system]) if system in MACHINES else list(ARCHES)
        raise AirgapError(
            "target %s: unknown arch %r on %s. Write one of %s." % (name, raw.get("arch"), system, ", ".join(fitting))
        )
    libc = _parse_libc(name, system, arch, raw.get("libc"))
    os_version = _parse_os_version(name, system, arch, raw.get("os_version"))
    markers, tags = _parse_markers(name, raw.get("markers")), _parse_tags(name, raw.get("tags"))
    target = Target(name, python, implementation, system, arch, libc, os_version, markers, tags)
    _check_reported(target)
    return target, warnings


def parse_all(raws: t.Iterable[t.Mapping[str, t.Any]]) -> t.Tuple[t.List[Target], t.List[str]]:
    """Return all targets and warnings; raises AirgapError, also for a name that is used twice."""
    targets: t.List[Target] = []
    warnings: t.List[str] = []
    for raw in raws:
        target, more = parse(raw)
        if any(target.name == other.name for other in targets):
            raise AirgapError("Two targets are named %s. Give each its own name." % target.name)
        targets.append(target)
        warnings += more
    return targets, warnings
