# SPDX-License-Identifier: GPL-3.0-or-later
"""What a line promises: every byte, in a connection of its own that packs nothing, and an end when one side ends."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import tempfile
import threading
import time
import types

import pytest
from ansible.errors import AnsibleActionFail
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader
from ansible_collections.airgap.python.plugins.module_utils._transfer import _pipe, _stream
from ansible_collections.airgap.python.plugins.module_utils._transfer._parts import Part
from ansible_collections.airgap.python.plugins.modules import bundle_send
from ansible_collections.airgap.python.plugins.plugin_utils import _relay


def words(**options):
    """Return the program for a host that Ansible reaches by its own ssh plugin."""
    connection = connection_loader.get("ssh", PlayContext(), os.devnull)
    connection.set_options(
        var_options=dict(
            {"ansible_host": "node", "ansible_ssh_common_args": "-o ProxyCommand='ssh -W %h:%p b'"}, **options
        )
    )
    return _relay.program(connection, "cat 'a b'")


def test_line_to_a_host_has_ansibles_own_arguments_and_is_not_compressed():
    line = words()
    assert line[:5] == ["ssh", "-o", "Compression=no", "-o", "RequestTTY=no"]
    assert "-C" not in line
    assert "ProxyCommand=ssh -W %h:%p b" in line
    assert line[-2:] == ["node", "/bin/sh -c 'cat '\"'\"'a b'\"'\"''"]
    # Of several values ssh takes the first.
    assert [one for one in line if one.startswith("ControlPath=")][0] == "ControlPath=none"


def test_line_never_asks_and_with_a_password_uses_the_connection_that_is_open():
    line = words(ansible_password="secret")
    assert "secret" not in " ".join(line)
    assert line[0] == "ssh" and "BatchMode=yes" in line
    assert "ControlPath=none" not in line


def test_connection_that_passes_no_stream_on_is_refused_with_the_way_round():
    with pytest.raises(AnsibleActionFail, match="this host has winrm.*on a disk"):
        _relay.program(types.SimpleNamespace(transport="winrm"), "cat")


HELLO = "echo '%s'; " % _relay.BEGIN.decode().strip()


def carry(printer, taker):
    """Join two shell commands; return what the line counted and what they said."""
    with tempfile.TemporaryFile() as said:
        line = _relay.Line(["sh", "-c", HELLO + printer], ["sh", "-c", taker], 1, said)
        line.end(True)
        said.seek(0)
        return line.crossed, said.read().decode()


def test_what_a_login_shell_prints_is_no_part_of_the_piece(tmp_path):
    with tempfile.TemporaryFile() as said:
        printer = "echo Welcome; sleep 0.1; %s cat /dev/null; printf wheel" % HELLO
        line = _relay.Line(["sh", "-c", printer], ["sh", "-c", "cat > %s/out" % tmp_path], 1, said)
        line.end(True)
    assert (tmp_path / "out").read_text() == "wheel"
    assert _relay.begun(iter([b"noise", bytes(1 << 21), b"more"]).__next__) is None


def test_what_ssh_notes_does_not_hide_what_was_wrong():
    with tempfile.TemporaryFile() as said:
        line = _relay.Line(["true"], ["false"], 1, said)
        line.end(True)
    assert line.reason("no such file\n" + "debug1: channel 0: free\n" * 99) == "no such file"
    assert line.reason("debug1: x\n") == "sending ended with status 0, receiving with 1."


@pytest.mark.parametrize("has_splice", [True, False])
def test_every_byte_crosses_and_is_counted(tmp_path, monkeypatch, has_splice):
    if not has_splice:
        monkeypatch.delattr(os, "splice", raising=False)
    (tmp_path / "in").write_bytes(os.urandom(5000000))
    assert carry("cat %s/in" % tmp_path, "cat > %s/out" % tmp_path) == (5000000, "")
    assert (tmp_path / "out").read_bytes() == (tmp_path / "in").read_bytes()


def test_line_ends_when_one_side_does_and_keeps_what_it_said():
    assert carry("cat /dev/zero", "echo full >&2; exit 1")[1] == "full\n"
    assert carry("echo gone >&2; exit 1", "cat") == (0, "gone\n")


def test_what_a_host_says_beside_the_piece_does_not_fill_the_disk(monkeypatch):
    monkeypatch.setattr(_relay, "LIMITED", tuple(word.replace("131072", "20") for word in _relay.LIMITED))
    crossed, said = carry("yes >&2", "cat > /dev/null")
    assert crossed == 0
    assert len(said) == 20 * 512


@pytest.mark.parametrize("printing", [_relay.printing, lambda pipe: "cat /dev/zero"], ids=["waiting", "busy"])
def test_failure_ends_both_sides_and_leaves_no_pipe(tmp_path, printing):
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    with tempfile.TemporaryFile() as said:
        line = _relay.Line(["sh", "-c", printing(one)], ["sh", "-c", _relay.taking(two)], 1, said)
        pipes = [two] if "zero" in printing(one) else [one, two]
        while not all(os.path.exists(pipe + "/pipe") for pipe in pipes):
            time.sleep(0.01)
        line.end(False)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("command", [_relay.printing, _relay.taking])
def test_command_that_waits_for_a_module_which_is_gone_does_not_wait_for_ever(tmp_path, monkeypatch, command):
    monkeypatch.setattr(_relay, "STEPS", 1)
    subprocess.run(["sh", "-c", command(str(tmp_path / "pipe"))], stdin=subprocess.DEVNULL, check=False, timeout=30)
    assert os.listdir(tmp_path) == []


def test_pipe_on_a_host_is_closed_to_others_and_goes_away(tmp_path):
    pipe = str(tmp_path / "a b")
    with subprocess.Popen(["sh", "-c", _relay.taking(pipe)], stdin=subprocess.PIPE) as taker:
        taker.stdin.write(b"text")
        taker.stdin.close()
        with contextlib.closing(_pipe.Pipe(pipe + "/pipe", os.O_RDONLY)) as end:
            assert stat.S_IMODE(os.stat(pipe).st_mode) == 0o700
            assert end.read(9) == b"text"
    assert os.listdir(tmp_path) == []


def test_what_went_wrong_on_the_sending_host_is_printed_apart_from_the_piece(tmp_path):
    pipe = str(tmp_path / "pipe")

    def lost(emit):
        _stream.write(str(tmp_path), [Part("lost.whl", 0, 1)], emit)

    sender = threading.Thread(target=bundle_send.serve, args=(lost, pipe))
    sender.start()
    done = subprocess.run(["sh", "-c", _relay.printing(pipe)], capture_output=True, check=False)
    sender.join()
    assert done.stdout == _relay.BEGIN and b"lost.whl" in done.stderr
    assert os.listdir(tmp_path) == []


def test_module_that_ran_twice_sends_its_piece_once(tmp_path):
    pipe = str(tmp_path / "pipe")
    (tmp_path / "a.whl").write_bytes(bytes(3000000))
    parts = [Part("a.whl", 0, 3000000)]
    senders = [
        threading.Thread(target=bundle_send.serve, args=(lambda emit: _stream.write(str(tmp_path), parts, emit), pipe))
        for _run in range(2)
    ]
    for sender in senders:
        sender.start()
    done = subprocess.run(["sh", "-c", _relay.printing(pipe)], capture_output=True, check=False)
    for sender in senders:
        sender.join()
    assert done.stdout == _relay.BEGIN + bytes(3000000) and done.stderr == b""
