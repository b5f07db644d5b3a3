# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation that the modules that run pip share."""

from __future__ import annotations


class ModuleDocFragment:
    """Options: which pip to run, and how it reaches its indexes."""

    DOCUMENTATION = r"""
options:
  proxy:
    description: The proxy to the indexes.
    type: str
  cert:
    description: A file with the certificates to trust.
    type: path
  python:
    description: The interpreter whose pip (version 23.2 or newer) is run. By default the one that runs this module.
    type: path
  virtualenv:
    description: The virtual environment whose pip is run.
    type: path
  log:
    description: A file to which every pip command and its output is appended.
    type: path
"""
