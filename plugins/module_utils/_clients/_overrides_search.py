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
# uv reads this file instead of /etc/uv/uv.toml.
EVERYONES_UV = "etc/xdg/uv/uv.toml"
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
# What cron jobs and services get; the names of the files in the last one are those of users.
SERVICES = ("etc/crontab", "etc/cron.d/*", "etc/default/*", "etc/sysconfig/*")
CRONTABS = ("var/spool/cron/crontabs/*", "var/spool/cron/*")
SYSTEMD = (
    "etc/systemd/system.conf",
    "etc/systemd/system.conf.d/*.conf",
    "etc/systemd/user.conf",
    "etc/systemd/user.conf.d/*.conf",
    "etc/systemd/system/*.service",
    "etc/systemd/system/*.d/*.conf",
)
CONFIG = (".pip/pip.conf", ".config/pip/pip.conf")
UV_CONFIG = ".config/uv/uv.toml"
# Where environments usually are, in the system and in a home folder. Each may have a pip.conf.
ENVIRONMENTS = ("opt/*", "opt/*/*", "srv/*", "srv/*/*")
OWN_ENVIRONMENTS = (
    "*",
    ".*",
    "*/.venv",
    "*/venv",
    ".virtualenvs/*",
    ".local/share/pipx/venvs/*",
    ".local/pipx/venvs/*",
)
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

    def __init__(self, ours: _overrides.Ours, site_config: str, root: str = "/") -> None:
        self.ours = ours
        self.root = root
        self.findings: t.List[_overrides.Finding] = []
        self.unread: t.List[str] = []
        self.overridden = tuple(re.findall(r"(?m)^([a-z-]+) *=", site_config))
        self.checked: t.Set[str] = set()

    def add(self, path: str, user: str, effects: t.Iterable[_overrides.Effect]) -> None:
        """Add what was found in a file."""
        self.findings += _overrides.findings(safe(path), safe(user), effects)

    def read_config(self, path: str, name: str, user: str = "", overridden: t.Sequence[str] = ()) -> None:
        """Check a configuration file of pip, once."""
        text = read_text(path) if path not in self.checked else None
        self.checked.add(path)
        if text is not None:
            self.add(name, user, _overrides.config_effects(text, self.ours, overridden))

    def read_uv(self, path: str, name: str, user: str = "") -> None:
        """Check a configuration file of uv."""
        text = read_text(path)
        if text is not None:
            self.add(name, user, _overrides.uv_toml_effects(text, self.ours))

    def read_environments(self, folder: str, patterns: t.Sequence[str], shown_as: str, user: str = "") -> None:
        """Check the pip.conf of each environment."""
        for pattern in patterns:
            for path in sorted(glob.glob(os.path.join(glob.escape(folder), pattern, "pip.conf"))):
                if os.path.lexists(os.path.join(os.path.dirname(path), "pyvenv.cfg")):
                    self.read_config(path, os.path.join(shown_as, os.path.relpath(path, folder)), user)

    def read_variables(
        self,
        patterns: t.Sequence[str],
        parse: t.Callable[[str], t.Dict[str, _overrides.Setting]],
        no_proxy: str,
        has_user: bool = False,
    ) -> None:
        """Check files of the system that set variables."""
        for pattern in patterns:
            for path in sorted(glob.glob(os.path.join(self.root, pattern))):
                variables = parse(read_text(path) or "")
                name, user = "/" + os.path.relpath(path, self.root), os.path.basename(path) if has_user else ""
                self.add(name, user, _overrides.variable_effects(variables, self.ours, no_proxy))

    def read_login(self, folder: str, patterns: t.Sequence[str], shown_as: str, user: str, no_proxy: str) -> str:
        """Check the files that a login reads; return their value of no_proxy."""
        files = [path for one in patterns for path in sorted(glob.glob(os.path.join(glob.escape(folder), one)))]
        found = {path: _overrides.assignments(read_text(path) or "") for path in files}
        for variables in found.values():
            values = [variables[name].value for name in ("no_proxy", "NO_PROXY") if name in variables]
            no_proxy = next((value for value in values if value), no_proxy)
        for path, variables in found.items():
            name = os.path.join(shown_as, os.path.relpath(path, folder))
            self.add(name, user, _overrides.variable_effects(variables, self.ours, no_proxy))
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
        """Check every file that pip and uv would read."""
        self.read_config(os.path.join(self.root, EVERYONES_CONFIG), "/" + EVERYONES_CONFIG, "", self.overridden)
        self.read_uv(os.path.join(self.root, EVERYONES_UV), "/" + EVERYONES_UV)
        no_proxy = self.read_login(self.root, EVERYONES_LOGIN, "/", "", "")
        self.read_variables(SERVICES, _overrides.assignments, no_proxy)
        self.read_variables(CRONTABS, _overrides.assignments, no_proxy, has_user=True)
        self.read_variables(SYSTEMD, _overrides.systemd_assignments, no_proxy)
        for folder in sorted({folder for pattern in environments for folder in glob.glob(pattern)}):
            self.read_config(os.path.join(folder, "pip.conf"), os.path.join(folder, "pip.conf"))
        self.read_environments(self.root, ENVIRONMENTS, "/")
        for home, user in self.homes().items():
            try:
                for name in CONFIG:
                    self.read_config(os.path.join(home, name), "~/" + name, user)
                self.read_uv(os.path.join(home, UV_CONFIG), "~/" + UV_CONFIG, user)
                self.read_environments(home, OWN_ENVIRONMENTS, "~", user)
                self.read_login(home, LOGIN, "~", user, no_proxy)
                hosts = read_netrc_hosts(os.path.join(home, ".netrc"))
                self.add("~/.netrc", user, _overrides.netrc_effects(hosts, self.ours.url))
            except OSError:
                self.unread.append(user)


def safe(text: str) -> str:
    """Return a name that others chose without control characters and template syntax."""
    return re.sub(r"\{(?=[{%#])", "(", shown(text))


def search(
    module: AnsibleModule,
    ours: _overrides.Ours,
    site_config: str,
    site_files: t.Mapping[str, str],
    environments: t.Sequence[str],
) -> t.List[t.Dict[str, t.Any]]:
    """Search the host, warn of each kind of finding, and return the findings.

    ``site_config`` is the text of the site's pip.conf, ``site_files`` the site's configuration by client.
    """
    found = Search(ours, site_config)
    try:
        found.run(environments)
    except OSError as error:
        raise AirgapError("%s cannot be read: %s. Run this as root." % (error.filename, error.strerror)) from error
    for sentence in _overrides.sentences(found.findings, site_files):
        module.warn(sentence)
    if found.unread:
        names = ", ".join(safe(name) for name in found.unread[: _overrides.MOST])
        module.warn(
            "Settings of %d users, such as %s, cannot be read and were not checked." % (len(found.unread), names)
        )
    return [
        {"path": one.path, "user": one.user, "client": one.client, "effects": list(one.effects)}
        for one in found.findings
        if one.client in site_files
    ]
