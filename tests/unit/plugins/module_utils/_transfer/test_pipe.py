# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pipe promises: both ends meet, neither waits for ever, and nothing else is written to."""

from __future__ import annotations

import contextlib
import os
import threading

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._transfer import _pipe


def test_both_ends_of_a_pipe_connect_in_any_order(tmp_path):
    path, data = str(tmp_path / "pipe"), os.urandom(3000000)

    def send():
        with contextlib.closing(_pipe.Pipe(path, os.O_WRONLY)) as pipe:
            pipe.write(data)

    sender = threading.Thread(target=send)
    sender.start()
    os.mkfifo(path)
    with contextlib.closing(_pipe.Pipe(path, os.O_RDONLY)) as pipe:
        assert b"".join(iter(lambda: pipe.read(1 << 20), b"")) == data
    sender.join()


def test_pipe_without_a_peer_fails_after_the_timeout(tmp_path):
    path = str(tmp_path / "pipe")
    with pytest.raises(AirgapError, match="did not connect"):
        _pipe.Pipe(path, os.O_RDONLY, timeout=0.05)
    os.mkfifo(path)
    with pytest.raises(AirgapError, match="did not connect"):
        _pipe.Pipe(path, os.O_WRONLY, timeout=0.05)
    with contextlib.closing(_pipe.Pipe(path, os.O_RDONLY, timeout=0.05)) as pipe:
        with pytest.raises(AirgapError, match="Nothing arrived"):
            pipe.read(1)
        with contextlib.closing(_pipe.Pipe(path, os.O_WRONLY)) as other, pytest.raises(
            AirgapError, match="read nothing"
        ):
            other.timeout = 0.05
            other.write(bytes(1 << 24))


@pytest.mark.parametrize("create", [lambda path: path.write_text("x"), lambda path: path.symlink_to("/dev/null")])
def test_file_or_link_in_place_of_the_pipe_is_not_written_to(tmp_path, create):
    create(tmp_path / "pipe")
    with pytest.raises((AirgapError, OSError)):
        _pipe.Pipe(str(tmp_path / "pipe"), os.O_WRONLY, timeout=0.05)
