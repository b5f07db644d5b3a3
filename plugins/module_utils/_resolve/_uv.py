# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""uv as the engine that resolves: its arguments for a target, and the meaning of its output. No I/O happens here."""

from __future__ import annotations

import os
import re
import typing as t
import urllib.parse

from ansible_collections.airgap.python.plugins.module_utils._pip._failure import diagnose_uv
from ansible_collections.airgap.python.plugins.module_utils._resolve._inputs import EngineInputs
from ansible_collections.airgap.python.plugins.module_utils._resolve._resolve_error import RefusedError, ResolveError
from ansible_collections.airgap.python.plugins.module_utils._secrets import without_password
from ansible_collections.airgap.python.plugins.module_utils._target._target import Target
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

if t.TYPE_CHECKING:
    from ansible_collections.airgap.python.plugins.module_utils._wheels._packaging import Packaging

# The C library versions for which uv knows a platform (uv pip compile --help).
GLIBC = (17, 28, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40)
PLATFORMS = {
    ("windows", "x86_64"): "x86_64-pc-windows-msvc",
    ("windows", "aarch64"): "aarch64-pc-windows-msvc",
    ("windows", "i686"): "i686-pc-windows-msvc",
    ("macos", "x86_64"): "x86_64-apple-darwin",
    ("macos", "aarch64"): "aarch64-apple-darwin",
    ("musl", "x86_64"): "x86_64-unknown-linux-musl",
    ("musl", "aarch64"): "aarch64-unknown-linux-musl",
}


def platform(target: Target) -> str:
    """Return uv's name for a target's platform; raises ResolveError if uv has none.

    uv knows some C library versions; the target accepts every wheel for the next
    older one.
    """
    if target.implementation != "cpython":
        raise ResolveError("target %s: uv resolves for CPython only. Use resolver: pip." % target.name)
    kind = target.os if target.os != "linux" else target.libc.split("-")[0]
    if (kind, target.arch) in PLATFORMS:
        return PLATFORMS[(kind, target.arch)]
    known = [step for step in GLIBC if step <= int(target.libc.rpartition(".")[2] or 0)]
    if kind == "glibc" and target.arch in ("x86_64", "aarch64") and known:
        return "%s-manylinux_2_%d" % (target.arch, known[-1])
    raise ResolveError(
        "target %s: uv has no platform for %s on %s. Use resolver: pip."
        % (target.name, target.libc or target.os, target.arch)
    )


def variables(settings: t.Mapping[str, str], target: Target, inherited: t.Mapping[str, str]) -> t.Dict[str, str]:
    """Return the environment by which uv gets pip's settings; passwords must not be in the command line."""
    kept = {
        key: value for key, value in inherited.items() if not key.startswith(("PIP_", "UV_")) or key == "UV_CACHE_DIR"
    }
    names = {
        "index-url": "UV_DEFAULT_INDEX",
        "extra-index-url": "UV_INDEX",
        "no-index": "UV_NO_INDEX",
        "trusted-host": "UV_INSECURE_HOST",
        "timeout": "UV_HTTP_TIMEOUT",
        "cert": "SSL_CERT_FILE",
        "client-cert": "SSL_CLIENT_CERT",
    }
    kept.update({names[key]: value for key, value in settings.items() if key in names})
    if settings.get("proxy"):
        kept.update({"HTTP_PROXY": settings["proxy"], "HTTPS_PROXY": settings["proxy"]})
    if target.os == "macos":
        kept["MACOSX_DEPLOYMENT_TARGET"] = target.os_version
    kept["LC_ALL"] = "C.UTF-8"
    # Only the trace shows which pages uv could not read.
    kept["RUST_LOG"] = "uv_client=trace"
    return kept


def resolve_arguments(
    target: Target,
    inputs: EngineInputs,
    scratch: str,
) -> t.List[str]:
    """Return uv's arguments to resolve requirements files for a target and write scratch/pylock.toml.

    All indexes are equal, as for pip; only wheels are used.
    """
    arguments = ["pip", "compile", "--no-config", "--no-header", "--only-binary", ":all:"]
    arguments += ["--index-strategy", "unsafe-best-match", "--no-python-downloads"]
    arguments += ["--python-version", target.python, "--python-platform", platform(target)]
    arguments += ["--format", "pylock.toml", "--output-file", os.path.join(scratch, "pylock.toml")]
    for folder in inputs.find_links:
        arguments += ["--find-links", folder]
    for path in inputs.constraints:
        arguments += ["--constraint", path]
    return arguments + list(inputs.requirements)


def read_lock(packaging: Packaging, lock: t.Mapping[str, t.Any], target: Target, folder: str) -> t.List[_lock.Pin]:
    """Return the pins in a pylock.toml (PEP 751), for each package the wheel that fits the target best; origins may contain secrets.

    ``folder`` is the folder of the lock; local wheels are named relative to it.
    Raises ResolveError for a package without a fitting wheel or without SHA-256.
    """
    # Late: an unchanged run does without.
    from ansible_collections.airgap.python.plugins.module_utils._wheels import _wheel_name

    order = {tag: rank for rank, tag in enumerate(target.tags())}
    pins = []
    for package in lock.get("packages", []):
        ranked = []
        # A wheel that a constraint names by its URL is an "archive" of the package.
        for wheel in package.get("wheels", []) + ([package["archive"]] if "archive" in package else []):
            url = wheel.get("url") or "file://" + urllib.parse.quote(
                os.path.normpath(os.path.join(folder, wheel["path"]))
            )
            filename = urllib.parse.unquote(urllib.parse.urlsplit(url).path.rpartition("/")[2])
            name = _wheel_name.parse_wheel_name(packaging, filename)
            best = min((order[tag] for tag in name.tags if tag in order), default=None)
            if best is not None:
                ranked.append((-best, name.build, filename, url, wheel))
        if not ranked:
            raise ResolveError(
                "target %s: uv chose %s %s, which has no wheel for it. Name a version that has one, or use resolver: pip."
                % (target.name, package["name"], package.get("version", ""))
            )
        _best, _build, filename, url, wheel = max(ranked, key=lambda one: one[:2])
        sha256 = wheel.get("hashes", {}).get("sha256")
        if not sha256:
            raise ResolveError(
                "target %s: the index gives no SHA-256 for %s. Name an index that does (PEP 503)."
                % (target.name, filename)
            )
        pins.append(_lock.Pin(_lock.normalize(package["name"]), package["version"], sha256, filename, 0, url))
    return sorted(pins)


def without_trace(output: str) -> str:
    """Return uv's output without the trace of its requests."""
    return "".join(line for line in output.splitlines(True) if not re.match(r"\s*(?:TRACE|DEBUG|INFO) ", line))


def parse_refusal(output: str) -> t.Optional[RefusedError]:
    """Return the requirement by URL, repository or folder that uv refused, if that is why it failed."""
    flat = " ".join(output.split())
    url = re.search(r"Consider adding `(\S+) @ ([^`\s]+)", flat)
    if url:
        asker = re.search(r"dependencies for package `([^`]+)`", flat)
        return RefusedError(
            url.group(1), without_password(url.group(2)), asker.group(1) if asker else "another package"
        )
    if re.search(r"Building source distributions (?:for `[^`]+` )?is disabled", flat):
        url = re.search(r"`([A-Za-z0-9._-]+) @ ([^`\s]+)`", flat)
        if url:
            return RefusedError(url.group(1), without_password(url.group(2)), "")
    return None


def stops_at_first(output: str) -> bool:
    """Return whether uv stopped at the first requirement that it cannot meet or read: pip reads name===1.1build1, uv does not."""
    return "No solution found" in output or "Couldn't parse requirement" in output


def why_unresolved(output: str, target: Target) -> str:
    """Return why uv failed for a target, and the fix."""
    cause, lines, fix = diagnose_uv(output)
    message = (
        "%s (%s)." % (cause, " ".join(lines)) if cause else "the requirements cannot be resolved: " + " ".join(lines)
    )
    return "target %s: %s %s" % (target.name, message, fix)
