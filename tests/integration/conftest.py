# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Marks of the tests that need more than Python, and pip_download as Ansible runs it, against an index on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.integration.pip_download import OLD
from tests.integration.simple_index import SimpleIndex


def pytest_configure(config):
    """Make the marks known, so that a misspelt one is an error."""
    config.addinivalue_line("markers", "devpi_server: needs PyPI once, and starts a real devpi-server on loopback")


RUN = """
import json, sys
from ansible.module_utils.testing import patch_module_args
from ansible_collections.airgap.python.plugins.modules.pip_download import main
with patch_module_args(json.loads(sys.argv[1])):
    main()
"""


@pytest.fixture(name="index")
def index_fixture():
    """Return an index whose application needs other packages on each target."""
    index = SimpleIndex()
    index.add(
        "app",
        "1.0",
        requires=["backport>=1; python_version < '3.10'", "winlib; sys_platform == 'win32'", "native", "extra[more]"],
    )
    index.add("backport", "1.2")
    index.add("winlib", "3", tag="cp312-cp312-win_amd64")
    for tag in ("cp39-cp39-manylinux_2_17_x86_64", "cp313-cp313-manylinux_2_39_x86_64", "cp312-cp312-win_amd64"):
        index.add("native", "2.0", tag=tag)
    index.add("native", "2.1", tag="cp39-cp39-manylinux_2_36_x86_64")
    index.add("native", "2.1", tag="cp313-cp313-manylinux_2_36_x86_64")
    index.add("extra", "1", requires=["oldonly; extra == 'more' and python_full_version < '3.9.3'"])
    index.add("oldonly", "1")
    yield index
    index.stop()


class Download:
    """Runs pip_download as Ansible does, into a bundle in a folder."""

    def __init__(self, index, folder):
        self.index_url = index.url
        self.log = folder / "pip.log"
        self.parent = folder / "bundle"
        self.pool = self.parent / "wheels"
        self.locks = self.parent / "locks/base"

    def start(self, targets=(OLD,), check=False, environment=None, **options):
        """Return the process of a run that has started."""
        arguments = {
            "requirements": ["app"],
            "dest": str(self.pool),
            "lock_dest": str(self.locks),
            "targets": list(targets),
            "index_url": self.index_url,
            "python": sys.executable,
            "log": str(self.log),
        }
        arguments.update(options)
        arguments = {key: value for key, value in arguments.items() if value is not None}
        arguments["_ansible_check_mode"] = check
        settings = {"PIP_NO_CACHE_DIR": "1", "PIP_RETRIES": "0", "PYTHONPATH": os.path.abspath(".collections")}
        settings.update(environment or {})
        return subprocess.Popen(
            [sys.executable, "-c", RUN, json.dumps(arguments)],
            env=dict(os.environ, **settings),
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def __call__(self, *arguments, **options):
        """Run the module; return its result."""
        return json.loads(self.start(*arguments, **options).communicate()[0])


@pytest.fixture(name="download")
def download_fixture(index, tmp_path):
    """Return what runs the module against the index."""
    return Download(index, tmp_path)
