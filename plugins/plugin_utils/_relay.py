# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The relay: it passes a stream from one host to another through the control host, and writes none of it to a disk.

Ansible's connections cannot do that: they fetch whole files, write whole files, or keep all that a command prints. So the
relay joins two programs on the control host, one that prints the stream and one that reads it. For a host that Ansible
reaches by ssh, the program is ssh with the arguments of that connection. On both hosts relay.sh connects it to the module
through a named pipe, because the module runs with become and the relay as the login user.
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

# How many bytes are moved at once.
CHUNK = 1 << 20
# Seconds between two messages of progress.
INTERVAL = 10
# How many seconds to wait for something that should happen at once.
GRACE = 30
# ssh takes the first of several values (ssh_config(5)), so these count, whatever else is configured. Ansible asks for
# compression (-C), which takes long and gains nothing here: wheels and the open part are compressed. A terminal would change
# bytes, and the ports that Ansible's own connection forwards are in use.
FIRST = ("-o", "Compression=no", "-o", "RequestTTY=no", "-o", "ClearAllForwardings=yes")
# A connection of its own, because a shared one may compress. With a password only the shared one can be used.
SEPARATE = ("-o", "ControlMaster=no", "-o", "ControlPath=none")
# Nobody can answer a prompt. A dead connection is noticed after a minute.
LAST = ("-o", "BatchMode=yes", "-o", "ServerAliveInterval=20")
# The line before the stream: a login shell may print anything before it.
MARKER = b"airgap: the stream starts\n"
# What the hosts print on standard error goes to a file of this machine: at most 64 MiB (in blocks of 512 bytes).
LIMITED = ("/bin/sh", "-c", 'ulimit -f 131072; exec "$@"', "relay")
# How many times two seconds relay.sh waits for the module: longer than the module waits for it (_pipe.TIMEOUT).
STEPS = 65


def host_program(direction: str, folder: str) -> t.List[str]:
    """Return the arguments that run relay.sh on a host; ``direction`` is "send" or "receive", ``folder`` gets the pipe."""
    with open(os.path.join(os.path.dirname(__file__), "relay.sh"), encoding="utf-8") as stream:
        lines = [line.strip() for line in stream]
    script = " ".join(line for line in lines if line and not line.startswith("#"))
    return ["/bin/sh", "-c", script, "relay", direction, folder, str(STEPS), MARKER.decode().strip()]


def pipe_folder() -> str:
    """Return a path on a host that nobody can guess, for the folder of a pipe."""
    return "/tmp/.airgap-" + os.urandom(16).hex()


def program_for(connection: t.Any, words: t.Sequence[str]) -> t.List[str]:
    """Return the arguments on the control host that run a program on the host of a connection, as its login user.

    Raises AnsibleActionFail for a connection that is neither ssh nor local.
    """
    if connection.transport == "local":
        return list(words)
    if connection.transport != "ssh":
        raise AnsibleActionFail(
            "A bundle can cross the connections ssh and local, and this host has %s. Set ansible_connection, or carry the "
            "bundle on a disk (outside.yml, inside.yml)." % connection.transport
        )
    binary = connection.get_option("ssh_executable")
    inner = " ".join(shlex.quote(word) for word in words)
    # Not public, but as old as Ansible's ssh plugin itself; the tests notice when it is removed.
    command = connection._build_command(binary, "ssh", *LAST, connection.get_option("host"), inner)
    return ssh_command(command, binary, bool(connection.get_option("password")))


def ssh_command(command: t.Sequence[bytes], binary: str, has_password: bool) -> t.List[str]:
    """Return Ansible's ssh command without compression and, unless it needs a password, with a connection of its own.

    A program before ssh, which supplies a password, is removed.
    """
    words = list(command)
    words = words[words.index(to_bytes(binary)) + 1 :]
    words = [word for word in words if word != b"-C"]
    return [binary, *FIRST, *(() if has_password else SEPARATE), *(to_text(word) for word in words)]


def end_group(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> None:
    """End a program and everything that it started."""
    with contextlib.suppress(OSError):
        os.killpg(process.pid, number)


def skip_to_stream(read: t.Callable[[], bytes]) -> t.Optional[bytes]:
    """Read up to the marker; return what was read after it, or None if the stream never starts."""
    found = b""
    while MARKER not in found:
        chunk = read()
        if not chunk or len(found) > CHUNK:
            return None
        found += chunk
    return found.partition(MARKER)[2]


def write_all(target: int, chunk: bytes) -> int:
    """Write all of a chunk; return its length."""
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(target, rest) :]
    return len(chunk)


def copy(source: int, target: int) -> t.Iterator[int]:
    """Copy all bytes of one pipe to another; yield the number of bytes of each step."""
    while True:
        # On Linux the kernel moves them without copying.
        count = os.splice(source, target, CHUNK) if hasattr(os, "splice") else write_all(target, os.read(source, CHUNK))
        if not count:
            return
        yield count


class Relay:
    """A program that prints a stream and one that reads it, connected until end() is called.

    ``total`` is how many bytes are expected, for messages. ``errors`` is a file for what the programs print otherwise.
    """

    def __init__(self, sender: t.Sequence[str], receiver: t.Sequence[str], total: int, errors: t.BinaryIO) -> None:
        self.total = total
        self.crossed = 0
        self.seconds = 0.0
        self.started = time.monotonic()
        self.sender = subprocess.Popen(
            [*LIMITED, *sender], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, start_new_session=True
        )
        self.receiver = subprocess.Popen(
            [*LIMITED, *receiver], stdin=subprocess.PIPE, stdout=errors, stderr=errors, start_new_session=True
        )
        self.is_over = threading.Event()
        self.copying = threading.Thread(target=self.copy_stream, daemon=True)
        self.showing = threading.Thread(target=self.show_progress, daemon=True)
        self.copying.start()
        self.showing.start()

    def copy_stream(self) -> None:
        """Pass the whole stream to the receiver."""
        if not self.sender.stdout or not self.receiver.stdin:
            return
        source, target = self.sender.stdout.fileno(), self.receiver.stdin.fileno()
        try:
            start = skip_to_stream(lambda: os.read(source, CHUNK))
            if start is not None:
                self.crossed = write_all(target, start)
                for count in copy(source, target):
                    self.crossed += count
        except OSError:
            # The receiver ended; what it printed says why.
            end_group(self.sender)
        self.sender.stdout.close()
        self.receiver.stdin.close()

    def show_progress(self) -> None:
        """Display how many bytes have crossed, at intervals."""
        while not self.is_over.wait(INTERVAL):
            Display().display("  %d of %d MB transferred" % (self.crossed // 1000000, self.total // 1000000))

    def end(self, is_good: bool) -> None:
        """Wait until both programs end; after a failure, end them."""
        if not is_good:
            end_group(self.sender)
            end_group(self.receiver)
        for process in (self.sender, self.receiver):
            deadline = time.monotonic() + GRACE
            while process.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(1)
                    break
                if time.monotonic() > deadline:
                    end_group(process, signal.SIGKILL)
                elif not is_good:
                    # Again: a program that a shell has just started may have missed the signal.
                    end_group(process)
        self.copying.join(GRACE)
        self.is_over.set()
        self.seconds = time.monotonic() - self.started

    def reason(self, errors: str) -> str:
        """Return why the relay failed: what both programs printed, without ssh's debug messages, or how they ended."""
        lines = [line for line in errors.splitlines() if line.strip() and not line.startswith("debug")]
        if lines:
            return " ".join(lines)[-500:]
        return "the sending program ended with status %s, the receiving one with %s." % (
            self.sender.returncode,
            self.receiver.returncode,
        )
