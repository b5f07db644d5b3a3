#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: index_file
short_description: Fetch one file of an index without pip
version_added: 0.1.0
description:
  - Finds a file on the page of its project (PEP 503 or PEP 691), fetches it, and writes it only if it has the expected
    SHA-256. With it, a host that has no pip yet gets the wheel of pip.
  - A file that exists with that SHA-256 costs no request.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Reports whether the file would be fetched, and asks no index.
    support: full
  diff_mode:
    description: The file is binary, so no difference is shown.
    support: none
options:
  index_url:
    description:
      - The simple index, which ends in C(+simple/) with devpi. Proxies and the netrc of the user are not used.
    type: str
    required: true
  project:
    description: The normalized name of the project.
    type: str
    required: true
  filename:
    description: The name of the file on the index.
    type: str
    required: true
  sha256:
    description: Its SHA-256, 64 hex digits.
    type: str
    required: true
  dest:
    description: Where to write it. Its folder is created if it does not exist.
    type: path
    required: true
  ca_path:
    description: The certificates that an https O(index_url) is checked against, a PEM file. By default the system's.
    type: path
  timeout:
    description: How many seconds to wait for a connection and for each response.
    type: int
    default: 15
  attempts:
    description:
      - How often to try from the start if a download fails, such as because the host that serves it died. With several index
        hosts under one name, this is how many of them there are.
    type: int
    default: 1
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Fetch pip from the index
  airgap.python.index_file:
    index_url: https://index.example/airgap/prod/+simple/
    project: pip
    filename: pip-26.3-py3-none-any.whl
    sha256: 3f2a9c0d51e84b7690ab12cd34ef56783f2a9c0d51e84b7690ab12cd34ef5678
    dest: /opt/airgap/.pip/pip-26.3-py3-none-any.whl
"""

RETURN = r"""
path:
  description: The file.
  type: str
  returned: success
  sample: /opt/airgap/.pip/pip-26.3-py3-none-any.whl
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import _index_file


def main() -> None:
    """Fetch the file."""
    module = AnsibleModule(
        argument_spec={
            "index_url": {"type": "str", "required": True},
            "project": {"type": "str", "required": True},
            "filename": {"type": "str", "required": True},
            "sha256": {"type": "str", "required": True},
            "dest": {"type": "path", "required": True},
            "ca_path": {"type": "path"},
            "timeout": {"type": "int", "default": 15},
            "attempts": {"type": "int", "default": 1},
        },
        supports_check_mode=True,
    )
    try:
        result = _index_file.fetch(module.params, module.check_mode)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
