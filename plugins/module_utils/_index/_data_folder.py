# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devpi's data folder, created completely or not at all.

devpi-init works in DATA/.init. When it has finished, its files are moved up, .serverversion last, so that this file
shows that all of them are in place. A run after a killed one continues. Nothing but DATA/.init is ever removed.

The password goes from its file into a configuration file of devpi-init that only the account can read, because every
user can read the arguments of a process.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

DONE = ".complete"


# What else may be in the folder: data that were moved aside.
STAYS = {"lost+found", ".replaced"}


def create(
    data: str,
    account: pwd.struct_passwd,
    password_file: str,
    devpi_init: t.Sequence[str],
    primary_url: str = "",
) -> None:
    """Create the data in DATA/.init and move them into place, as the account and without root's rights.

    With ``primary_url`` they are those of a replica, which gets all users from there.
    A command that starts a container is run by root: it says as whom the program in it runs.
    """
    with open(password_file, encoding="utf-8") as stream:
        password = stream.read().rstrip("\n")
    options = {"root-passwd": password} if not primary_url else {"role": "replica", "primary-url": primary_url}
    aside = os.path.join(data, ".init")
    config = os.path.join(aside, "init.yml")
    as_root = len(devpi_init) > 1

    def as_account(work: t.Callable[[], None]) -> t.Callable[[], None]:
        def work_as_account() -> None:
            become(account)
            work()

        return work_as_account

    def initialise() -> None:
        _init(aside, [*devpi_init, "-c", config])

    try:
        if not os.path.exists(os.path.join(aside, DONE)):
            in_child(as_account(lambda: _prepare(data, aside, config, options)))
            try:
                in_child(initialise if as_root else as_account(initialise))
            finally:
                in_child(as_account(lambda: os.unlink(config)))
            in_child(as_account(lambda: _mark(aside)))
        in_child(as_account(lambda: _move_up(data, aside)))
    except AirgapError as error:
        raise AirgapError(str(error).replace(password, "(password)")) from None


def in_child(work: t.Callable[[], None]) -> None:
    """Run a function in a process of its own, which may become another user; raises AirgapError with its reason to fail."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        failure = ""
        try:
            os.close(reading)
            work()
        except BaseException as error:
            failure = str(error) or type(error).__name__
        os.write(writing, failure.encode("utf-8", "replace")[:4000])
        os._exit(1 if failure else 0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream_of_child:
        failure = stream_of_child.read().decode("utf-8", "replace")
    dummy, status = os.waitpid(child, 0)
    if failure or status:
        raise AirgapError(failure or "The run was killed. Run it again.")


def become(account: pwd.struct_passwd) -> None:
    """Change from root to an account for good."""
    if os.geteuid() != account.pw_uid:
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    os.umask(0o077)
    os.chdir("/")


def _prepare(data: str, aside: str, config: str, options: t.Mapping[str, str]) -> None:
    """Write the configuration of devpi-init in a new folder."""
    if os.path.lexists(aside):
        shutil.rmtree(aside)
    rest = sorted(set(os.listdir(data)) - STAYS)
    if rest:
        raise AirgapError(
            "%s is not empty, and its content is not devpi's: %s. Empty it, or set devpi_data_dir to another folder."
            % (data, ", ".join(rest[:5]))
        )
    os.mkdir(aside, 0o700)
    handle = os.open(config, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    options = dict(options, serverdir=os.path.join(aside, "data"))
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write("devpi-server:\n  no-root-pypi: true\n")
        stream.writelines("  %s: '%s'\n" % (key, value.replace("'", "''")) for key, value in options.items())


def _init(aside: str, command: t.Sequence[str]) -> None:
    """Run devpi-init."""
    done = subprocess.run(
        command,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": aside, "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=aside,
        check=False,
    )
    if done.returncode != 0:
        output = done.stdout.decode("utf-8", "replace").strip()
        raise AirgapError("devpi-init failed in %s: %s" % (aside, output[-1500:]))


def _mark(aside: str) -> None:
    """Mark the folder: devpi-init has finished."""
    with open(os.path.join(aside, DONE), "w", encoding="utf-8") as stream:
        os.fsync(stream.fileno())


def _move_up(data: str, aside: str) -> None:
    """Move what was created into place, .serverversion last."""
    created = os.path.join(aside, "data")
    for name in sorted(os.listdir(created), key=_serverversion_last):
        os.rename(os.path.join(created, name), os.path.join(data, name))
    os.sync()
    shutil.rmtree(aside)


def _serverversion_last(name: str) -> t.Tuple[bool, str]:
    return name == ".serverversion", name
