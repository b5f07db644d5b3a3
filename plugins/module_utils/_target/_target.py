# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Targets: one kind of interpreter, its marker environment and its wheel tags.

Rules come from PEP 508 (markers), PEP 425 (tags), PEP 600 (manylinux),
PEP 656 (musllinux) and pip's documentation of ``pip download``. Tags are by hand,
because packaging.tags gives a platform's only on that platform; a test holds the rest to it.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._wheels._versions import release

ARCHES = ("x86_64", "aarch64", "i686", "armv7l", "ppc64le", "s390x", "riscv64", "loongarch64")
ALIASES = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64", "x86": "i686", "i386": "i686"}
IMPLEMENTATIONS = {"cpython": "CPython", "pypy": "PyPy"}
SHORT = {"cpython": "cp", "pypy": "pp"}
# ABI tags that several interpreters share; "none" is that of wheels without compiled code for Python.
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
PLATFORM_KINDS = {"linux": r"(many|musl)?linux", "windows": "win", "macos": "macosx_"}
WINDOWS_TAGS = {"x86_64": "win_amd64", "aarch64": "win_arm64", "i686": "win32"}
# PEP 600: the names that came before glibc stood in the tag, and who may carry them.
LEGACY_MANYLINUX = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}
# The oldest glibc that wheels are built for: PEP 513 for Intel, PEP 599 for the others.
OLDEST_GLIBC = {"x86_64": 5, "i686": 5}
# What each macOS interpreter ran on first; used where the target names no version.
OLDEST_MACOS = {"x86_64": "10.13", "aarch64": "11.0"}
# What a macOS wheel may be called that holds code for a CPU; older pips say fat32 for fat3.
MACOS_FORMATS = {
    "x86_64": ["x86_64", "intel", "fat64", "fat3", "fat32", "universal2", "universal"],
    "aarch64": ["arm64", "universal2"],
}
OLDEST_PYTHON = 8
# Beyond what is planned; a number above it is a slip of the pen.
NEWEST_PYTHON = 20
NEWEST_LIBC = {"glibc-2": 60, "musl-1": 5}
FIELDS = ("name", "python", "implementation", "os", "arch", "libc", "os_version", "markers", "tags")
# The variables of PEP 508 that an interpreter answers; "extra" belongs to a requirement.
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
    """One kind of interpreter; make it with parse().

    ``reported_markers`` and ``reported_tags`` are what a machine said. They
    are empty where the target was only described; see markers() and tags().
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
        """Return the fields that say what the interpreter is, as people write them."""
        return {key: getattr(self, key) for key in FIELDS[:-2] if getattr(self, key)}

    def as_dict(self) -> t.Dict[str, t.Any]:
        """Return the fields that say something, as a user would write them."""
        raw: t.Dict[str, t.Any] = dict(self.description())
        if self.reported_markers:
            raw["markers"] = dict(self.reported_markers)
        if self.reported_tags:
            raw["tags"] = list(self.reported_tags)
        return raw

    def markers(self) -> t.Dict[str, str]:
        """Return the marker environment (PEP 508): all of MARKERS, "" for what nobody reported.

        What the machine reported overrides what follows from the description.
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
        """Return every wheel tag that the interpreter accepts, the best first, such as py3-none-any.

        They are the reported ones, or follow from the description in the order of PEP 425.
        """
        if self.reported_tags:
            return list(self.reported_tags)
        return _tags(self, self.abis(), self.platforms())

    def platforms(self) -> t.List[str]:
        """Return every platform tag that fits, the best first."""
        if self.reported_tags:
            return _once(tag.split("-")[2] for tag in self.reported_tags if not tag.endswith("-any"))
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
            return _once(abi for own, abi, dummy in parts if own == self.interpreter and abi not in SHARED_ABIS)
        # PyPy has numbered its ABI pp73 for every Python since 3.6.
        return ["pypy%d%d_pp73" % self.minor if self.implementation == "pypy" else self.interpreter]

    def pip_arguments(self) -> t.List[str]:
        """Return pip's options that choose this target's wheels (pip download --help)."""
        arguments = ["--python-version", self.python, "--implementation", SHORT[self.implementation]]
        for abi in self.abis():
            arguments += ["--abi", abi]
        for platform in self.platforms():
            arguments += ["--platform", platform]
        return arguments


def _once(values: t.Iterable[str]) -> t.List[str]:
    """Return the values in their order, each where it comes first."""
    return list(dict.fromkeys(values))


def _tags(target: Target, abis: t.Sequence[str], platforms: t.Sequence[str]) -> t.List[str]:
    """Return the tags of an interpreter in the order of PEP 425: the closest to the machine first.

    The stable ABI of older versions (abi3, PEP 384; without the GIL abi3t, PEP
    803) counts for CPython alone.
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
    """Return the platform tags of macOS: several formats hold one CPU's code (PyPA, platform compatibility tags)."""
    major, minor = (int(part) for part in version.split(".")[:2])
    formats = MACOS_FORMATS[arch]
    # From macOS 11 on the minor version is always 0 in tags.
    steps = ["%d_0" % step for step in range(major, 10, -1)]
    # Before macOS 11 there was no arm64; what says universal2 of that time may hold it all the same.
    older = formats if arch == "x86_64" else ["universal2"]
    tags = ["macosx_%s_%s" % (step, name) for step in steps for name in formats]
    return tags + [
        "macosx_10_%d_%s" % (step, name) for step in range(16 if major > 10 else minor, 3, -1) for name in older
    ]


def _released(version: str) -> str:
    """Return the version of an interpreter that was built after its release: some Debian builds say 3.12.3+."""
    return re.sub(r"^(\d+\.\d+\.\d+[a-z0-9]*)\+\Z", r"\1", version)


def _parse_libc(name: str, system: str, arch: str, raw: t.Any) -> str:
    """Return the C library of a Linux target, such as glibc-2.36; raises AirgapError."""
    # getconf prints "glibc 2.36", musl's loader "Version 1.2.3".
    libc = re.sub(r"^(musl-\d+\.\d+)\.\d+$", r"\1", str(raw or "").strip().lower().replace(" ", "-"))
    if system != "linux":
        if libc:
            raise AirgapError("target %s: libc %s on %s does not exist. Leave libc out." % (name, libc, system))
        return ""
    found = re.match(r"^(glibc-2|musl-1)\.(\d{1,3})\Z", libc)
    if found is None:
        raise AirgapError(
            "target %s: libc must be the C library of the machine, such as glibc-2.36 or musl-1.2; it is %r. "
            "There, 'getconf GNU_LIBC_VERSION' prints it." % (name, raw)
        )
    kind, step = found.group(1), int(found.group(2))
    oldest = OLDEST_GLIBC.get(arch, 17) if kind == "glibc-2" else 0
    if not oldest <= step <= NEWEST_LIBC[kind]:
        raise AirgapError(
            "target %s: libc %s on %s is none that wheels are built for: they are for %s.%d to %s.%d. "
            "On the machine, 'ldd --version' prints the right one."
            % (name, libc, arch, kind, oldest, kind, NEWEST_LIBC[kind])
        )
    return libc


def _parse_os_version(name: str, system: str, arch: str, raw: t.Any) -> str:
    """Return the macOS version as MAJOR.MINOR; raises AirgapError."""
    if system != "macos":
        if raw:
            raise AirgapError("target %s: os_version counts on macos only. Leave it out." % name)
        return ""
    found = re.match(r"^(\d+)(?:\.(\d+))?(?:\.\d+)*\Z", str(raw or OLDEST_MACOS[arch]))
    major, minor = (int(found.group(1)), int(found.group(2) or 0)) if found else (0, 0)
    if major == 10 and 4 <= minor <= 16 and arch != "x86_64":
        raise AirgapError("target %s: macOS on %s began with 11.0. Write os_version 11.0 or newer." % (name, arch))
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
    """Return reported tags; raises AirgapError for what is no tag."""
    if not raw:
        return ()
    if isinstance(raw, (str, bytes)) or not isinstance(raw, t.Sequence):
        raise AirgapError("target %s: tags must be a list, such as that of 'pip debug --verbose'." % name)
    for tag in raw:
        if not re.match(r"^[a-z0-9_]+-[a-z0-9_]+-[a-z0-9_]+\Z", str(tag)):
            raise AirgapError(
                "target %s: %r is no wheel tag. Each is INTERPRETER-ABI-PLATFORM, such as cp39-abi3-win_amd64."
                % (name, tag)
            )
    return tuple(_once(str(tag) for tag in raw))


def _check_reported(target: Target) -> None:
    """Raise AirgapError where markers or tags tell of another interpreter than the description."""
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
                "target %s: marker %s is %r, but the description says %r. Take both from one interpreter: "
                "the playbook survey writes them." % (target.name, key, reported[key], described[key])
            )
    if not target.reported_tags:
        return
    if not target.abis():
        raise AirgapError(
            "target %s: none of its tags is for %s, which python %s and %s say. Take tags and description from one "
            "interpreter: the playbook survey writes them."
            % (target.name, target.interpreter, target.implementation, target.python)
        )
    if "py3-none-any" not in target.reported_tags:
        raise AirgapError(
            "target %s: its tags lack py3-none-any, which every interpreter accepts. Give all of them, or leave tags out "
            "and they follow from the description." % target.name
        )
    kind = PLATFORM_KINDS[target.os]
    platforms = target.platforms()
    other = [platform for platform in platforms if not re.match(kind, platform)]
    # A CPU may run code of an older one, so one tag for its own is enough.
    if target.os == "linux" and not any(platform.endswith("_" + target.arch) for platform in platforms):
        other = platforms or [""]
    if other:
        raise AirgapError(
            "target %s: its tags have the platform %s, which is not one of %s. Take tags and description from one "
            "interpreter: the playbook survey writes them." % (target.name, other[0], target.os + " on " + target.arch)
        )


def parse(raw: t.Mapping[str, t.Any]) -> t.Tuple[Target, t.List[str]]:
    """Return the target that a user described, and warnings.

    Raises AirgapError for a field that is missing, unknown or impossible.
    """
    name = str(raw.get("name") or "")
    if not re.match(r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z", name):
        raise AirgapError(
            "target %r: 'name' must be letters, digits, '.', '_' and '-', and begin with a letter or digit: "
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
            "target %s: python %s is not served: 3.%d is the oldest, and 3.%d is not there yet. Name another "
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
            "target %s: python %s has no patch version and is taken as %s, which may get older packages than its "
            "interpreters could run. Write what 'python3 --version' prints there, or take the file "
            "that the playbook survey writes." % (name, python[:-2], python)
        )
    implementation = str(raw.get("implementation") or "cpython").lower()
    if implementation not in IMPLEMENTATIONS:
        raise AirgapError(
            "target %s: implementation %r is not known. Write cpython or pypy." % (name, raw.get("implementation"))
        )
    system = str(raw.get("os") or "linux").lower()
    if system not in SYSTEMS:
        raise AirgapError("target %s: os %r is not known. Write linux, windows or macos." % (name, raw.get("os")))
    arch = str(raw.get("arch") or "x86_64").lower()
    arch = ALIASES.get(arch, arch)
    if arch not in ARCHES or arch not in MACHINES.get(system, {arch: arch}):
        fitting = sorted(MACHINES[system]) if system in MACHINES else list(ARCHES)
        raise AirgapError(
            "target %s: arch %r is not known on %s. Write one of %s."
            % (name, raw.get("arch"), system, ", ".join(fitting))
        )
    libc = _parse_libc(name, system, arch, raw.get("libc"))
    os_version = _parse_os_version(name, system, arch, raw.get("os_version"))
    markers, tags = _parse_markers(name, raw.get("markers")), _parse_tags(name, raw.get("tags"))
    target = Target(name, python, implementation, system, arch, libc, os_version, markers, tags)
    _check_reported(target)
    return target, warnings


def parse_all(raws: t.Iterable[t.Mapping[str, t.Any]]) -> t.Tuple[t.List[Target], t.List[str]]:
    """Return all targets and warnings; raises AirgapError, also for a name that stands twice."""
    targets: t.List[Target] = []
    warnings: t.List[str] = []
    for raw in raws:
        target, said = parse(raw)
        if any(target.name == other.name for other in targets):
            raise AirgapError("target %s stands twice. Give each its own name." % target.name)
        targets.append(target)
        warnings += said
    return targets, warnings


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
    if release(target.python) > release(here.python):
        return "python is %s, newer than %s here" % (target.python, here.python)
    if target.libc.split("-")[0] != here.libc.split("-")[0]:
        return "libc is %s, here %s" % (target.libc, here.libc)
    if release(target.libc) > release(here.libc):
        return "libc is %s, newer than %s here" % (target.libc, here.libc)
    if release(target.os_version) > release(here.os_version):
        return "os_version is %s, newer than %s here" % (target.os_version, here.os_version)
    if target.abis()[0] not in here.abis():
        return "its ABI is %s, here %s" % (target.abis()[0], here.abis()[0])
    accepted = set(here.tags())
    for tag in target.tags():
        if tag not in accepted:
            return "it takes wheels with the tag %s, which are not accepted here" % tag
    return ""


def best_fit(targets: t.Iterable[Target], here: Target) -> t.Optional[Target]:
    """Return the target closest to an interpreter among those it can use, or None."""
    fitting = [target for target in targets if not misfit(target, here)]
    return max(fitting, key=lambda one: (release(one.python), release(one.libc)), default=None)


def suggestion(here: Target) -> t.Dict[str, t.Any]:
    """Return the shortest entry of airgap_targets that describes an interpreter."""
    entry = survey_entry(here)
    entry.pop("markers", None)
    return entry


def from_answer(answer: t.Mapping[str, t.Any]) -> t.Tuple[Target, bool]:
    """Return the target that an interpreter is, with its markers and exact tags.

    ``answer`` is what _interpreter says. The second value tells whether it knew
    its ABI; if not, the tags are those of the description. Raises AirgapError
    for an interpreter that cannot be a target.
    """
    markers = answer["markers"]
    system = {"Linux": "linux", "Windows": "windows", "Darwin": "macos"}.get(markers["platform_system"], "")
    raw = {
        "python": markers["python_full_version"],
        "implementation": markers["implementation_name"],
        "os": system or markers["platform_system"],
        "arch": answer["machine"],
        "libc": answer["libc"],
    }
    if system == "macos":
        raw["os_version"] = ".".join(answer["macos"].split(".")[:2])
    abi = (answer["abis"] or [""])[0]
    short = SHORT.get(raw["implementation"], "py") + markers["python_version"].replace(".", "")
    # An ABI of its own, such as cp313t, is another kind of interpreter.
    short = abi if abi.startswith(short) else short
    # Of macOS, the version of the machine belongs to the name.
    version = "-".join(part for part in (raw["libc"], raw.get("os_version", "")) if part)
    raw["name"] = "-".join(part for part in (short, system, raw["arch"], version) if part)
    described = parse(raw)[0]
    platforms = [one for one in described.platforms() if one not in answer["refused_platforms"]]
    return (
        described._replace(
            reported_markers=tuple((key, markers[key]) for key in MARKERS),
            reported_tags=tuple(_tags(described, answer["abis"] or described.abis(), platforms)),
        ),
        bool(answer["abis"]),
    )


def survey_entry(here: Target) -> t.Dict[str, t.Any]:
    """Return the complete entry of an interpreter, without what differs between machines of its kind.

    A kernel's release changes with every update, so it would resolve everything
    anew; only of macOS, whose version it is, do markers use it. Tags that follow
    from the description are left out: they are the same list.
    """
    left_out = {"platform_version"} if here.os == "macos" else {"platform_version", "platform_release"}
    markers = tuple((key, value) for key, value in here.reported_markers if key not in left_out)
    computed = here._replace(reported_tags=()).tags()
    tags = () if set(computed) == set(here.reported_tags) else here.reported_tags
    return here._replace(reported_markers=markers, reported_tags=tags).as_dict()
