# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of releases, of which one is served: a static index, or the files of bundles that are not wheels.

The folder has ``releases/``, and ``current``, a link to the release that is served. The switch is one rename(2), so
a client sees the former release or the new one, and a run that is killed leaves the former one.

Where a file system has no links, ``current`` is the release itself, and the switch takes two renames. Between them nothing is
served; the next run completes a switch that was interrupted there.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._access import check_folders_above, other_writers
from ansible_collections.airgap.python.plugins.module_utils._bundle import _manifest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import (
    TEMPORARY_PREFIX,
    fsync_dir,
    open_plain,
    read_if_exists,
)

RELEASES = "releases"
CURRENT = "current"
# How a file system without symbolic links refuses one.
NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
# The record of a release, in its folder.
RECORD = "release.json"
# Files and folders are read by the file server, which is another user.
READABLE = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH


class ReleaseFolder:
    """A folder of releases; without ``links``, ``current`` is a folder."""

    def __init__(self, path: str, links: bool = True) -> None:
        self.path = os.path.abspath(path)
        self.links = links
        self.releases = os.path.join(self.path, RELEASES)
        self.current = os.path.join(self.path, CURRENT)

    def check_access(self) -> None:
        """Raise AirgapError if someone other than root and this user can change what is served."""
        check_folders_above(self.path)
        for folder in (self.path, self.releases):
            reason = other_writers(os.stat(folder)) if os.path.isdir(folder) else ""
            if reason:
                raise AirgapError(
                    "%s can be changed by others: %s. Run 'chmod go-w' and 'chown' on it." % (folder, reason)
                )

    def check_links(self) -> None:
        """Raise AirgapError if the file system has no symbolic links, although one is wanted."""
        if not self.links or os.path.islink(self.current):
            return
        aside = os.path.join(self.path, TEMPORARY_PREFIX + CURRENT)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(aside)
        try:
            os.symlink(RELEASES, aside)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            raise AirgapError(
                "The file system of %s has no symbolic links (%s), and the switch to a bundle is the rename of one. Nothing was "
                "changed. Set static_links to false: then %s is a folder, and the switch takes two renames, between which nothing "
                "is served." % (self.path, error.strerror, self.current)
            ) from error
        os.unlink(aside)

    def is_served_as_wanted(self) -> bool:
        """Return whether ``current`` is a link, or a folder where none is wanted."""
        return os.path.islink(self.current) == self.links

    def root(self, name: str) -> str:
        """Return the folder of a release."""
        return self.current if name == CURRENT else os.path.join(self.releases, name)

    def _bundle_of_current(self) -> str:
        """Return the bundle of a release that ``current`` is, "" if it is not one."""
        if os.path.islink(self.current) or not os.path.isdir(self.current):
            return ""
        try:
            data = read_if_exists(os.path.join(self.current, RECORD)) or b""
            bundle = _json.parse(data.decode("utf-8"), RECORD)["bundle"]
        except (AirgapError, OSError, KeyError, TypeError, ValueError):
            return ""
        return bundle if _manifest.is_id(bundle) else ""

    def names(self) -> t.List[str]:
        """Return the names of the releases, the one that was served last first."""
        found = [CURRENT] if self._bundle_of_current() else []
        if os.path.isdir(self.releases):
            found += [name for name in os.listdir(self.releases) if not name.startswith(TEMPORARY_PREFIX)]
        times = {name: os.lstat(self.root(name)).st_mtime for name in found if os.path.isdir(self.root(name))}
        return sorted(times, key=lambda name: (-times[name], name))

    def served(self) -> str:
        """Return the name of the release that is served, "" if there is none."""
        if self._bundle_of_current():
            return CURRENT
        try:
            folder, _dummy, name = os.readlink(self.current).partition("/")
        except OSError:
            return ""
        return name if folder == RELEASES and name in self.names() else ""

    @contextlib.contextmanager
    def scratch(self) -> t.Iterator[str]:
        """Return a folder to write a release into. It is removed unless it was renamed."""
        root = tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=self.releases)
        try:
            owner = os.stat(root).st_uid
            if owner not in (0, os.geteuid()):
                raise AirgapError(
                    "What this host writes to %s belongs to user %d. Mount it with uid=0 (SMB, FAT), or export it with "
                    "no_root_squash to this host (NFS)." % (self.path, owner)
                )
            # FAT has no modes. Whether the file server can read it is checked at the end.
            with contextlib.suppress(PermissionError):
                os.chmod(root, 0o755)
            yield root
        finally:
            shutil.rmtree(root, ignore_errors=True)

    def free_name(self, bundle: str) -> str:
        """Return a name for a release of a bundle: its id, and a number if one of this bundle exists."""
        name, number = bundle, 1
        while os.path.lexists(self.root(name)):
            number += 1
            name = "%s.%d" % (bundle, number)
        return name

    def _retire(self) -> str:
        """Give the release that ``current`` is a name among the others; return it, "" if there is none."""
        if os.path.islink(self.current) or not os.path.lexists(self.current):
            return ""
        bundle = self._bundle_of_current()
        if not bundle:
            raise AirgapError("%s is neither a link to a release nor a release. Remove it." % self.current)
        name = self.free_name(bundle)
        os.rename(self.current, self.root(name))
        return name

    def switch(self, name: str) -> str:
        """Serve a release, in one step, or without links in two; return its name from now on."""
        # The time is the order in which releases were served.
        os.utime(self.root(name))
        if not self.links:
            return self._switch_folders(name)
        former = self._retire()
        name = former if name == CURRENT else name
        aside = os.path.join(self.path, TEMPORARY_PREFIX + CURRENT)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(aside)
        os.symlink("%s/%s" % (RELEASES, name), aside)
        os.rename(aside, self.current)
        fsync_dir(self.path)
        return name

    def _switch_folders(self, name: str) -> str:
        if name != CURRENT:
            former = self._retire()
            if os.path.islink(self.current):
                former = self.served()
                os.unlink(self.current)
            try:
                os.rename(self.root(name), self.current)
            except OSError:
                # A file server may refuse it while a client reads there.
                if former:
                    os.rename(self.root(former), self.current)
                raise
            fsync_dir(self.path)
        return CURRENT

    def remove(self, name: str) -> None:
        """Remove a release. It loses its name first, so no half of it can be served later."""
        aside = os.path.join(self.releases, TEMPORARY_PREFIX + name)
        shutil.rmtree(aside, ignore_errors=True)
        os.rename(self.root(name), aside)
        shutil.rmtree(aside)


def superfluous(releases: t.Sequence[t.Tuple[str, str]], keep: int) -> t.List[str]:
    """Return the names of the releases to remove so that ``keep`` bundles remain, each with one release.

    ``releases`` are name and bundle of each: the one that is served, then the former one, then the others.
    """
    bundles: t.List[str] = []
    extra = []
    for name, bundle in releases:
        if bundle in bundles or len(bundles) >= max(keep, 1):
            extra.append(name)
        else:
            bundles.append(bundle)
    return extra


def walk(root: str) -> t.Tuple[t.Set[str], t.List[str]]:
    """Return the plain files below a folder, and what is wrong with kinds, owners and modes."""
    found, problems, folders = set(), [], [""]
    while folders:
        folder = folders.pop()
        for item in os.scandir(os.path.join(root, folder)):
            path = os.path.join(folder, item.name)
            status = item.stat(follow_symlinks=False)
            reason = other_writers(status)
            if reason:
                problems.append("%s can be changed by others: %s" % (path, reason))
            if stat.S_ISDIR(status.st_mode):
                folders.append(path)
            elif stat.S_ISREG(status.st_mode):
                found.add(path)
            else:
                problems.append("%s is neither a file nor a folder" % path)
            if status.st_mode & READABLE != READABLE:
                problems.append("%s cannot be read by the file server" % path)
    return found, problems


def check_mount(path: str, mount: str) -> None:
    """Raise AirgapError if a folder must be on another file system, and that is not mounted; "" is none."""
    if not mount:
        return
    mount = os.path.abspath(mount)
    if os.path.commonpath([mount, path]) != mount:
        raise AirgapError("%s is not below %s. Correct static_dir or static_mount." % (path, mount))
    if not os.path.ismount(mount):
        raise AirgapError(
            "Nothing is mounted at %s, so nothing was written to %s: nodes would not see it. Mount it, and run this again."
            % (mount, path)
        )


def link_or_copy(source: str, path: str, may_link: bool) -> None:
    """Give a file a second name, or copy it where that is not possible or the file server could not read it."""
    status = os.lstat(source)
    if not stat.S_ISREG(status.st_mode):
        raise AirgapError("%s is not a plain file. Transfer the bundle again." % source)
    if may_link and status.st_mode & READABLE == READABLE and not other_writers(status):
        try:
            os.link(source, path)
            return
        except OSError:
            # Another file system, or one without links, or too many of them.
            if os.path.lexists(path):
                raise
    with open_plain(source) as stream, open(path, "xb") as copy:
        shutil.copyfileobj(stream, copy, 1 << 20)
