# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an entry of stage_build asks for, and which files of a source folder a build needs. No I/O happens here."""

from __future__ import annotations

import os
import re
import typing as t
import urllib.parse

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

# The time of the files in a wheel: 2020-01-01, which every zip tool can write.
SOURCE_DATE_EPOCH = 1577836800
# Version control data and caches: no build needs them.
SKIPPED = (".git", ".hg", ".svn", "__pycache__")
SKIPPED_AT_THE_TOP = (".venv", ".tox", ".nox", ".mypy_cache", ".pytest_cache", ".ruff_cache")
BUILD_OUTPUT = ("build", "dist")
_NAME = re.compile(r"^%s$" % _lock.NAME)
_CONSTRAINT = re.compile(r"^%s(===|[<>=!~]=|[<>])[^@#;]*$" % _lock.NAME)
_VERSION = re.compile(r"^[A-Za-z0-9][A-Za-z0-9.!+_-]*$")
_SDISTS = (".tar.gz", ".zip", ".tgz", ".tar", ".tar.bz2", ".tar.xz")


class Order(t.NamedTuple):
    """What must be built. ``kind`` is sdist, vcs or source; fields that do not apply are empty.

    ``build_constraints`` constrain what is installed to build it, sorted.
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
        """Whether the site chose the source itself, so that no project of that name on an index may replace it."""
        return self.kind != "sdist"


def parse_order(raw: t.Mapping[str, t.Any]) -> Order:
    """Return what an entry of stage_build asks for; raises AirgapError for one that cannot be built."""
    name = str(raw.get("name") or "")
    if not _NAME.match(name):
        raise AirgapError("stage_build: %r is not a valid name of a project (PEP 508)." % (raw.get("name"),))
    version, sha256 = str(raw.get("version") or ""), str(raw.get("sha256") or "").lower()
    vcs, source_name = str(raw.get("vcs") or ""), str(raw.get("source_name") or "")
    if vcs and source_name:
        raise AirgapError("stage_build: %s has both vcs and source. Name one." % name)
    if version and (vcs or source_name):
        raise AirgapError(
            "stage_build: %s has a version and a vcs or source, which has its own version. Remove version." % name
        )
    if version and not _VERSION.match(version):
        raise AirgapError(
            "stage_build: %s: %r is not a valid version. Write one version, such as 1.2, not a range." % (name, version)
        )
    if sha256 and not re.match(r"^[0-9a-f]{64}$", sha256):
        raise AirgapError("stage_build: %s: sha256 must be 64 hex digits; it is %r." % (name, raw.get("sha256")))
    if sha256 and vcs:
        raise AirgapError("stage_build: %s: the commit in vcs already identifies the content. Remove sha256." % name)
    if sha256 and not version and not source_name:
        raise AirgapError(
            "stage_build: %s has a sha256, which belongs to one version. Name the version as well." % name
        )
    commit = subdirectory = ""
    if vcs:
        vcs, commit, subdirectory = _split_vcs(name, vcs)
    kind = "vcs" if vcs else "source" if source_name else "sdist"
    constraints = tuple(sorted({"".join(str(one).split()) for one in raw.get("build_constraints") or ()}))
    for one in constraints:
        if not _CONSTRAINT.match(one):
            raise AirgapError(
                "stage_build: %s: %r in build_constraints is not a valid constraint. Write a name and versions, such as "
                "setuptools<82." % (name, one)
            )
    return Order(_lock.normalize(name), kind, version, sha256, vcs, commit, subdirectory, source_name, constraints)


def _split_vcs(name: str, url: str) -> t.Tuple[str, str, str]:
    """Return repository, commit and subdirectory of a URL in pip's form (pip documentation, "VCS Support")."""
    base, _hash, fragment = url.partition("#")
    parts = urllib.parse.urlsplit(base)
    dummy, at, commit = parts.path.rpartition("@")
    if parts.scheme not in ("git+https", "git+http", "git+ssh", "git+file"):
        raise AirgapError("stage_build: %s: vcs must begin with git+https://, git+ssh:// or git+file://." % name)
    if parts.password or (parts.username and parts.scheme != "git+ssh"):
        raise AirgapError(
            "stage_build: %s: vcs holds a password or token, which command lines would show. Remove it, and give it "
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
        raise AirgapError("stage_build: %s: after # in vcs, only subdirectory=PATH is supported." % name)
    return base[: -len("@" + commit)], commit, match.group(1) or ""


def is_skipped(path: str, may_be_output: bool) -> bool:
    """Return whether a file or folder of a source folder, by its relative path, is not copied.

    ``may_be_output`` is true for a folder without an __init__.py, as the output
    of a build is.
    """
    name = os.path.basename(path)
    if name in SKIPPED or name.endswith((".pyc", ".egg-info")):
        return True
    return path == name and (name in SKIPPED_AT_THE_TOP or (name in BUILD_OUTPUT and may_be_output))


def is_sdist(name: str) -> bool:
    """Return whether a file has the name of an archive that pip accepts as a source."""
    return name.endswith(_SDISTS)
