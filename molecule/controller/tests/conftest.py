# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab with a control host inside, as the tests see it."""

from __future__ import annotations

import importlib.util
import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
_SPEC = importlib.util.spec_from_file_location("lab", os.path.join(ROOT, "molecule/default/tests/conftest.py"))
assert _SPEC is not None and _SPEC.loader is not None
lab = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(lab)

DESK = os.path.join(ROOT, ".lab/controller")
SCENARIO = (
    "-i",
    os.path.join(ROOT, "molecule/controller/inventory"),
    "-e",
    "@" + os.path.join(ROOT, "molecule/controller/files/site.yml"),
    "--limit",
    "localhost,all,!node39,!node311",
)


def play(playbook, *arguments):
    """Run a playbook on the lab from this machine."""
    return lab.play(*SCENARIO, playbook, *arguments)
