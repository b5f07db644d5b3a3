# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A line between two hosts through the control host: bytes cross as a stream, and nothing is written on the way.

Ansible's connections have no call that passes a stream on: they fetch whole
files, put whole files, or keep all that a command prints. So two programs on
the control host do it, one that prints and one that takes. For a host that
Ansible reaches by ssh it is ssh, with the arguments that the connection has.
On both hosts the bytes go through a named pipe, because the module that reads
or writes them runs with become, and the line as the login user.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import threading
import time
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.text.converters import to_bytes, to_text
from ansible.utils.display import Display

BLOCK = 1 << 20
# Seconds between two words on how far a transfer is.
INTERVAL = 10
# How long an end is awaited that should come at once, in seconds.
SOON = 30
# What ssh shall do on this line, whatever else it is told: of several values it takes the first (ssh_config(5)).
# Ansible has ssh compress (-C), which takes long and gains nothing here: wheels and texts are packed. A terminal would
# change bytes, and ports that Ansible's own connection forwards are taken.
FIRST = ("-o", "Compression=no", "-o", "RequestTTY=no", "-o", "ClearAllForwardings=yes")
# A connection of its own, for one that others opened may compress. With a password only theirs can be used.
ALONE = ("-o", "ControlMaster=no", "-o", "ControlPath=none")
# Nobody is there to answer a question; a line that is dead is found after a minute.
LAST = ("-o", "BatchMode=yes", "-o", "ServerAliveInterval=20")


def folder() -> str:
    """Return a name on a host that nobody can guess, for the folder of a pipe."""
    return "/tmp/.airgap-" + os.urandom(16).hex()


# The line after which the piece begins: a login shell may print what it likes before.
BEGIN = b"airgap: the piece begins\n"
# Makes the pipe where nobody else gets at it, and removes it when the command ends. Who opens a pipe waits for the other
# side, for ever if that is gone; so a second process opens both sides after a while, longer than any module waits.
_PIPE = (
    """folder=%s; umask 077; mkdir "$folder" && trap 'rm -rf "$folder"' EXIT HUP TERM && mkfifo "$folder/pipe" && { """
    "(n=0; while test $n -lt %d && kill -0 $$; do sleep 2; n=$((n+1)); done; "
    """test -p "$folder/pipe" && : <> "$folder/pipe") < /dev/null > /dev/null 2>&1 & %s; }"""
)
# What a host says on standard error is kept in a file of this machine: at most 64 MiB (in blocks of 512 bytes).
LIMITED = ("/bin/sh", "-c", 'ulimit -f 131072; exec "$@"', "line")
# How many times two seconds that process waits.
STEPS = 65


def printing(pipe: str) -> str:
    """Return the shell command that prints what a module writes into a pipe, and then what went wrong."""
    begin = "echo " + shlex.quote(BEGIN.decode().strip())
    command = begin + '; cat "$folder/pipe"; test ! -e "$folder/error" || cat "$folder/error" >&2'
    return _PIPE % (shlex.quote(pipe), STEPS, command)


def taking(pipe: str) -> str:
    """Return the shell command that passes what it reads on to a module through a pipe."""
    return _PIPE % (shlex.quote(pipe), STEPS, 'cat > "$folder/pipe"')


def program(connection: t.Any, shell_command: str) -> t.List[str]:
    """Return the program on the control host that runs a shell command on the host of a connection, as its login user.

    Raises AnsibleActionFail for a connection that is neither ssh nor local.
    """
    inner = "/bin/sh -c " + shlex.quote(shell_command)
    if connection.transport == "local":
        return ["/bin/sh", "-c", shell_command]
    if connection.transport != "ssh":
        raise AnsibleActionFail(
            "A bundle crosses over the connections ssh and local, and this host has %s. Set ansible_connection, or "
            "carry the bundle on a disk (outside.yml, inside.yml)." % connection.transport
        )
    binary = connection.get_option("ssh_executable")
    # Not public, but as old as Ansible's ssh itself; tests notice when it goes.
    line = connection._build_command(binary, "ssh", *LAST, connection.get_option("host"), inner)
    return own(line, binary, bool(connection.get_option("password")))


def own(line: t.Sequence[bytes], binary: str, has_password: bool) -> t.List[str]:
    """Return ssh's command line without compression and, where no password is asked for, as a connection of its own.

    What stands before ssh, a program that answers for a password, goes.
    """
    words = list(line)
    words = words[words.index(to_bytes(binary)) + 1 :]
    words = [word for word in words if word != b"-C"]
    return [binary, *FIRST, *(() if has_password else ALONE), *(to_text(word) for word in words)]


def end_group(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> None:
    """End a program with all that it started."""
    with contextlib.suppress(OSError):
        os.killpg(process.pid, number)


def begun(read: t.Callable[[], bytes]) -> t.Optional[bytes]:
    """Read up to the line with which a piece begins; return what was read of the piece, or None where it never begins."""
    found = b""
    while BEGIN not in found:
        block = read()
        if not block or len(found) > BLOCK:
            return None
        found += block
    return found.partition(BEGIN)[2]


def write(target: int, block: bytes) -> int:
    """Write all of a block; return its length."""
    rest = memoryview(block)
    while rest:
        rest = rest[os.write(target, rest) :]
    return len(block)


def moving(source: int, target: int) -> t.Iterator[int]:
    """Pass all bytes of a pipe on to another one; say after each step how many they were."""
    while True:
        # Linux moves them without a copy.
        moved = os.splice(source, target, BLOCK) if hasattr(os, "splice") else write(target, os.read(source, BLOCK))
        if not moved:
            return
        yield moved


class Line:
    """A program that prints and one that takes, joined; runs until it is ended.

    ``said`` is a file that gets what they say on standard error, ``total`` how many bytes are expected.
    """

    def __init__(self, printer: t.Sequence[str], taker: t.Sequence[str], total: int, said: t.BinaryIO) -> None:
        self.total = total
        self.crossed = 0
        self.seconds = 0.0
        self.begun = time.monotonic()
        self.printer = subprocess.Popen(
            [*LIMITED, *printer], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, start_new_session=True
        )
        self.taker = subprocess.Popen(
            [*LIMITED, *taker], stdin=subprocess.PIPE, stdout=said, stderr=said, start_new_session=True
        )
        self.over = threading.Event()
        self.pump = threading.Thread(target=self.carry, daemon=True)
        self.watcher = threading.Thread(target=self.watch, daemon=True)
        self.pump.start()
        self.watcher.start()

    def carry(self) -> None:
        """Pass on all that is printed."""
        if not self.printer.stdout or not self.taker.stdin:
            return
        source, target = self.printer.stdout.fileno(), self.taker.stdin.fileno()
        try:
            begin = begun(lambda: os.read(source, BLOCK))
            if begin is not None:
                self.crossed = write(target, begin)
                for moved in moving(source, target):
                    self.crossed += moved
        except OSError:
            # The taker is gone; what it said tells why.
            end_group(self.printer)
        self.printer.stdout.close()
        self.taker.stdin.close()

    def watch(self) -> None:
        """Say how far it is, now and then."""
        while not self.over.wait(INTERVAL):
            Display().display("  %d of %d MB crossed" % (self.crossed // 1000000, self.total // 1000000))

    def end(self, is_good: bool) -> None:
        """Wait for the end, or after a failure bring it about."""
        if not is_good:
            end_group(self.printer)
            end_group(self.taker)
        for process in (self.printer, self.taker):
            try:
                process.wait(SOON)
            except subprocess.TimeoutExpired:
                end_group(process, signal.SIGKILL)
                process.wait()
        self.pump.join(SOON)
        self.over.set()
        self.seconds = time.monotonic() - self.begun

    def reason(self, said: str) -> str:
        """Return what there is to know of a line that failed: what both said, without what ssh only notes, or how they ended."""
        words = [word for word in said.splitlines() if word.strip() and not word.startswith("debug")]
        if words:
            return " ".join(words)[-500:]
        return "sending ended with status %s, receiving with %s." % (self.printer.returncode, self.taker.returncode)
