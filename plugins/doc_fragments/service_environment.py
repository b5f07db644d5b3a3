# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the option environment, which the modules that run a service share."""

from __future__ import annotations


class ModuleDocFragment:
    """The environment that a service is installed in, from a bundle."""

    DOCUMENTATION = r"""
options:
  environment:
    description:
      - Install the environment O(venv) from a bundle, so that it holds exactly what a lock says, as M(airgap.python.locked_venv) does.
        It is checked with everything else first. The former environment is kept until the service runs with the new one, and
        restored if it does not.
      - If it is not given, the environment is used as it is.
    type: dict
    suboptions:
      lock_content:
        description: The text of the lock.
        type: str
        required: true
      pip_wheel:
        description: The wheel of pip, which installs the rest.
        type: path
        required: true
      pip_wheel_sha256:
        description: Its SHA-256, which is checked before it is run.
        type: str
      find_links:
        description: The folders with the files of the lock. No index is asked.
        type: list
        elements: path
        required: true
"""
