# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules share that run pip."""

from __future__ import annotations


class ModuleDocFragment:
    """Options that say which pip is run, and how it reaches its indexes."""

    DOCUMENTATION = r"""
options:
  proxy:
    description: The proxy to the indexes.
    type: str
  cert:
    description: A file with the certificates to trust.
    type: path
  python:
    description: The interpreter that runs pip, version 23.2 or newer. By default the one that runs this module.
    type: path
  virtualenv:
    description: The virtual environment whose pip is run.
    type: path
  log:
    description: A file to which every pip command and its output is appended.
    type: path
"""
