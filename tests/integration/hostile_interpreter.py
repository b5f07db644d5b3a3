# SPDX-License-Identifier: GPL-3.0-or-later
"""An interpreter of a host that is not to be trusted: it runs the real module, and then changes the answer."""

from __future__ import annotations

import sys

SCRIPT = """#!%s
import json, subprocess, sys
done = subprocess.run([%r] + sys.argv[1:], stdout=subprocess.PIPE)
said = done.stdout.decode()
try:
    answer = json.loads(said)
except ValueError:
    answer = None
if isinstance(answer, dict):
    change = {}
    exec(%r, change)
    said = json.dumps(change["change"](answer))
sys.stdout.write(said)
sys.exit(done.returncode)
"""


def make(path, change):
    """Write an interpreter; ``change`` is Python that defines change(answer), which returns another answer."""
    path.write_text(SCRIPT % (sys.executable, sys.executable, change), encoding="utf-8")
    path.chmod(0o755)
    return str(path)
