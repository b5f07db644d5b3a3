# SPDX-License-Identifier: GPL-3.0-or-later
"""What the relay promises: every byte, over an uncompressed connection of its own, and an end when one side ends."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shlex
import stat
import subprocess
import tempfile
import threading
import time
import types
import typing as t

import pytest
from ansible.errors import AnsibleActionFail
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader
from ansible_collections.airgap.python.plugins.module_utils._transfer import _pipe, _sender, _stream
from ansible_collections.airgap.python.plugins.module_utils._transfer._parts import Part
from ansible_collections.airgap.python.plugins.plugin_utils import _relay


def program(**options: t.Any) -> t.List[str]:
    """Return the program for a host that Ansible reaches by its own ssh plugin."""
    connection = connection_loader.get("ssh", PlayContext(), os.devnull)
    connection.set_options(
        var_options=dict(
            {"ansible_host": "node", "ansible_ssh_common_args": "-o ProxyCommand='ssh -W %h:%p b'"}, **options
        )
    )
    return _relay.program_for(connection, ["cat", "a b"])


def test_program_for_a_host_has_ansibles_own_arguments_and_does_not_compress() -> None:
    words = program()
    assert words[:5] == ["ssh", "-o", "Compression=no", "-o", "RequestTTY=no"]
    assert "-C" not in words
    assert "ProxyCommand=ssh -W %h:%p b" in words
    assert words[-2:] == ["node", "cat 'a b'"]
    # ssh takes the first of several values.
    assert [one for one in words if one.startswith("ControlPath=")][0] == "ControlPath=none"


def test_program_never_prompts_and_with_a_password_uses_the_connection_that_is_open(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # ansible-core 2.18 looks for sshpass before it uses a password. Nothing runs it here.
    (tmp_path / "sshpass").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    (tmp_path / "sshpass").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    words = program(ansible_password="secret")
    assert "secret" not in " ".join(words)
    assert words[0] == "ssh" and "BatchMode=yes" in words
    assert "ControlPath=none" not in words


def test_connection_that_cannot_relay_is_refused_with_the_alternatives() -> None:
    with pytest.raises(AnsibleActionFail, match="this host has winrm.*on a disk"):
        _relay.program_for(types.SimpleNamespace(transport="winrm"), ["cat"])


@pytest.mark.parametrize("direction", ["send", "receive"])
def test_program_of_a_host_is_one_line_for_any_login_shell(direction: str) -> None:
    words = _relay.host_program(direction, "/tmp/a b")
    assert not [word for word in words if "\n" in word]
    assert shlex.split(" ".join(shlex.quote(word) for word in words)) == words
    subprocess.run(["sh", "-n", "-c", words[2]], check=True)


HELLO = "echo '%s'; " % _relay.MARKER.decode().strip()


def relay_between(sender: str, receiver: str) -> t.Tuple[int, str]:
    """Connect two shell commands; return how many bytes crossed and what the commands printed otherwise."""
    with tempfile.TemporaryFile() as errors:
        relay = _relay.Relay(["sh", "-c", HELLO + sender], ["sh", "-c", receiver], 1, errors)
        relay.end(True)
        errors.seek(0)
        return relay.crossed, errors.read().decode()


def test_what_a_login_shell_prints_is_not_part_of_the_stream(tmp_path: pathlib.Path) -> None:
    with tempfile.TemporaryFile() as errors:
        sender = "echo Welcome; sleep 0.1; %s cat /dev/null; printf wheel" % HELLO
        relay = _relay.Relay(["sh", "-c", sender], ["sh", "-c", "cat > %s/out" % tmp_path], 1, errors)
        relay.end(True)
    assert (tmp_path / "out").read_text() == "wheel"
    assert _relay.skip_to_stream(iter([b"noise", bytes(1 << 21), b"more"]).__next__) is None


def test_debug_messages_of_ssh_do_not_hide_the_reason_of_a_failure() -> None:
    with tempfile.TemporaryFile() as errors:
        relay = _relay.Relay(["true"], ["false"], 1, errors)
        relay.end(True)
    assert relay.reason("no such file\n" + "debug1: channel 0: free\n" * 99) == "no such file"
    assert relay.reason("debug1: x\n") == "the sending program ended with status 0, the receiving one with 1."


@pytest.mark.parametrize("has_splice", [True, False])
def test_every_byte_crosses_and_is_counted(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, has_splice: bool
) -> None:
    if not has_splice:
        monkeypatch.delattr(os, "splice", raising=False)
    (tmp_path / "in").write_bytes(os.urandom(5000000))
    assert relay_between("cat %s/in" % tmp_path, "cat > %s/out" % tmp_path) == (5000000, "")
    assert (tmp_path / "out").read_bytes() == (tmp_path / "in").read_bytes()


def test_relay_ends_when_one_side_does_and_keeps_what_that_printed() -> None:
    assert relay_between("cat /dev/zero", "echo full >&2; exit 1")[1] == "full\n"
    assert relay_between("echo missing >&2; exit 1", "cat") == (0, "missing\n")


def test_errors_that_a_host_prints_do_not_fill_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_relay, "LIMITED", tuple(word.replace("131072", "20") for word in _relay.LIMITED))
    crossed, printed = relay_between("yes >&2", "cat > /dev/null")
    assert crossed == 0
    assert len(printed) == 20 * 512


@pytest.mark.parametrize("is_busy", [False, True], ids=["waiting", "busy"])
def test_failure_ends_both_sides_and_leaves_no_pipe(tmp_path: pathlib.Path, is_busy: bool) -> None:
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    sender = ["cat", "/dev/zero"] if is_busy else _relay.host_program("send", one)
    with tempfile.TemporaryFile() as errors:
        relay = _relay.Relay(sender, _relay.host_program("receive", two), 1, errors)
        pipes = [two] if is_busy else [one, two]
        while not all(os.path.exists(pipe + "/pipe") for pipe in pipes):
            time.sleep(0.01)
        relay.end(False)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("direction", ["send", "receive"])
def test_program_whose_module_never_comes_does_not_wait_for_ever(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, direction: str
) -> None:
    monkeypatch.setattr(_relay, "STEPS", 1)
    command = _relay.host_program(direction, str(tmp_path / "pipe"))
    subprocess.run(command, stdin=subprocess.DEVNULL, check=False, timeout=30)
    assert os.listdir(tmp_path) == []


def test_pipe_on_a_host_is_private_and_is_removed(tmp_path: pathlib.Path) -> None:
    folder = str(tmp_path / "a b")
    with subprocess.Popen(_relay.host_program("receive", folder), stdin=subprocess.PIPE) as receiver:
        assert receiver.stdin is not None
        receiver.stdin.write(b"text")
        receiver.stdin.close()
        with contextlib.closing(_pipe.Pipe(folder + "/pipe", os.O_RDONLY)) as end:
            assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
            assert end.read(9) == b"text"
    assert os.listdir(tmp_path) == []


def receive_from(folder: str, *senders: threading.Thread) -> subprocess.CompletedProcess[bytes]:
    """Start senders; return what relay.sh printed."""
    for sender in senders:
        sender.start()
    done = subprocess.run(_relay.host_program("send", folder), capture_output=True, check=False)
    for sender in senders:
        sender.join()
    return done


def test_failure_on_the_sending_host_is_printed_apart_from_the_stream(tmp_path: pathlib.Path) -> None:
    folder = str(tmp_path / "pipe")

    def fail(emit: t.Callable[[bytes], t.Any]) -> None:
        _stream.write(str(tmp_path), [Part("lost.whl", 0, 1)], emit)

    done = receive_from(folder, threading.Thread(target=_sender.serve, args=(fail, folder)))
    assert done.stdout == _relay.MARKER and b"lost.whl" in done.stderr
    assert os.listdir(tmp_path) == []


def test_module_that_ran_twice_sends_its_stream_once(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The second one waits for a pipe that never comes.
    monkeypatch.setattr(_pipe.Pipe.__init__, "__defaults__", (5.0,))
    folder = str(tmp_path / "pipe")
    (tmp_path / "a.whl").write_bytes(bytes(3000000))
    parts = [Part("a.whl", 0, 3000000)]

    def send(emit: t.Callable[[bytes], t.Any]) -> None:
        _stream.write(str(tmp_path), parts, emit)

    done = receive_from(folder, *(threading.Thread(target=_sender.serve, args=(send, folder)) for _run in range(2)))
    assert done.stdout == _relay.MARKER + bytes(3000000) and done.stderr == b""
