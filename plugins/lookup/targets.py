# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: targets
short_description: Read the targets of a site
version_added: 0.1.0
description:
  - Turns C(airgap_targets) into a list of targets. What is described in it stays as it is; target files are read.
  - Target files are what the role P(airgap.python.survey#role) writes. They are read on the control host.
author:
  - airgap.python authors (@airgap-python)
options:
  _terms:
    description:
      - The list C(airgap_targets), or several such lists. An entry is one of three.
      - A dictionary that describes a target.
      - The path of a target file, or a pattern such as C(*.target.txt), which stands for all files that it matches.
      - A dictionary with C(file), the path of one target file, and C(name), the name of the target in this site.
      - A path that is not absolute begins at the folder of the inventory, or at that of the playbook if it is not there.
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
  description: The targets, each a dictionary with C(name), C(python) and what else describes it.
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

FIX = "airgap_targets names it: play airgap.python.survey, or bring the file that was written inside."


class LookupModule(LookupBase):
    """Read target files where airgap_targets names them."""

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
    """Return what a target file holds."""
    try:
        with open(path, encoding="utf-8") as stream:
            return yaml.safe_load(stream)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise AirgapError(
            "the target file %s cannot be read: %s. Play airgap.python.survey to write it again." % (path, error)
        ) from error
