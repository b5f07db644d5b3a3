# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of bandersnatch: what it may mirror, from where, and what it leaves out. No I/O happens here.

The options are those of bandersnatch's documentation, "Mirror configuration" and "Mirror filtering", which versions
6.8 to 8 have in common.
"""

from __future__ import annotations

import re
import typing as t
import urllib.parse

from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._target._target import Target
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import Pin

# bandersnatch refuses more.
MOST_WORKERS = 10
# Seconds for one file, however large; bandersnatch's own 1800 are too short for a large wheel on a slow line.
LONGEST_DOWNLOAD = 18000
# The names that the filter exclude_platform knows: Linux and Windows by CPU, and Python 3 up to this minor version. It
# looks for each of them anywhere in the name of a file.
_LINUX = (
    ("linux-i686", "i686"),
    ("linux-x86_64", "x86_64"),
    ("linux_armv6l", "armv6l"),
    ("linux_armv7l", "armv7l"),
    ("manylinux1_i686", "i686"),
    ("manylinux1_x86_64", "x86_64"),
    ("manylinux2010_i686", "i686"),
    ("manylinux2010_x86_64", "x86_64"),
    ("manylinux2014_aarch64", "aarch64"),
    ("manylinux2014_armv7l", "armv7l"),
    ("manylinux2014_i686", "i686"),
    ("manylinux2014_ppc64", "ppc64"),
    ("manylinux2014_ppc64le", "ppc64le"),
    ("manylinux2014_s390x", "s390x"),
    ("manylinux2014_x86_64", "x86_64"),
)
_WINDOWS = (
    (".win32", "i686"),
    ("-win32", "i686"),
    ("win_amd64", "x86_64"),
    ("win-amd64", "x86_64"),
    ("win_arm64", "aarch64"),
    ("win-arm64", "aarch64"),
)
_NEWEST_PYTHON = 14


class Settings(t.NamedTuple):
    """How bandersnatch reaches its upstream; with an empty upstream, it uses its own default, as pip does."""

    upstream: str
    proxy: str
    timeout: str
    workers: int


def allowlist(pins: t.Iterable[Pin]) -> t.List[str]:
    """Return the projects and versions that may be mirrored, as NAME==VERSION; raises AirgapError if there are none."""
    found = sorted({"%s==%s" % (pin.name, pin.version) for pin in pins})
    if not found:
        raise AirgapError(
            "There is nothing to mirror: no lock names a file of the upstream. bandersnatch would mirror every project."
        )
    return found


def projects(allowed: t.Iterable[str]) -> t.List[str]:
    """Return the projects of an allowlist."""
    return sorted({one.partition("==")[0] for one in allowed})


def excluded_platforms(targets: t.Sequence[Target], filenames: t.Iterable[str] = ()) -> t.List[str]:
    """Return what no target can use, by the names of the filter exclude_platform.

    Older Pythons are not excluded: a wheel for the stable ABI carries the name of the oldest one that it supports. Nor is
    a name that is part of the name of a file that locks need: a wheel can be for several platforms.
    """
    systems = {target.os for target in targets}
    found = ["freebsd"]
    if "macos" not in systems:
        found.append("macos")
    for system, names in (("linux", _LINUX), ("windows", _WINDOWS)):
        wanted = {target.arch for target in targets if target.os == system}
        if not wanted:
            found.append(system)
            continue
        needed = [name for name, arch in names if arch in wanted]
        found += [
            name
            for name, arch in names
            # manylinux2014_ppc64 is part of manylinux2014_ppc64le.
            if arch not in wanted and not any(name in each for each in needed)
        ]
    if not any(target.os == "linux" and target.libc.startswith("musl") for target in targets):
        # bandersnatch 8 knows it; older versions ignore names that they do not know.
        found.append("musllinux")
    needed_names = "\n".join(filenames)
    found = [name for name in found if name not in needed_names]
    newest = max(target.minor for target in targets)
    found += ["py3.%d" % minor for minor in range(newest[1] + 1, _NEWEST_PYTHON + 1) if newest[0] == 3]
    return sorted(found)


def upstream_of(index_url: str) -> str:
    """Return the server of an index, whose JSON API bandersnatch reads: its address without /simple/."""
    match = re.fullmatch(r"(https?://.+?)/simple/?", index_url)
    if index_url and match is None:
        raise AirgapError(
            "The index %s is not at SERVER/simple/, so bandersnatch cannot find SERVER/pypi/NAME/json, which it reads. Name "
            "the server in upstream (stage_mirror_upstream)." % _secrets.without_secrets(index_url)
        )
    return match.group(1) if match else ""


def choose_proxy(upstream: str, setting: str, proxies: t.Mapping[str, str], is_direct: t.Callable[[str], bool]) -> str:
    """Return the proxy that pip would use: its setting, or that of the environment unless the host is reached directly.

    bandersnatch alone would use one of the environment for every host.
    """
    if setting:
        return setting
    parts = urllib.parse.urlsplit(upstream or "https:")
    if parts.hostname and is_direct(parts.hostname):
        return ""
    return proxies.get(parts.scheme) or proxies.get("all") or ""


def render(folder: str, settings: Settings, allowed: t.Sequence[str], excluded: t.Sequence[str]) -> str:
    """Return the text of the configuration."""
    options = {
        "directory": folder,
        "master": settings.upstream,
        "allow-non-https": "true" if settings.upstream.startswith("http://") else "",
        "proxy": settings.proxy,
        "timeout": settings.timeout,
        "global-timeout": str(LONGEST_DOWNLOAD),
        "workers": str(max(1, min(settings.workers, MOST_WORKERS))),
        "simple-format": "ALL",
        "compare-method": "hash",
        "digest_name": "sha256",
        "stop-on-error": "true",
    }
    lines = ["; Written by Ansible, role airgap.python.stage, from the locks. Changes are overwritten.", "[mirror]"]
    lines += ["%s = %s" % (key, _escape(value)) for key, value in options.items() if value]
    for section, key, values in (
        ("plugins", "enabled", ("allowlist_project", "allowlist_release", "exclude_platform")),
        ("allowlist", "packages", allowed),
        ("blocklist", "platforms", excluded),
    ):
        lines += ["", "[%s]" % section, "%s =" % key] + ["    " + _escape(one) for one in values]
    return "\n".join(lines) + "\n"


def _escape(value: str) -> str:
    if "\n" in value or "\r" in value:
        raise AirgapError("A setting for bandersnatch has a line break: %s." % _secrets.without_secrets(value))
    # ConfigParser replaces %(NAME)s.
    return value.replace("%", "%%")
