# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report what the running interpreter is: markers, ABI, C library.

The text of this file runs in the interpreter that is described, which may not
be the module's: ``python -I -c TEXT`` prints one line of JSON. It needs nothing
but the standard library and the syntax of Python 3.6, so that an interpreter
that is too old can still report its version.

It reports facts; _survey makes a target of them. Rules: PEP 425 (ABI), PEP
513 and 600 (the module _manylinux), PEP 508 (markers).
"""

from __future__ import annotations

import glob
import importlib.util
import json
import os
import platform
import re
import subprocess
import sys
import sysconfig
import typing as t

LEGACY = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}


def full_version(info: t.Tuple[int, int, int, str, int]) -> str:
    """Return a version_info in the form of PEP 440."""
    version = "%d.%d.%d" % info[:3]
    if info[3] != "final":
        version += {"alpha": "a", "beta": "b", "candidate": "rc"}[info[3]] + str(info[4])
    return version


def machine() -> str:
    """Return the CPU that wheels must be for; a 32-bit interpreter cannot load those of a 64-bit kernel."""
    found = platform.machine()
    if sys.maxsize <= 2**32:
        return {"x86_64": "i686", "AMD64": "x86", "aarch64": "armv7l", "armv8l": "armv7l"}.get(found, found)
    return found


def libc() -> str:
    """Return the C library on Linux, such as glibc-2.36 or musl-1.2; "" if it is unknown."""
    if sys.platform != "linux":
        return ""
    try:
        # Only glibc answers: "glibc 2.36".
        found = re.match(r"glibc (\d+\.\d+)", os.confstr("CS_GNU_LIBC_VERSION") or "")
        if found:
            return "glibc-" + found.group(1)
    except (AttributeError, OSError, ValueError):
        found = None
    for loader in sorted(glob.glob("/lib/ld-musl-*.so.1")):
        # musl's loader, run without a program, prints its version to standard error.
        done = subprocess.run(
            [loader], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, stdout=subprocess.PIPE, check=False
        )
        found = re.search(r"Version (\d+\.\d+)", done.stderr.decode("ascii", "replace"))
        if found:
            return "musl-" + found.group(1)
    return ""


def hard_float() -> bool:
    """Return whether this 32-bit ARM interpreter passes floats in registers, as manylinux wheels do (ELF for ARM)."""
    try:
        with open(sys.executable, "rb") as stream:
            header = stream.read(40)
    except OSError:
        return False
    flags = int.from_bytes(header[36:40], "little")
    return header[:4] == b"\x7fELF" and flags & 0xFF000400 == 0x05000400


def distribution_allows(major: int, minor: int, arch: str) -> bool:
    """Return whether the distribution's module _manylinux, if it exists, accepts such wheels (PEP 600)."""
    try:
        import _manylinux
    except ImportError:
        return True
    if hasattr(_manylinux, "manylinux_compatible"):
        answer = _manylinux.manylinux_compatible(major, minor, arch)
        return True if answer is None else bool(answer)
    legacy = LEGACY.get((major, minor), "")
    return bool(getattr(_manylinux, legacy + "_compatible", True)) if legacy else True


def refused_platforms() -> t.List[str]:
    """Return the platform tags that this interpreter refuses although its C library fits."""
    kind, dummy, version = libc().partition("-")
    if kind != "glibc":
        return []
    arch, major, refused = machine(), int(version.split(".")[0]), []
    for step in range(int(version.split(".")[1]), -1, -1):
        if (arch == "armv7l" and not hard_float()) or not distribution_allows(major, step, arch):
            refused.append("manylinux_%d_%d_%s" % (major, step, arch))
            if (major, step) in LEGACY:
                refused.append("%s_%s" % (LEGACY[(major, step)], arch))
    return refused


def abis() -> t.List[str]:
    """Return the ABI tags of this interpreter itself, the best first; none if they are unknown."""
    nodot = "%d%d" % sys.version_info[:2]
    suffix = sysconfig.get_config_var("EXT_SUFFIX") or ""
    if sys.implementation.name == "cpython":
        threaded = "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
        plain = "cp" + nodot + threaded
        debug = sysconfig.get_config_var("Py_DEBUG")
        # Windows does not set Py_DEBUG; there the names of modules show it.
        if debug or (debug is None and (hasattr(sys, "gettotalrefcount") or "_d." in suffix)):
            return [plain + "d", plain]
        return [plain]
    if sys.implementation.name == "pypy":
        # .pypy310-pp73-x86_64-linux-gnu.so
        found = re.match(r"\.(pypy\d+)-(pp\d+)", suffix)
        return ["%s_%s" % found.groups()] if found else []
    return []


def macos() -> str:
    """Return the version of macOS, or ""."""
    if sys.platform == "darwin":
        version = platform.mac_ver()[0]
        if version.startswith("10.16"):
            # An interpreter built for an older macOS sees 10.16 unless it asks this way.
            done = subprocess.run(
                [sys.executable, "-sS", "-c", "import platform; print(platform.mac_ver()[0])"],
                env={"SYSTEM_VERSION_COMPAT": "0"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                check=False,
            )
            version = done.stdout.decode("ascii", "replace").strip() or version
        return version
    return ""


def can_import(name: str) -> bool:
    """Return whether a module can be imported, without importing it."""
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def report() -> t.Dict[str, t.Any]:
    """Return everything that this interpreter reports about itself."""
    version = full_version(sys.version_info)
    return {
        "libc": libc(),
        "machine": machine(),
        "macos": macos(),
        "has": {name: can_import(name) for name in ("venv", "pip", "ensurepip")},
        "markers": {
            "implementation_name": sys.implementation.name,
            "implementation_version": full_version(sys.implementation.version),
            "os_name": os.name,
            "platform_machine": platform.machine(),
            "platform_python_implementation": platform.python_implementation(),
            "platform_release": platform.release(),
            "platform_system": platform.system(),
            "platform_version": platform.version(),
            "python_full_version": version,
            "python_version": "%d.%d" % sys.version_info[:2],
            "sys_platform": sys.platform,
        },
        "abis": abis(),
        "refused_platforms": refused_platforms(),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(report()) + "\n")
