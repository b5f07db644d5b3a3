# SPDX-License-Identifier: GPL-3.0-or-later
"""Make devpi's data folder, complete or not at all: init_data.py DATA USER PASSWORD_FILE DEVPI_INIT.

devpi-init works in DATA/.init. What it made is moved up when it has finished,
.serverversion last, so that this file says that all is there. A run that was
killed is taken up again. Nothing but DATA/.init is ever removed.

The password goes from its file into a configuration file of devpi-init that
only USER can read, because everybody can read the arguments of a process.
"""

import os
import pwd
import shutil
import subprocess
import sys

DONE = ".complete"


def become(name):
    """Give up root for a system user, for good."""
    user = pwd.getpwnam(name)
    if os.geteuid() != user.pw_uid:
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)


def make(aside, password, devpi_init):
    """Run devpi-init in a new folder and mark it when it has finished."""
    os.mkdir(aside, 0o700)
    config = os.path.join(aside, "init.yml")
    handle = os.open(config, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(
            "devpi-server:\n  serverdir: '%s'\n  no-root-pypi: true\n  root-passwd: '%s'\n"
            % (os.path.join(aside, "data").replace("'", "''"), password.replace("'", "''"))
        )
    try:
        environment = {"PATH": "/usr/bin:/bin", "HOME": aside, "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            [devpi_init, "-c", config],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=aside,
            check=False,
        )
    finally:
        os.unlink(config)
    if done.returncode != 0:
        said = done.stdout.decode("utf-8", "replace").strip().replace(password, "(password)")
        sys.exit("devpi-init failed in %s: %s" % (aside, said[-1500:]))
    with open(os.path.join(aside, DONE), "w") as stream:
        os.fsync(stream.fileno())


def main():
    """Make the data aside, then move them to their place."""
    data, user, password_file, devpi_init = sys.argv[1:]
    with open(password_file, encoding="utf-8") as stream:
        password = stream.read().rstrip("\n")
    become(user)
    os.umask(0o077)
    aside = os.path.join(data, ".init")
    if not os.path.exists(os.path.join(aside, DONE)):
        if os.path.lexists(aside):
            shutil.rmtree(aside)
        rest = sorted(set(os.listdir(data)) - {"lost+found"})
        if rest:
            sys.exit(
                "%s is not empty and not devpi's: %s. Empty it, or set devpi_data_dir to another folder."
                % (data, ", ".join(rest[:5]))
            )
        make(aside, password, devpi_init)
    made = os.path.join(aside, "data")
    for name in sorted(os.listdir(made), key=lambda one: (one == ".serverversion", one)):
        os.rename(os.path.join(made, name), os.path.join(data, name))
    os.sync()
    shutil.rmtree(aside)


if __name__ == "__main__":
    main()
