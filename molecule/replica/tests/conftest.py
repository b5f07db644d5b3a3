# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab with two index hosts, as the tests see it."""

from __future__ import annotations

import concurrent.futures
import importlib.util
import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
_SPEC = importlib.util.spec_from_file_location("lab", os.path.join(ROOT, "molecule/default/tests/conftest.py"))
assert _SPEC is not None and _SPEC.loader is not None
lab = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(lab)

INDEXES = ("index", "index2")
INVENTORIES = ("-i", os.path.join(ROOT, "molecule/replica/inventory"))
PIPS = 20


def play(playbook, *arguments):
    """Run a playbook on the lab with both index hosts."""
    return lab.play(*INVENTORIES, playbook, *arguments)


def kill(host):
    """Let a host die: nothing answers at its address any more."""
    done = lab.run(["podman", "kill", "airgap-" + host])
    assert done.rc == 0, done.out


def start_again():
    """Start the hosts that died."""
    done = play("molecule/lab/create.yml")
    assert done.rc == 0, done.out


def install(number):
    """Install all of a lock into a new folder on one of the nodes, with the pip and the settings of that node."""
    node = lab.NODES[number % len(lab.NODES)]
    folder = "/tmp/replica/%d" % number
    command = (
        "rm -rf {0} && /opt/airgap/base/bin/pip install --quiet --no-cache-dir --target {0} {1} && ls {0} && rm -rf {0}"
    )
    lock = "--require-hashes -r /opt/airgap/base/airgap-lock.txt"
    return lab.on(node, command.format(folder, lock))


def install_while(host):
    """Install with 20 pips at a time, and let a host die when the first of them is done.

    Return the outputs of those that failed, and how many were not done when the host died.
    """
    with concurrent.futures.ThreadPoolExecutor(PIPS) as pool:
        pips = [pool.submit(install, number) for number in range(PIPS)]
        concurrent.futures.wait(pips, return_when=concurrent.futures.FIRST_COMPLETED)
        kill(host)
        unfinished = sum(not one.done() for one in pips)
        return [one.result().out for one in pips if one.result().rc], unfinished
