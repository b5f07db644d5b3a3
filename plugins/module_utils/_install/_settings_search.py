# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a host in which pip finds settings that override those of the site."""

from __future__ import annotations

import errno
import glob
import netrc
import os
import pwd
import re
import stat
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._install import _user_settings
from ansible_collections.airgap.python.plugins.module_utils._text import shown

# No file that a person writes is larger, and a host has no more users of its own.
LARGEST = 1 << 20
MOST_USERS = 2000
EVERYONES_CONFIG = "etc/xdg/pip/pip.conf"
EVERYONES_LOGIN = (
    "etc/environment",
    "etc/security/pam_env.conf",
    "etc/environment.d/*.conf",
    "etc/profile",
    "etc/profile.d/*.sh",
    "etc/bash.bashrc",
    "etc/bashrc",
    "etc/zshenv",
    "etc/zsh/zshenv",
)
CONFIG = (".pip/pip.conf", ".config/pip/pip.conf")
LOGIN = (
    ".pam_environment",
    ".config/environment.d/*.conf",
    ".ssh/environment",
    ".profile",
    ".bash_profile",
    ".bash_login",
    ".bashrc",
    ".zshenv",
    ".zprofile",
    ".zshrc",
)


def opened(path: str) -> t.Optional[int]:
    """Return a descriptor of a file of somebody's; None where there is none that a person would write."""
    try:
        # Opening a pipe or a device of a user's choice would do something already; O_PATH (open(2)) does nothing.
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            about = os.fstat(place)
            if not stat.S_ISREG(about.st_mode) or about.st_size > LARGEST:
                return None
            return os.open("/proc/self/fd/%d" % place, os.O_RDONLY | os.O_CLOEXEC)
        finally:
            os.close(place)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM):
            raise
        return None


def text_of(path: str) -> t.Optional[str]:
    """Return the text of a file, or None where there is none."""
    handle = opened(path)
    if handle is None:
        return None
    with os.fdopen(handle, "rb") as stream:
        return stream.read(LARGEST).decode("utf-8", "replace")


def logins_of(path: str) -> t.Any:
    """Return the hosts of a netrc; None where it is broken, and no hosts where there is none."""
    handle = opened(path)
    if handle is None:
        return ()
    try:
        return tuple(netrc.netrc("/dev/fd/%d" % handle).hosts)
    except (netrc.NetrcParseError, ValueError):
        return None
    finally:
        os.close(handle)


class Host:
    """The files of a host, and what was found in them."""

    def __init__(self, url: str, ours: str, root: str = "/") -> None:
        self.url = url
        self.root = root
        self.findings: t.List[_user_settings.Finding] = []
        self.unread: t.List[str] = []
        self.is_weaker = tuple(re.findall(r"(?m)^([a-z-]+) *=", ours))

    def note(self, path: str, user: str, effects: t.Sequence[str]) -> None:
        """Keep what was found."""
        if effects:
            self.findings.append(_user_settings.Finding(plain(path), plain(user), tuple(effects)))

    def config(self, path: str, name: str, user: str = "", is_weaker: t.Sequence[str] = ()) -> None:
        """Judge a configuration of pip's."""
        text = text_of(path)
        if text is not None:
            self.note(name, user, _user_settings.config_effects(text, self.url, is_weaker))

    def login(self, folder: str, patterns: t.Sequence[str], shown_as: str, user: str, no_proxy: str) -> str:
        """Judge the files that a login reads; return what they say of no_proxy."""
        files = [path for one in patterns for path in sorted(glob.glob(os.path.join(glob.escape(folder), one)))]
        found = {path: _user_settings.assignments(text_of(path) or "") for path in files}
        for variables in found.values():
            no_proxy = variables.get("no_proxy") or variables.get("NO_PROXY") or no_proxy
        for path, variables in found.items():
            name = os.path.join(shown_as, os.path.relpath(path, folder))
            self.note(name, user, _user_settings.variable_effects(variables, self.url, no_proxy))
        return no_proxy

    def homes(self) -> t.Dict[str, str]:
        """Return the folders of people, each with the name of its user."""
        homes = {path: os.path.basename(path) for path in sorted(glob.glob(os.path.join(self.root, "home/*")))}
        homes[os.path.join(self.root, "root")] = "root"
        if self.root == "/":
            homes.update(
                (os.path.realpath(one.pw_dir), one.pw_name) for one in pwd.getpwall() if one.pw_dir.count("/") > 1
            )
        return dict(list(homes.items())[:MOST_USERS])

    def look(self, environments: t.Sequence[str]) -> None:
        """Look at all that pip would read."""
        self.config(os.path.join(self.root, EVERYONES_CONFIG), "/" + EVERYONES_CONFIG, "", self.is_weaker)
        no_proxy = self.login(self.root, EVERYONES_LOGIN, "/", "", "")
        for folder in sorted({folder for pattern in environments for folder in glob.glob(pattern)}):
            self.config(os.path.join(folder, "pip.conf"), os.path.join(folder, "pip.conf"))
        for home, user in self.homes().items():
            try:
                for name in CONFIG:
                    self.config(os.path.join(home, name), "~/" + name, user)
                self.login(home, LOGIN, "~", user, no_proxy)
                self.note(
                    "~/.netrc", user, _user_settings.netrc_effects(logins_of(os.path.join(home, ".netrc")), self.url)
                )
            except OSError:
                self.unread.append(user)


def plain(text: str) -> str:
    """Return a name that others chose in a form that is only shown."""
    return re.sub(r"\{(?=[{%#])", "(", shown(text))
