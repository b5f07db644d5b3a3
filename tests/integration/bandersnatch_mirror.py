# SPDX-License-Identifier: GPL-3.0-or-later
"""bandersnatch_mirror as Ansible runs it, with the real bandersnatch from PyPI, against an index on loopback."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

from tests.integration import kept

REQUIREMENT = "bandersnatch>=6.8,<9"
HERE = {"name": "here", "python": "3.11.2", "libc": "glibc-2.36"}
RUN = """
import json, sys
from ansible.module_utils.testing import patch_module_args
from ansible_collections.airgap.python.plugins.modules.bandersnatch_mirror import main
with patch_module_args(json.loads(sys.argv[1])):
    main()
"""


def install():
    """Return the folder of the commands of an environment with bandersnatch, installed once."""
    # The module that installs it in a real run takes an environment without pip for an unfinished one.
    return kept.environment("bandersnatch-venv", REQUIREMENT, "pip")


class Mirror:
    """A mirror in a folder."""

    def __init__(self, index, folder):
        self.index = index
        self.path = folder / "mirror"
        self.web = self.path / "web"
        self.log = folder / "pip.log"

    def file(self, filename):
        """Return a file of the index as a lock names it."""
        name, version = filename.split("-")[:2]
        sha256 = hashlib.sha256(self.index.files[filename]).hexdigest()
        found = {"name": name, "version": version, "filename": filename, "sha256": sha256}
        return dict(found, size=0, origin=self.index.url + filename)

    def __call__(self, *filenames, check=False, targets=(HERE,), environment=None, **options):
        """Run the module for files of the index; return its result."""
        arguments = {
            "path": str(self.path),
            "files": [self.file(one) if isinstance(one, str) else one for one in filenames],
            "targets": list(targets),
            "program": str(install() / "bandersnatch"),
            "index_url": self.index.url,
            "python": sys.executable,
            "log": str(self.log),
            "_ansible_check_mode": check,
            "_ansible_diff": True,
        }
        arguments.update(options)
        settings = {"PYTHONPATH": os.path.abspath(".collections"), "no_proxy": "127.0.0.1"}
        done = subprocess.run(
            [sys.executable, "-c", RUN, json.dumps(arguments)],
            env=dict(os.environ, **dict(settings, **(environment or {}))),
            stdout=subprocess.PIPE,
            check=False,
        )
        return json.loads(done.stdout)

    def packages(self):
        """Return the names of the files in the mirror."""
        return sorted(path.name for path in (self.web / "packages").rglob("*") if path.is_file())
