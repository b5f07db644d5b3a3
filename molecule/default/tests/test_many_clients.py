# SPDX-License-Identifier: GPL-3.0-or-later
"""Many nodes install at the same time, and none fails."""

from __future__ import annotations

import concurrent.futures

from conftest import NODES, on

PIPS = 20


def test_twenty_pips_at_the_same_time_all_install():
    """`make clients` does five rounds and prints how long they take."""

    def install(number):
        folder = "/tmp/many/%d" % number
        command = "/opt/airgap/base/bin/pip install --quiet --no-cache-dir --no-deps --target %s jmespath && rm -r %s"
        return on(NODES[number % len(NODES)], command % (folder, folder))

    with concurrent.futures.ThreadPoolExecutor(PIPS) as pool:
        done = list(pool.map(install, range(PIPS)))
    assert [one.out for one in done if one.rc] == []
