# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: targets
short_description: Read the targets of a site
version_added: 0.1.0
description:
  - Turns C(airgap_targets) into a list of targets. Described targets are returned as they are; target files are read.
  - The role P(airgap.python.survey#role) writes target files. They are read on the control host.
author:
  - airgap.python authors (@airgap-python)
options:
  _terms:
    description:
      - The list C(airgap_targets), or several such lists. An entry is one of these three.
      - A dictionary that describes a target.
      - The path of a target file, or a pattern such as C(*.target.txt) for all files that it matches.
      - A dictionary with C(file), the path of one target file, and C(name), the name of the target in this site.
      - A relative path starts at the folder of the inventory or, if it does not exist there, at the folder of the playbook.
    type: list
    elements: raw
    required: true
"""

EXAMPLES = r"""
- name: Show the targets of the site
  ansible.builtin.debug:
    msg: "{{ query('airgap.python.targets', airgap_targets) }}"
  vars:
    airgap_targets:
      - "*.target.txt"
      - {file: from-elsewhere/cp39-linux-x86_64-glibc-2.31.target.txt, name: el9}
      - {name: desktop, python: "3.13.5", os: windows, arch: x86_64}
"""

RETURN = r"""
_raw:
  description: The targets, each a dictionary with C(name), C(python) and the other fields.
  type: list
  elements: dict
"""

import glob
import typing as t

import yaml
from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._target import _target_file
from ansible_collections.airgap.python.plugins.plugin_utils import _site_files

FIX = "It is named in airgap_targets. Play airgap.python.survey, or copy the file that it wrote inside."


class LookupModule(LookupBase):
    """Read the target files that airgap_targets names."""

    def run(
        self, terms: t.Sequence[t.Any], variables: t.Optional[t.Dict[str, t.Any]] = None, **kwargs: t.Any
    ) -> t.List[t.Dict[str, t.Any]]:
        """Return the targets of all terms in their order."""
        self.set_options(var_options=variables, direct=kwargs)
        folders = _site_files.folders(variables)

        def find(path: str) -> t.List[str]:
            return _site_files.find(path, folders, lambda pattern: sorted(glob.glob(pattern)), FIX)

        try:
            targets = _target_file.resolve_targets(terms, find, read)
        except AirgapError as error:
            raise AnsibleError(str(error)) from error
        return targets


def read(path: str) -> t.Any:
    """Return the content of a target file."""
    try:
        with open(path, encoding="utf-8") as stream:
            return yaml.safe_load(stream)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise AirgapError(
            "Target file %s cannot be read: %s. Play airgap.python.survey to write it again." % (path, error)
        ) from error
