# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Search of a host's files for settings that override the site's pip.conf."""

from __future__ import annotations

import errno
import glob
import netrc
import os
import pwd
import re
import stat
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._clients import _overrides
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._text import shown

# A file that a person writes is not larger, and a host does not have more local users.
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


def open_regular(path: str) -> t.Optional[int]:
    """Return a descriptor of a user's file; None if there is no regular file of a usual size."""
    try:
        # Opening a pipe or a device has effects, and the user may have placed one there; O_PATH (open(2)) has none.
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


def read_text(path: str) -> t.Optional[str]:
    """Return the text of a file, or None if there is none."""
    handle = open_regular(path)
    if handle is None:
        return None
    with os.fdopen(handle, "rb") as stream:
        return stream.read(LARGEST).decode("utf-8", "replace")


def read_netrc_hosts(path: str) -> t.Any:
    """Return the hosts of a netrc; None if it is broken, no hosts if there is no file."""
    handle = open_regular(path)
    if handle is None:
        return ()
    try:
        return tuple(netrc.netrc("/dev/fd/%d" % handle).hosts)
    except (netrc.NetrcParseError, ValueError):
        return None
    finally:
        os.close(handle)


class Search:
    """A search of the files of a host, and its findings."""

    def __init__(self, url: str, site_config: str, root: str = "/") -> None:
        self.url = url
        self.root = root
        self.findings: t.List[_overrides.Finding] = []
        self.unread: t.List[str] = []
        self.overridden = tuple(re.findall(r"(?m)^([a-z-]+) *=", site_config))

    def add(self, path: str, user: str, effects: t.Sequence[str]) -> None:
        """Add a finding, if it has an effect."""
        if effects:
            self.findings.append(_overrides.Finding(safe(path), safe(user), tuple(effects)))

    def read_config(self, path: str, name: str, user: str = "", overridden: t.Sequence[str] = ()) -> None:
        """Check a configuration file of pip."""
        text = read_text(path)
        if text is not None:
            self.add(name, user, _overrides.config_effects(text, self.url, overridden))

    def read_login(self, folder: str, patterns: t.Sequence[str], shown_as: str, user: str, no_proxy: str) -> str:
        """Check the files that a login reads; return their value of no_proxy."""
        files = [path for one in patterns for path in sorted(glob.glob(os.path.join(glob.escape(folder), one)))]
        found = {path: _overrides.assignments(read_text(path) or "") for path in files}
        for variables in found.values():
            no_proxy = variables.get("no_proxy") or variables.get("NO_PROXY") or no_proxy
        for path, variables in found.items():
            name = os.path.join(shown_as, os.path.relpath(path, folder))
            self.add(name, user, _overrides.variable_effects(variables, self.url, no_proxy))
        return no_proxy

    def homes(self) -> t.Dict[str, str]:
        """Return home folders, each with the name of its user."""
        homes = {path: os.path.basename(path) for path in sorted(glob.glob(os.path.join(self.root, "home/*")))}
        homes[os.path.join(self.root, "root")] = "root"
        if self.root == "/":
            homes.update(
                (os.path.realpath(one.pw_dir), one.pw_name) for one in pwd.getpwall() if one.pw_dir.count("/") > 1
            )
        return dict(list(homes.items())[:MOST_USERS])

    def run(self, environments: t.Sequence[str]) -> None:
        """Check every file that pip would read."""
        self.read_config(os.path.join(self.root, EVERYONES_CONFIG), "/" + EVERYONES_CONFIG, "", self.overridden)
        no_proxy = self.read_login(self.root, EVERYONES_LOGIN, "/", "", "")
        for folder in sorted({folder for pattern in environments for folder in glob.glob(pattern)}):
            self.read_config(os.path.join(folder, "pip.conf"), os.path.join(folder, "pip.conf"))
        for home, user in self.homes().items():
            try:
                for name in CONFIG:
                    self.read_config(os.path.join(home, name), "~/" + name, user)
                self.read_login(home, LOGIN, "~", user, no_proxy)
                self.add(
                    "~/.netrc",
                    user,
                    _overrides.netrc_effects(read_netrc_hosts(os.path.join(home, ".netrc")), self.url),
                )
            except OSError:
                self.unread.append(user)


def safe(text: str) -> str:
    """Return a name that others chose without control characters and template syntax."""
    return re.sub(r"\{(?=[{%#])", "(", shown(text))


def search(module: AnsibleModule) -> t.Dict[str, t.Any]:
    """Search the host, warn of each kind of finding, and return the module's result."""
    params = module.params
    try:
        found = Search(params["index_url"], read_text(params["path"]) or "")
        found.run(params["environments"])
    except OSError as error:
        raise AirgapError("%s cannot be read: %s. Run this as root." % (error.filename, error.strerror)) from error
    for sentence in _overrides.sentences(found.findings, params["path"]):
        module.warn(sentence)
    if found.unread:
        names = ", ".join(safe(name) for name in found.unread[: _overrides.MOST])
        module.warn(
            "Settings of %d users, such as %s, cannot be read and were not checked." % (len(found.unread), names)
        )
    findings = [{"path": one.path, "user": one.user, "effects": list(one.effects)} for one in found.findings]
    return {"changed": False, "findings": findings}
