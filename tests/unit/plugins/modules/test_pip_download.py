# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of pip_download that changes nothing does without."""

from __future__ import annotations

import os
import subprocess
import sys

MODULES = "ansible_collections.airgap.python.plugins"
CODE = (
    "import sys; import %s.modules.pip_download; print(sorted(name for name in sys.modules if '._' in name))" % MODULES
)


def test_unchanged_run_imports_nothing_that_only_a_bundle_or_a_proof_needs():
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    imported = subprocess.run([sys.executable, "-c", CODE], env=environment, check=True, stdout=subprocess.PIPE).stdout
    for name in ("_bundle", "_wheels._closure", "_wheels._packaging"):
        assert "%s.module_utils.%s" % (MODULES, name) not in imported.decode()
    assert "%s.module_utils._wheels._lock'" % MODULES in imported.decode()
