#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bandersnatch_mirror
short_description: Mirror with bandersnatch the projects and versions that locks name
version_added: 0.1.0
description:
  - Writes a configuration of bandersnatch with an allowlist of the projects and versions of O(files), and without the platforms
    that no target has. Runs bandersnatch for these projects, and verifies every file of the mirror against the SHA-256 on its
    page, and every file of a lock against the lock.
  - M(airgap.python.pip_download) takes its files from there with O(airgap.python.pip_download#module:mirror).
  - Runs C(bandersnatch sync PROJECT ...), which asks the upstream for these projects alone, never for the list of all. An empty
    allowlist is an error.
  - If the configuration is that of the last complete mirror, and every file is in it with its SHA-256, bandersnatch is not run.
  - bandersnatch reads C(SERVER/pypi/NAME/json) and requires the header C(X-PyPI-Last-Serial). PyPI has both; most proxies and
    private indexes do not.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode. It reports whether bandersnatch would be run, and does not run it.
    support: full
  diff_mode:
    description: Shows the configuration before and after.
    support: full
options:
  path:
    description:
      - The folder of the mirror, with C(web/simple), C(web/packages) and C(bandersnatch.conf). A web server can serve C(web).
      - The configuration can hold the password of an index or proxy; only its owner can read it.
    type: path
    required: true
  files:
    description: The files of all locks, as RV(airgap.python.pip_download#module:files) has them.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The project.
        type: str
        required: true
      version:
        description: Its version.
        type: str
        required: true
      filename:
        description: The name of the wheel.
        type: str
        required: true
      sha256:
        description: Its SHA-256.
        type: str
        required: true
      size:
        description: Not used.
        type: int
      origin:
        description: Where it comes from. What was built (C(built:)) is not mirrored.
        type: str
  exempt:
    description: Projects that are not mirrored, because they come from another index or from a URL.
    type: list
    elements: str
    default: []
  program:
    description: The program bandersnatch, 6.8 or newer.
    type: path
    required: true
  upstream:
    description: The server that is mirrored. By default that of the index, without C(/simple/).
    type: str
  index_url:
    description: The index. By default that of pip's settings on the managed host; without one, bandersnatch's own default.
    type: str
  refresh:
    description: Run bandersnatch even if the mirror is complete, for what was uploaded later to the same versions.
    type: bool
    default: false
  prune:
    description: Remove from the mirror the projects and versions that no lock names.
    type: bool
    default: false
  processes:
    description: How many projects are mirrored at the same time. bandersnatch allows 10.
    type: int
    default: 8
  progress:
    description: A file for one line about the current step. The action plugin sets it, and shows the line.
    type: path
requirements:
  - python >= 3.8
  - pip >= 23.2
  - bandersnatch >= 6.8, < 9
extends_documentation_fragment:
  - airgap.python.pip
  - airgap.python.targets
seealso:
  - module: airgap.python.pip_download
"""

EXAMPLES = r"""
- name: Find what the sets need
  airgap.python.pip_download:
    sets:
      - {name: web, requirements: [flask>=3], targets: [node311]}
    dest: /srv/airgap/bundle/wheels
    lock_dest: /srv/airgap/bundle/locks
    targets:
      - {name: node311, python: "3.11.2", os: linux, arch: x86_64, libc: glibc-2.36}
    virtualenv: /srv/airgap/stage/venv
  check_mode: true
  register: plan

- name: Mirror it
  airgap.python.bandersnatch_mirror:
    path: /srv/airgap/mirror
    files: "{{ plan.files }}"
    targets:
      - {name: node311, python: "3.11.2", os: linux, arch: x86_64, libc: glibc-2.36}
    program: /srv/airgap/stage/mirror/bin/bandersnatch
    virtualenv: /srv/airgap/stage/venv
"""

RETURN = r"""
mirrored:
  description: Whether bandersnatch was run, or would be in check mode.
  type: bool
  returned: success
config:
  description: The configuration of the last complete mirror.
  type: str
  returned: success
projects:
  description: The projects in the allowlist.
  type: list
  elements: str
  returned: success
excluded:
  description: The platforms that are left out, by bandersnatch's names.
  type: list
  elements: str
  returned: success
others:
  description: Names of the locks' files that do not come from the mirror.
  type: list
  elements: str
  returned: success
packages:
  description: The folder with the files.
  type: str
  returned: success
removed:
  description: Paths in the mirror that were removed with O(prune).
  type: list
  elements: str
  returned: success
mirror:
  description: The size of everything in the mirror.
  type: dict
  returned: success
  contains:
    files:
      description: Number of files, pages included.
      type: int
    bytes:
      description: Their size.
      type: int
locked:
  description: The size of what locks name in it.
  type: dict
  returned: success
  contains:
    files:
      description: Number of files.
      type: int
    bytes:
      description: Their size.
      type: int
unused:
  description: The size of what belongs to other projects and versions.
  type: dict
  returned: success
  contains:
    files:
      description: Number of files.
      type: int
    bytes:
      description: Their size.
      type: int
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._resolve._mirror import run_module
from ansible_collections.airgap.python.plugins.module_utils._target import _target_parser


def main() -> None:
    """Parse the arguments, run, and report errors."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "files": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "version": {"type": "str", "required": True},
                    "filename": {"type": "str", "required": True},
                    "sha256": {"type": "str", "required": True},
                    "size": {"type": "int"},
                    "origin": {"type": "str"},
                },
            },
            "exempt": {"type": "list", "elements": "str", "default": []},
            "targets": _target_parser.OPTION,
            "program": {"type": "path", "required": True},
            "upstream": {"type": "str"},
            "index_url": {"type": "str"},
            "proxy": {"type": "str"},
            "cert": {"type": "path"},
            "python": {"type": "path"},
            "virtualenv": {"type": "path"},
            "refresh": {"type": "bool", "default": False},
            "prune": {"type": "bool", "default": False},
            "processes": {"type": "int", "default": 8},
            "log": {"type": "path"},
            "progress": {"type": "path"},
        },
        mutually_exclusive=[("python", "virtualenv")],
        supports_check_mode=True,
    )
    try:
        result = run_module(module)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=_secrets.scrub(str(error), module.no_log_values))
    if not module._diff:
        del result["diff"]
    module.exit_json(**_secrets.scrub(result, module.no_log_values))


if __name__ == "__main__":
    main()
