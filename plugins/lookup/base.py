# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: base
short_description: Read the base of a new bundle
version_added: 0.1.0
description:
  - Reads, on the control host, which files the inside already has, for O(airgap.python.bundle_manifest#module:base).
author:
  - airgap.python authors (@airgap-python)
options:
  _terms:
    description:
      - Path of an C(inventory.json) that the index host wrote, of the C(manifest.json) of a bundle, or of a bundle.
      - A relative path starts at the folder of the inventory or, if it does not exist there, at the folder of the playbook.
    type: list
    elements: path
    required: true
"""

EXAMPLES = r"""
- name: Show the files that the inside has
  ansible.builtin.debug:
    msg: "{{ query('airgap.python.base', 'inventory.json') }}"
"""

RETURN = r"""
_raw:
  description:
    - For each path, C(id), the id of the bundle, C(sha256), the sums of its files, and C(path), the file that was read.
  type: list
  elements: dict
"""

import os
import typing as t

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible_collections.airgap.python.plugins.module_utils._bundle import _folder, _layout, _manifest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.plugin_utils import _site_files

FIX = "Copy inventory.json from the index host, or leave stage_base empty."


class LookupModule(LookupBase):
    """Read inventories, manifests and the manifests of bundles."""

    def run(
        self, terms: t.Sequence[t.Any], variables: t.Optional[t.Dict[str, t.Any]] = None, **kwargs: t.Any
    ) -> t.List[t.Dict[str, t.Any]]:
        """Return the base at each path."""
        self.set_options(var_options=variables, direct=kwargs)
        folders = _site_files.folders(variables)
        try:
            return [read(_site_files.find(str(term), folders, file_of, FIX)) for term in terms]
        except (AirgapError, OSError) as error:
            raise AnsibleError("The base cannot be read: %s" % error) from error


def file_of(path: str) -> t.Optional[str]:
    """Return the file for a path, or None if there is none."""
    path = os.path.join(path, _layout.MANIFEST) if os.path.isdir(path) else path
    return path if os.path.exists(path) else None


def read(path: str) -> t.Dict[str, t.Any]:
    """Return the id and the sums of a base."""
    base = _manifest.parse_base(_folder.read_text(path), path)
    return {"id": base.id, "sha256": sorted(base.sha256), "path": path}
