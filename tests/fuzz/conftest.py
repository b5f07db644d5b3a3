# SPDX-License-Identifier: GPL-3.0-or-later
"""The seed of a run, and how many places it damages."""

from __future__ import annotations

import os
import random


def pytest_configure(config):
    """Choose the seed once, so that every worker and every message has the same."""
    os.environ.setdefault("FUZZ_SEED", str(random.SystemRandom().randrange(10**9)))
    os.environ.setdefault("FUZZ_PLACES", "40")


def pytest_report_header(config):
    """Show how to repeat this run."""
    return "fuzz: FUZZ_SEED=%(FUZZ_SEED)s FUZZ_PLACES=%(FUZZ_PLACES)s" % os.environ


def pytest_terminal_summary(terminalreporter):
    """Show it again below the failures, where it is read."""
    terminalreporter.write_line(pytest_report_header(None))
