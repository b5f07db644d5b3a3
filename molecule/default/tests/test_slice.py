# SPDX-License-Identifier: GPL-3.0-or-later
"""Three packages that plain `pip download` gets wrong, installed by the real pip of two nodes.

`make matrix` compares many more packages by their metadata; here the nodes install them.
"""

from __future__ import annotations

import json

import pytest
from ansible_collections.airgap.python.plugins.module_utils._target import _target_parser
from conftest import ASIDE, on, read, run, staged_aside

# That a node gets what its own markers ask for is seen in test_nodes.py, too.
pytestmark = pytest.mark.long
# Three projects that plain pip downloads incompletely for one of these nodes.
SLICE = ("flask", "pytest", "devpi-server")
SLICE_NODES = ("node39", "node313")

# The nodes and packages for which plain pip downloads too little, as measured.
PLAINLY_WRONG = [("node39", "flask"), ("node39", "pytest"), ("node313", "devpi-server")]
PIP = "/srv/airgap/stage/venv/bin/python -m pip"


@pytest.fixture(name="bundle", scope="module")
def bundle_fixture(tmp_path_factory):
    """Put a bundle with the projects on the nodes; return the folder that has it here."""
    folder = str(tmp_path_factory.mktemp("aside"))
    sets = [{"name": package, "requirements": [package], "targets": list(SLICE_NODES)} for package in SLICE]
    with staged_aside(folder, sets):
        yield folder


def install(node, package, folder, arguments):
    """Install in a new environment of the node, from a folder only."""
    venv = "%s/venv-%s" % (ASIDE, package)
    read(node, "rm -rf %s && python3 -m venv --without-pip %s" % (venv, venv))
    lock = read(node, "tail -1 %s/bundle/locks/airgap-pip/%s.txt" % (ASIDE, node))
    pip = "%s/bundle/wheels/%s" % (ASIDE, lock.split("  # ")[1].split(" ")[0])
    # The same switch that locked_venv uses on a Debian without distutils.
    switch = "import sysconfig, sys, runpy; sysconfig._PIP_USE_SYSCONFIG = True; sys.path.insert(0, sys.argv[1]); "
    switch += "sys.argv = ['pip'] + sys.argv[2:]; runpy.run_module('pip', run_name='__main__')"
    command = '%s/bin/python -c "%s" %s install --no-index --find-links %s %s' % (venv, switch, pip, folder, arguments)
    return on(node, command)


@pytest.mark.parametrize("package", SLICE)
@pytest.mark.parametrize("node", SLICE_NODES)
def test_bundle_for_a_node_installs_there_completely(bundle, node, package):
    lock = "%s/bundle/locks/%s/%s.txt" % (ASIDE, package, node)
    result = install(node, package, ASIDE + "/bundle/wheels", "--require-hashes -r " + lock)
    assert result.rc == 0, result.out[-1500:]
    assert "Successfully installed" in result.out


@pytest.mark.parametrize(("node", "package"), PLAINLY_WRONG)
def test_files_that_plain_pip_downloads_for_the_same_node_do_not_install(bundle, node, package):
    with open(bundle + "/bundle/manifest.json", encoding="utf-8") as stream:
        raw = [one for one in json.load(stream)["targets"] if one["name"] == node][0]
    folder = "%s/plain-%s-%s" % (ASIDE, node, package)
    arguments = " ".join(_target_parser.parse(raw)[0].pip_arguments())
    # Plain pip reports nothing and succeeds.
    read("internet", "%s download -q --only-binary :all: -d %s %s %s" % (PIP, folder, arguments, package))
    assert run(["podman", "cp", "airgap-internet:" + folder, bundle]).rc == 0
    assert run(["podman", "cp", "%s/%s" % (bundle, folder.rpartition("/")[2]), "airgap-%s:%s/" % (node, ASIDE)]).rc == 0
    result = install(node, package + "-plain", folder, package)
    assert result.rc != 0
    assert "No matching distribution found" in result.out
