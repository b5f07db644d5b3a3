#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: wheel_build
short_description: Build the wheel of a project that has none
version_added: 0.1.0
description:
  - Builds one project with C(pip wheel) from its sdist, from a commit of a git repository, or from a source on the
    control host, in an environment that pip creates for it (PEP 517). Dependencies are not built.
  - A wheel without compiled code fits every target. One with compiled code fits targets of the managed host's own
    kind; on Linux, C(auditwheel) determines its tags.
  - Writes a record next to the wheel that describes what it was built from and with.
  - If the source, the pip version and the host are those of the record, and the wheel exists with its SHA-256, nothing is
    built and no index is asked.
  - Building runs the project's own code on the managed host.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode. It reports whether it would build, and builds nothing.
    support: full
  diff_mode:
    description: Shows the record before and after. In check mode the result of a build is not known.
    support: partial
options:
  name:
    description: The project.
    type: str
    required: true
  version:
    description: The version whose sdist is built. By default the newest at the time of the first build, which is kept.
    type: str
  sha256:
    description: The SHA-256 that the sdist must have.
    type: str
  vcs:
    description:
      - A git repository and a full commit, as in V(git+https://example.org/tool.git@COMMIT), optionally with
        C(#subdirectory=PATH). Branches, tags and short commits are refused.
    type: str
  source:
    description:
      - A folder or an sdist on the control host.
      - Version control data, caches and the output of builds in a folder are not copied.
    type: path
  source_name:
    description: The name of O(source). Set by the action plugin.
    type: str
  build_constraints:
    description:
      - Constraints for what is installed to build the project, such as V(setuptools<82) or V(cython<3).
      - They are recorded in the wheel's record and its origin; if they change, the wheel is built again.
    type: list
    elements: str
    default: []
  refresh:
    description: Ask the index for a newer sdist if there is no O(version).
    type: bool
    default: false
  dest:
    description: Folder for built wheels and their records.
    type: path
    required: true
  index_url:
    description: The index for the sdist and for the requirements of the build. By default that of pip's settings on the managed host.
    type: str
  extra_index_urls:
    description: More indexes.
    type: list
    elements: str
    default: []
requirements:
  - python >= 3.8
  - pip >= 23.2
  - packaging >= 22, or pip >= 24.1
  - git for O(vcs)
extends_documentation_fragment:
  - airgap.python.pip
"""

EXAMPLES = r"""
- name: Build a project that has no wheel
  airgap.python.wheel_build:
    name: pyramid-chameleon
    version: "0.3"
    dest: /srv/airgap/stage/built
    virtualenv: /srv/airgap/stage/venv
  register: chameleon

- name: Build an old project with the build tools of its time
  airgap.python.wheel_build:
    name: pyyaml
    version: "5.4.1"
    build_constraints: [cython<3, setuptools<82]
    dest: /srv/airgap/stage/built
    virtualenv: /srv/airgap/stage/venv

- name: Build the site's own package
  airgap.python.wheel_build:
    name: site-tools
    source: "{{ playbook_dir }}/../site-tools"
    dest: /srv/airgap/stage/built
    virtualenv: /srv/airgap/stage/venv
"""

RETURN = r"""
record:
  description: The record next to the wheel, for O(airgap.python.pip_download#module:built). Empty if it is not built yet.
  type: str
  returned: success
wheel:
  description: The wheel. Empty if it is not built yet.
  type: str
  returned: success
tags:
  description: The wheel tags that it has.
  type: list
  elements: str
  returned: success
  sample: [py3-none-any]
origin:
  description: What it was built from, as locks and the manifest show it.
  type: str
  returned: success
  sample: built:git+https://example.org/tool.git@0123456789012345678901234567890123456789
build_requirements:
  description: The projects that were installed to build it, each with C(name) and C(version).
  type: list
  elements: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._resolve._wheel_build import run_module


def main() -> None:
    """Parse the arguments, build, and report errors."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "version": {"type": "str"},
            "sha256": {"type": "str"},
            "vcs": {"type": "str"},
            "source": {"type": "path"},
            "source_name": {"type": "str"},
            "build_constraints": {"type": "list", "elements": "str", "default": []},
            "refresh": {"type": "bool", "default": False},
            "dest": {"type": "path", "required": True},
            "index_url": {"type": "str"},
            "extra_index_urls": {"type": "list", "elements": "str", "default": []},
            "proxy": {"type": "str"},
            "cert": {"type": "path"},
            "python": {"type": "path"},
            "virtualenv": {"type": "path"},
            "log": {"type": "path"},
        },
        mutually_exclusive=[("python", "virtualenv"), ("vcs", "source")],
        supports_check_mode=True,
    )
    try:
        result = run_module(module)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=_secrets.scrub(str(error), module.no_log_values))
    module.exit_json(**_secrets.scrub(result, module.no_log_values))


if __name__ == "__main__":
    main()
