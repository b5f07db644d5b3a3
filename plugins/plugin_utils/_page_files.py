# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The templates and the style of pages, which are next to the code that fills them: Ansible sends only Python files to a host.

An action plugin adds them after Ansible has templated the arguments, so Ansible does not read them as templates.
"""

from __future__ import annotations

import os

from ansible_collections.airgap.python.plugins import module_utils

# Below module_utils.
REPORT = "_report/report.html.j2"
SITE = "_site/site.html.j2"
HANDOUT = "_clients/handout.html.j2"
STYLE = "_report/report.css"


def read(name: str) -> str:
    """Return the text of a file of module_utils, by its path there."""
    with open(os.path.join(next(iter(module_utils.__path__)), name), encoding="utf-8") as stream:
        return stream.read()
