# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever the bytes of a SHA256SUMS are, they are refused, or mean what sha256sum reads from them."""

from __future__ import annotations

import os
import subprocess
import tempfile
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle import _sums
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from hypothesis import example, given, settings
from hypothesis import strategies as st

SUM = "0123456789abcdef" * 4
MANIFEST = "%s  manifest.json\n" % SUM
# What ends a line, is a blank or hides in a name, to some reader or other; letters that differ in case or form.
ODD = "\n\r\x0b\x0c\x1c\x85\u2028\u2029\x00\\ *\t\u00a0\u202e/.\u00fcu\u0308\u0130"
NAMES = st.text(alphabet=st.sampled_from("aAb." + ODD), min_size=0, max_size=6)
PATHS = st.builds(
    "".join, st.tuples(st.sampled_from(["wheels/", "wheels/a", "locks/s/", "reports/", "install/", ""]), NAMES)
)
LINES = st.builds(
    "".join,
    st.tuples(
        st.sampled_from([SUM, SUM.upper(), SUM[:-1], "\\" + SUM, "f" * 64]),
        st.sampled_from(["  ", " *", " ", "\t"]),
        PATHS,
        st.sampled_from(["\n", "\n", "\n", "\r\n", "", "\x0c\n", "\u2028"]),
    ),
)
GOOD = st.builds((SUM + "  wheels/{}\n").format, st.text(alphabet="aAbc.-/", min_size=1, max_size=5))
TEXTS = st.lists(st.one_of(GOOD, LINES), max_size=5).map(lambda lines: (MANIFEST + "".join(lines)).encode("utf-8"))
BYTES = st.one_of(TEXTS, st.builds(lambda data: MANIFEST.encode() + data, st.binary(max_size=40)))


def read_by_us(data: bytes) -> t.Optional[t.Dict[str, str]]:
    """Return path to sum as modules and install.sh read it, None where they refuse."""
    try:
        return _sums.parse(data.decode("utf-8"))
    except (AirgapError, UnicodeDecodeError):
        return None


@settings(max_examples=200, deadline=None, derandomize=True)
@given(BYTES)
@example((MANIFEST + "%s  wheels/a\x0c\n" % SUM).encode())
@example((MANIFEST + "%s  wheels/a\u2028%s  wheels/b\n" % (SUM, SUM)).encode())
@example((MANIFEST + "%s  wheels/a" % SUM).encode())
@example((MANIFEST + "%s  wheels/a\n%s  wheels/a/b\n" % (SUM, SUM)).encode())
@example((MANIFEST + "%s  wheels/a\n%s  wheels/a\n" % (SUM, "f" * 64)).encode())
@example((MANIFEST + "%s  SHA256SUMS\n" % SUM).encode())
def test_sums_that_are_accepted_are_what_sha256sum_reads(data):
    read = read_by_us(data)
    if read is None:
        return
    with tempfile.TemporaryDirectory() as empty:
        # In an empty folder it names each file that it looked for.
        said = subprocess.run(
            ["sha256sum", "--check", "--strict"],
            input=data,
            cwd=empty,
            env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            check=False,
        ).stdout
    looked_for = [line[: -len(b": FAILED open or read")] for line in said.splitlines()]
    assert looked_for == [path.encode() for path in read]
