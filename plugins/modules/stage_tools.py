#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: stage_tools
short_description: Install the tools of the internet host
version_added: 0.1.0
description:
  - Creates folders, and a virtual environment with pip and what else runs next to it.
  - The first of O(requirements) is pip itself. It is upgraded before the others are resolved, because an old pip takes minutes
    for what a new one resolves in seconds.
  - If everything that is required is installed, no index is asked for newer versions.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode. Whether tools are missing is not known before the environment exists.
    support: full
options:
  folders:
    description: Folders to create, and those above them. Only their owner can write to them.
    type: list
    elements: path
    default: []
  virtualenv:
    description: The virtual environment.
    type: path
    required: true
  python:
    description: The interpreter that creates it, with the modules C(ensurepip) and C(venv). A name is looked up in C(PATH).
    type: path
    required: true
  requirements:
    description: What must be installed, pip first.
    type: list
    elements: str
    required: true
  index_url:
    description: The index. By default that of pip's settings on the managed host.
    type: str
  no_index:
    description: Ask no index. What is missing is installed from O(find_links).
    type: bool
    default: false
  find_links:
    description: Folders with wheels that can be used as well.
    type: list
    elements: path
    default: []
  proxy:
    description: The proxy to the index.
    type: str
  cert:
    description: A file with the certificates to trust.
    type: path
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Install the tools
  airgap.python.stage_tools:
    folders: [/srv/airgap/bundle, /srv/airgap/stage]
    virtualenv: /srv/airgap/stage/venv
    python: /usr/bin/python3
    requirements: [pip>=25.0, uv>=0.8]
"""

RETURN = r"""
exists:
  description: Whether the environment exists; in check mode, whether it existed before.
  type: bool
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._pip._tools import run_module


def main() -> None:
    """Parse the arguments, run, and report errors."""
    module = AnsibleModule(
        argument_spec={
            "folders": {"type": "list", "elements": "path", "default": []},
            "virtualenv": {"type": "path", "required": True},
            "python": {"type": "path", "required": True},
            "requirements": {"type": "list", "elements": "str", "required": True},
            "index_url": {"type": "str"},
            "no_index": {"type": "bool", "default": False},
            "find_links": {"type": "list", "elements": "path", "default": []},
            "proxy": {"type": "str"},
            "cert": {"type": "path"},
        },
        supports_check_mode=True,
    )
    try:
        result = run_module(module)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=_secrets.scrub(str(error), module.no_log_values))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
