# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Targets: one kind of interpreter, its marker environment and its wheel tags.

Rules come from PEP 508 (markers), PEP 425 (tags), PEP 600 (manylinux),
PEP 656 (musllinux) and pip's documentation of ``pip download``. Tags are computed
here because packaging.tags knows those of the running platform only; a test compares the two.
"""

from __future__ import annotations

import re
import typing as t

ARCHES = ("x86_64", "aarch64", "i686", "armv7l", "ppc64le", "s390x", "riscv64", "loongarch64")
IMPLEMENTATIONS = {"cpython": "CPython", "pypy": "PyPy"}
SHORT = {"cpython": "cp", "pypy": "pp"}
# ABI tags that several interpreters share; "none" means a wheel without compiled code for Python.
SHARED_ABIS = ("abi3", "abi3t", "none")
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
# PEP 600: the names from before glibc's version was part of the tag.
LEGACY_MANYLINUX = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}
# The oldest glibc that wheels are built for: PEP 513 for Intel, PEP 599 for the others.
OLDEST_GLIBC = {"x86_64": 5, "i686": 5}
# The first macOS for each CPU; used if the target names no version.
OLDEST_MACOS = {"x86_64": "10.13", "aarch64": "11.0"}
# The formats of macOS wheels that contain code for a CPU; older versions of pip say fat32 for fat3.
MACOS_FORMATS = {
    "x86_64": ["x86_64", "intel", "fat64", "fat3", "fat32", "universal2", "universal"],
    "aarch64": ["arm64", "universal2"],
}
FIELDS = ("name", "python", "implementation", "os", "arch", "libc", "os_version", "markers", "tags")
# The variables of PEP 508 that an interpreter reports; "extra" belongs to a requirement.
MARKERS = (
    "implementation_name",
    "implementation_version",
    "os_name",
    "platform_machine",
    "platform_python_implementation",
    "platform_release",
    "platform_system",
    "platform_version",
    "python_full_version",
    "python_version",
    "sys_platform",
)


class Target(t.NamedTuple):
    """One kind of interpreter; _target_parser.parse() creates it.

    ``reported_markers`` and ``reported_tags`` come from a machine. They are
    empty if the target was only described; see markers() and tags().
    """

    name: str
    python: str
    implementation: str
    os: str
    arch: str
    libc: str
    os_version: str
    reported_markers: t.Tuple[t.Tuple[str, str], ...] = ()
    reported_tags: t.Tuple[str, ...] = ()

    @property
    def minor(self) -> t.Tuple[int, int]:
        """The language version, such as (3, 11)."""
        major, minor = self.python.split(".")[:2]
        return int(major), int(re.match(r"\d+", minor).group())  # type: ignore[union-attr]

    @property
    def interpreter(self) -> str:
        """The interpreter's own tag (PEP 425), such as cp311 or pp310."""
        return "%s%d%d" % ((SHORT[self.implementation],) + self.minor)

    def description(self) -> t.Dict[str, str]:
        """Return the fields that describe the interpreter, as people write them."""
        return {key: getattr(self, key) for key in FIELDS[:-2] if getattr(self, key)}

    def as_dict(self) -> t.Dict[str, t.Any]:
        """Return the fields that are set, as a user would write them."""
        raw: t.Dict[str, t.Any] = dict(self.description())
        if self.reported_markers:
            raw["markers"] = dict(self.reported_markers)
        if self.reported_tags:
            raw["tags"] = list(self.reported_tags)
        return raw

    def markers(self) -> t.Dict[str, str]:
        """Return the marker environment (PEP 508): all of MARKERS, "" for what was not reported.

        Reported values override those that follow from the description.
        """
        os_name, sys_platform, system = SYSTEMS[self.os]
        environment = {
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
        environment.update(self.reported_markers)
        return environment

    def tags(self) -> t.List[str]:
        """Return every wheel tag that the interpreter accepts, such as py3-none-any, the best first.

        They were reported, or follow from the description in the order of PEP 425.
        """
        if self.reported_tags:
            return list(self.reported_tags)
        return tags_of(self, self.abis(), self.platforms())

    def platforms(self) -> t.List[str]:
        """Return every platform tag that fits, the best first."""
        if self.reported_tags:
            return once(tag.split("-")[2] for tag in self.reported_tags if not tag.endswith("-any"))
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

    def abis(self) -> t.List[str]:
        """Return the ABI tags of the interpreter itself, the best first: no abi3, no none."""
        if self.reported_tags:
            parts = [tag.split("-") for tag in self.reported_tags]
            return once(abi for own, abi, dummy in parts if own == self.interpreter and abi not in SHARED_ABIS)
        # PyPy has numbered its ABI pp73 for every Python since 3.6.
        return ["pypy%d%d_pp73" % self.minor if self.implementation == "pypy" else self.interpreter]

    def pip_arguments(self) -> t.List[str]:
        """Return the options with which pip chooses wheels for this target (pip download --help)."""
        arguments = ["--python-version", self.python, "--implementation", SHORT[self.implementation]]
        for abi in self.abis():
            arguments += ["--abi", abi]
        for platform in self.platforms():
            arguments += ["--platform", platform]
        return arguments


def once(values: t.Iterable[str]) -> t.List[str]:
    """Return the values in their order, without repetitions."""
    return list(dict.fromkeys(values))


def tags_of(target: Target, abis: t.Sequence[str], platforms: t.Sequence[str]) -> t.List[str]:
    """Return the tags of an interpreter in the order of PEP 425: the closest to the machine first.

    The stable ABI of older versions (abi3, PEP 384; without the GIL abi3t, PEP
    803) exists for CPython only.
    """
    own, (major, minor) = target.interpreter, target.minor
    pairs = [(own, abi) for abi in abis]
    older = []
    if target.implementation == "cpython":
        stable = "abi3t" if re.match(r"cp\d+t", abis[0]) else "abi3"
        pairs.append((own, stable))
        older = [("cp%d%d" % (major, step), stable) for step in range(minor - 1, 1, -1)]
    pure = ["py%d%d" % (major, minor), "py%d" % major]
    pure += ["py%d%d" % (major, step) for step in range(minor - 1, -1, -1)]
    pairs += [(own, "none")] + older + [(version, "none") for version in pure]
    tags = ["%s-%s-%s" % (version, abi, platform) for version, abi in pairs for platform in platforms]
    # PyPy's wheels for any platform say pp3, not the version.
    anywhere = "pp%d" % major if target.implementation == "pypy" else own
    return tags + ["%s-none-any" % version for version in [anywhere] + pure]


def _macos_platforms(version: str, arch: str) -> t.List[str]:
    """Return the platform tags of macOS: several formats contain code for one CPU (PyPA, platform compatibility tags)."""
    major, minor = (int(part) for part in version.split(".")[:2])
    formats = MACOS_FORMATS[arch]
    # From macOS 11 on the minor version is always 0 in tags.
    steps = ["%d_0" % step for step in range(major, 10, -1)]
    # Before macOS 11 there was no arm64, but a universal2 wheel of that time may contain code for it.
    older = formats if arch == "x86_64" else ["universal2"]
    tags = ["macosx_%s_%s" % (step, name) for step in steps for name in formats]
    return tags + [
        "macosx_10_%d_%s" % (step, name) for step in range(16 if major > 10 else minor, 3, -1) for name in older
    ]
