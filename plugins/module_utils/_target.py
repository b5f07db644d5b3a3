# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Targets: one kind of interpreter, its marker environment and its wheel tags.

Rules come from PEP 508 (markers), PEP 425 (tags), PEP 600 (manylinux),
PEP 656 (musllinux) and pip's documentation of ``pip download``.
"""

from __future__ import annotations

import re
import typing as t

ARCHES = ("x86_64", "aarch64", "i686", "armv7l", "ppc64le", "s390x", "riscv64", "loongarch64")
ALIASES = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64", "x86": "i686", "i386": "i686"}
IMPLEMENTATIONS = {"cpython": "CPython", "pypy": "PyPy"}
# os: (os_name, sys_platform, platform_system)
SYSTEMS = {
    "linux": ("posix", "linux", "Linux"),
    "windows": ("nt", "win32", "Windows"),
    "macos": ("posix", "darwin", "Darwin"),
}
MACHINES = {
    "windows": {"x86_64": "AMD64", "aarch64": "ARM64", "i686": "x86"},
    "macos": {"x86_64": "x86_64", "aarch64": "arm64"},
}
WINDOWS_TAGS = {"x86_64": "win_amd64", "aarch64": "win_arm64", "i686": "win32"}
# PEP 600: the names that came before glibc stood in the tag, and who may carry them.
LEGACY_MANYLINUX = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}
# The oldest glibc that wheels are built for: PEP 513 for Intel, PEP 599 for the others.
OLDEST_GLIBC = {"x86_64": 5, "i686": 5}
# What each macOS interpreter ran on first; used where the target names no version.
OLDEST_MACOS = {"x86_64": "10.13", "aarch64": "11.0"}
FIELDS = ("name", "python", "implementation", "os", "arch", "libc", "os_version")


class TargetError(ValueError):
    """A target cannot be used; the message names the field, the reason and what to write."""


class Target(t.NamedTuple):
    """One kind of interpreter; make it with parse()."""

    name: str
    python: str
    implementation: str
    os: str
    arch: str
    libc: str
    os_version: str

    @property
    def minor(self) -> t.Tuple[int, int]:
        """The language version, such as (3, 11)."""
        major, minor = self.python.split(".")[:2]
        return int(major), int(re.match(r"\d+", minor).group())  # type: ignore[union-attr]

    def as_dict(self) -> t.Dict[str, str]:
        """Return the fields that say something, as a user would write them."""
        return {key: value for key, value in self._asdict().items() if value}

    def markers(self) -> t.Dict[str, str]:
        """Return the marker environment (PEP 508); platform_release and _version are unknown: ""."""
        os_name, sys_platform, system = SYSTEMS[self.os]
        return {
            "implementation_name": self.implementation,
            "implementation_version": self.python,
            "os_name": os_name,
            "platform_machine": MACHINES.get(self.os, {}).get(self.arch, self.arch),
            "platform_python_implementation": IMPLEMENTATIONS[self.implementation],
            "platform_release": "",
            "platform_system": system,
            "platform_version": "",
            "python_full_version": self.python,
            "python_version": "%d.%d" % self.minor,
            "sys_platform": sys_platform,
        }

    def platforms(self) -> t.List[str]:
        """Return every platform tag that fits, the best first."""
        if self.os == "windows":
            return [WINDOWS_TAGS[self.arch]]
        if self.os == "macos":
            return _macos_platforms(self.os_version, self.arch)
        kind, dummy, version = self.libc.partition("-")
        major, minor = (int(part) for part in version.split("."))
        tags = []
        if kind == "musl":
            tags = ["musllinux_%d_%d_%s" % (major, step, self.arch) for step in range(minor, -1, -1)]
        else:
            for step in range(minor, OLDEST_GLIBC.get(self.arch, 17) - 1, -1):
                tags.append("manylinux_2_%d_%s" % (step, self.arch))
                if (2, step) in LEGACY_MANYLINUX:
                    tags.append("%s_%s" % (LEGACY_MANYLINUX[(2, step)], self.arch))
        tags.append("linux_%s" % self.arch)
        return tags

    def pip_arguments(self) -> t.List[str]:
        """Return pip's options that choose this target's wheels (pip download --help)."""
        nodot = "%d%d" % self.minor
        if self.implementation == "pypy":
            implementation, abi = "pp", "pypy%s_pp73" % nodot
        else:
            implementation, abi = "cp", "cp%s" % nodot
        arguments = ["--python-version", self.python, "--implementation", implementation, "--abi", abi]
        for platform in self.platforms():
            arguments += ["--platform", platform]
        return arguments


def _macos_platforms(version: str, arch: str) -> t.List[str]:
    major, minor = (int(part) for part in version.split(".")[:2])
    machine = MACHINES["macos"][arch]
    tags = []
    # From macOS 11 on the minor version is always 0 in tags (PyPA, platform compatibility tags).
    for step in range(major, 10, -1):
        tags += ["macosx_%d_0_%s" % (step, machine), "macosx_%d_0_universal2" % step]
    newest = 16 if major > 10 else minor
    for step in range(newest, 3, -1):
        names = [machine, "intel", "fat64", "fat32", "universal2", "universal"] if arch == "x86_64" else ["universal2"]
        tags += ["macosx_10_%d_%s" % (step, name) for name in names]
    return tags


def parse(raw: t.Mapping[str, t.Any]) -> t.Tuple[Target, t.List[str]]:
    """Return the target that a user described, and warnings.

    Raises TargetError for a field that is missing, unknown or impossible.
    """
    name = str(raw.get("name") or "")
    if not re.match(r"^[A-Za-z0-9][A-Za-z0-9._-]*$", name):
        raise TargetError(
            "target %r: 'name' must be letters, digits, '.', '_' and '-', and begin with a letter or digit: "
            "it names the lock's file." % (raw.get("name"),)
        )
    unknown = sorted(set(raw) - set(FIELDS))
    if unknown:
        raise TargetError("target %s: unknown field %s. Known are %s." % (name, ", ".join(unknown), ", ".join(FIELDS)))
    warnings = []
    python = str(raw.get("python") or "")
    if not re.match(r"^3\.\d+(\.\d+((a|b|rc)\d+)?)?$", python):
        raise TargetError(
            "target %s: python must be the full version of its interpreter, such as '3.11.2', in quotes; it is %r."
            % (name, raw.get("python"))
        )
    if python.count(".") == 1:
        python += ".0"
        warnings.append(
            "target %s: python %s has no patch version and is taken as %s, which may get older packages than its "
            "interpreters could run. Write what 'python3 --version' prints there." % (name, python[:-2], python)
        )
    implementation = str(raw.get("implementation") or "cpython").lower()
    if implementation not in IMPLEMENTATIONS:
        raise TargetError(
            "target %s: implementation %r is not known. Write cpython or pypy." % (name, raw.get("implementation"))
        )
    system = str(raw.get("os") or "linux").lower()
    if system not in SYSTEMS:
        raise TargetError("target %s: os %r is not known. Write linux, windows or macos." % (name, raw.get("os")))
    arch = str(raw.get("arch") or "x86_64").lower()
    arch = ALIASES.get(arch, arch)
    if arch not in ARCHES or arch not in MACHINES.get(system, {arch: arch}):
        fitting = sorted(MACHINES[system]) if system in MACHINES else list(ARCHES)
        raise TargetError(
            "target %s: arch %r is not known on %s. Write one of %s."
            % (name, raw.get("arch"), system, ", ".join(fitting))
        )
    libc = str(raw.get("libc") or "").lower()
    os_version = str(raw.get("os_version") or "")
    if system == "linux":
        if not re.match(r"^(glibc-2|musl-1)\.\d+$", libc):
            raise TargetError(
                "target %s: libc must be the C library of the machine, such as glibc-2.36 or musl-1.2; it is %r. "
                "There, 'getconf GNU_LIBC_VERSION' prints it." % (name, raw.get("libc"))
            )
    elif libc:
        raise TargetError("target %s: libc %s on %s does not exist. Leave libc out." % (name, libc, system))
    if system == "macos":
        os_version = os_version or OLDEST_MACOS[arch]
        if not re.match(r"^\d+\.\d+", os_version):
            raise TargetError(
                "target %s: os_version must be a macOS version such as '14.0'; it is %r."
                % (name, raw.get("os_version"))
            )
    elif os_version:
        raise TargetError("target %s: os_version counts on macos only. Leave it out." % name)
    return Target(name, python, implementation, system, arch, libc, os_version), warnings


def parse_all(raws: t.Iterable[t.Mapping[str, t.Any]]) -> t.Tuple[t.List[Target], t.List[str]]:
    """Return all targets and warnings; raises TargetError, also for a name that stands twice."""
    targets: t.List[Target] = []
    warnings: t.List[str] = []
    for raw in raws:
        target, said = parse(raw)
        if any(target.name == other.name for other in targets):
            raise TargetError("target %s stands twice. Give each its own name." % target.name)
        targets.append(target)
        warnings += said
    return targets, warnings


def _release(version: str) -> t.Tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def misfit(target: Target, here: Target) -> str:
    """Say why an interpreter (``here``) cannot use what was resolved for a target; "" if it can.

    A lock for an older patch version or an older C library serves a newer
    interpreter of the same minor version (PEP 600 for the library), not the reverse.
    """
    for field in ("implementation", "os", "arch"):
        if getattr(target, field) != getattr(here, field):
            return "%s is %s, here %s" % (field, getattr(target, field), getattr(here, field))
    if target.minor != here.minor:
        return "python is %d.%d, here %d.%d" % (target.minor + here.minor)
    if _release(target.python) > _release(here.python):
        return "python is %s, newer than %s here" % (target.python, here.python)
    if target.libc.split("-")[0] != here.libc.split("-")[0]:
        return "libc is %s, here %s" % (target.libc, here.libc)
    if _release(target.libc) > _release(here.libc):
        return "libc is %s, newer than %s here" % (target.libc, here.libc)
    if _release(target.os_version) > _release(here.os_version):
        return "os_version is %s, newer than %s here" % (target.os_version, here.os_version)
    return ""


def best_fit(targets: t.Iterable[Target], here: Target) -> t.Optional[Target]:
    """Return the target closest to an interpreter among those it can use, or None."""
    fitting = [target for target in targets if not misfit(target, here)]
    return max(fitting, key=lambda one: (_release(one.python), _release(one.libc)), default=None)


def suggestion(here: Target) -> t.Dict[str, str]:
    """Return the entry of airgap_targets that describes an interpreter."""
    return here.as_dict()
