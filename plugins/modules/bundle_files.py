#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_files
short_description: Write the files of a bundle that are not wheels
version_added: 0.1.0
description:
  - Fetches files of any kind by URL or copies them from the control host, and downloads Ansible collections with all that
    they depend on, into C(files/) of a bundle. M(airgap.python.bundle_manifest) lists them.
  - A file gets its name when it is complete and has its SHA-256. One that has both is neither fetched nor copied again.
  - Files are fetched with pip's session, so its proxies, certificates and passwords apply.
  - That collections are closed is checked from the C(MANIFEST.json) in their archives. C(ansible-galaxy) runs only if the
    archives of the former manifest and those of the control host are not closed; so versions stay as they are.
author:
  - airgap.python authors (@airgap-python)
extends_documentation_fragment:
  - airgap.python.pip
attributes:
  check_mode:
    description: Can run in check mode. It reports whether files would be written, and asks no server.
    support: full
  diff_mode:
    description: The files are not shown; C(reports/changes.json) names those that changed.
    support: none
options:
  path:
    description: The bundle.
    type: path
    required: true
  scratch:
    description: A folder on the same file system for files that are not complete.
    type: path
    required: true
  files:
    description: The files.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Its name in the bundle. By default the last part of its URL or path.
        type: str
      url:
        description: Where to fetch it, http or https.
        type: str
      src:
        description: A file on the control host.
        type: path
      sha256:
        description: Its SHA-256, 64 hex digits. Required with O(files[].url).
        type: str
  collections:
    description: Ansible collections.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Its name, NAMESPACE.NAME. With O(collections[].src) the archive has it.
        type: str
      version:
        description: The versions that may be used, as V(>=1.0.0,<2.0.0) or V(1.2.0).
        type: str
        default: "*"
      src:
        description: Its archive on the control host. What it depends on is downloaded, unless it is named as well.
        type: path
      sha256:
        description: The SHA-256 that its archive must have.
        type: str
  own_collection:
    description:
      - Also pack this collection, from where it is on the control host. The same files give the same bytes.
    type: bool
    default: false
  refresh:
    description: Download collections again, in the newest versions that may be used.
    type: bool
    default: false
  processes:
    description: How many files are fetched at the same time.
    type: int
    default: 8
  galaxy_server:
    description: The Galaxy server. By default the public one.
    type: str
  galaxy_token:
    description: The token for it.
    type: str
  galaxy_venv:
    description: The virtual environment of C(ansible-galaxy), which is created when it is needed.
    type: path
  galaxy_requirement:
    description: What is installed in it.
    type: str
    default: ansible-core
  sources:
    description: The files of the control host. Set by the action plugin.
    type: list
    elements: dict
    default: []
    suboptions:
      filename:
        description: Its name in the bundle.
        type: str
        required: true
      sha256:
        description: Its SHA-256.
        type: str
        required: true
      kind:
        description: What it is.
        type: str
        choices: [file, collection]
        default: file
      collection:
        description: The name of a collection.
        type: str
      version:
        description: The version of a collection.
        type: str
  staged:
    description: Where the action plugin copied them, file name to path.
    type: dict
    default: {}
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Carry an interpreter, a CA and a collection
  airgap.python.bundle_files:
    path: /srv/airgap/bundle
    scratch: /srv/airgap/stage/files
    virtualenv: /srv/airgap/stage/venv
    galaxy_venv: /srv/airgap/stage/galaxy
    files:
      - url: https://builds.example/cpython-3.13.5-x86_64.tar.gz
        sha256: 3f2a9c0d51e84b7690ab12cd34ef56783f2a9c0d51e84b7690ab12cd34ef5678
      - src: files/site-ca.pem
    collections:
      - {name: ansible.posix, version: ">=2.0.0,<3.0.0"}
  register: extras
"""

RETURN = r"""
extras:
  description: The files, as O(airgap.python.bundle_manifest#module:extras) takes them.
  type: list
  elements: dict
  returned: success
  contains:
    filename:
      description: Its name.
      type: str
    sha256:
      description: Its SHA-256.
      type: str
    kind:
      description: V(file) or V(collection).
      type: str
    name:
      description: The name of a collection.
      type: str
    version:
      description: The version of a collection.
      type: str
    origin:
      description: Where it comes from.
      type: str
written:
  description: The names of files that were written, or would be in check mode.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._resolve import _extra_files


def main() -> None:
    """Write the files."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "scratch": {"type": "path", "required": True},
            "files": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str"},
                    "url": {"type": "str"},
                    "src": {"type": "path"},
                    "sha256": {"type": "str"},
                },
            },
            "collections": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str"},
                    "version": {"type": "str", "default": "*"},
                    "src": {"type": "path"},
                    "sha256": {"type": "str"},
                },
            },
            "own_collection": {"type": "bool", "default": False},
            "refresh": {"type": "bool", "default": False},
            "processes": {"type": "int", "default": 8},
            "galaxy_server": {"type": "str"},
            "galaxy_token": {"type": "str", "no_log": True},
            "galaxy_venv": {"type": "path"},
            "galaxy_requirement": {"type": "str", "default": "ansible-core"},
            "sources": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "filename": {"type": "str", "required": True},
                    "sha256": {"type": "str", "required": True},
                    "kind": {"type": "str", "choices": ["file", "collection"], "default": "file"},
                    "collection": {"type": "str"},
                    "version": {"type": "str"},
                },
            },
            "staged": {"type": "dict", "default": {}},
            "proxy": {"type": "str"},
            "cert": {"type": "path"},
            "python": {"type": "path"},
            "virtualenv": {"type": "path"},
            "log": {"type": "path"},
        },
        mutually_exclusive=[("python", "virtualenv")],
        supports_check_mode=True,
    )
    try:
        result = _extra_files.run(module)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=_secrets.scrub(str(error), module.no_log_values))
    module.exit_json(**_secrets.scrub(result, module.no_log_values))


if __name__ == "__main__":
    main()
