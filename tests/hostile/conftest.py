# SPDX-License-Identifier: GPL-3.0-or-later
"""How many cases are played, and the sites on which they are played."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import typing as t
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.hostile.site import Site
from tests.integration import small_bundle
from tests.integration.devpi_server import ROOT_PASSWORD, devpi_bin, process  # noqa: F401  # pylint: disable=unused-import
from tests.integration.simple_index import SimpleIndex

PLAYED: t.List[int] = []


def pytest_configure(config):
    """Choose the cases once, so that every message has the same seed."""
    os.environ.setdefault("HOSTILE_SEED", str(random.SystemRandom().randrange(10**9)))
    os.environ.setdefault("HOSTILE_CASES", "2")
    config.addinivalue_line("markers", "devpi_server: needs PyPI once, and starts a real devpi-server on loopback")


def pytest_report_header(config):
    """Show how to repeat this run."""
    return "hostile: HOSTILE_SEED=%(HOSTILE_SEED)s HOSTILE_CASES=%(HOSTILE_CASES)s" % os.environ


def pytest_terminal_summary(terminalreporter):
    """Show how many answers were changed, and how to repeat this run."""
    terminalreporter.write_line(
        "%d answers were changed, in %d plays. %s" % (sum(PLAYED), len(PLAYED), pytest_report_header(None))
    )


@pytest.fixture(scope="session")
def played():
    """Return the list of how many answers each case changed."""
    return PLAYED


@pytest.fixture(scope="session")
def sites(process):  # noqa: F811
    """Return the sites after an honest run: one for a slice, two for all cases, of which two are played at a time."""
    index = SimpleIndex()
    index.files.update(small_bundle.application() + [small_bundle.installed_wheel("pip")])
    index.add("devpi_server", "6.20.3")
    root = tempfile.mkdtemp(prefix="airgap-hostile-", dir="/var/lib")
    try:
        made = [
            Site(os.path.join(root, "site%d" % number), index.url, process.url, ROOT_PASSWORD + "\n")
            for number in range(2 if os.environ["HOSTILE_CASES"] == "all" else 1)
        ]
        with ThreadPoolExecutor(len(made)) as pool:
            list(pool.map(Site.make, made))
        yield made
    finally:
        index.stop()
        shutil.rmtree(root)


@pytest.fixture
def site(sites):
    """Return one site, before the bundle was received inside."""
    sites[0].restore("before")
    return sites[0]
