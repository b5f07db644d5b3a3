# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: kubespray
short_description: Read a checkout or a release archive of Kubespray on the control host
version_added: 0.1.0
description:
  - Returns where it is, which version it is, and its playbook C(ansible_version.yml).
author:
  - airgap.python authors (@airgap-python)
options:
  _terms:
    description:
      - Path of a checkout, or of an archive C(.tar.gz).
      - A relative path starts at the folder of the inventory or, if it does not exist there, at the folder of the playbook.
    type: list
    elements: path
    required: true
"""

EXAMPLES = r"""
- name: Show the version of a checkout
  ansible.builtin.debug:
    msg: "{{ query('airgap.python.kubespray', '~/kubespray') | map(attribute='version') | first }}"
"""

RETURN = r"""
_raw:
  description: For each path, C(path), the absolute path, C(version), and C(playbook), the content of C(ansible_version.yml).
  type: list
  elements: dict
"""

import os
import typing as t

import yaml
from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.plugin_utils import _release, _site_files

FIX = "Set kubespray_path to a checkout of Kubespray, or to the archive of a release."
NEEDED = ("requirements.txt", "playbooks/ansible_version.yml", "galaxy.yml")


class LookupModule(LookupBase):
    """Read checkouts and archives."""

    def run(
        self, terms: t.Sequence[t.Any], variables: t.Optional[t.Dict[str, t.Any]] = None, **kwargs: t.Any
    ) -> t.List[t.Dict[str, t.Any]]:
        """Return what is at each path."""
        self.set_options(var_options=variables, direct=kwargs)
        folders = _site_files.folders(variables)
        try:
            return [read(_site_files.find(str(term), folders, place_of, FIX)) for term in terms]
        except AirgapError as error:
            raise AnsibleError(str(error)) from error


def place_of(path: str) -> t.Optional[str]:
    """Return the path if there is a folder or an archive, else None."""
    return os.path.abspath(path) if os.path.isdir(path) or _release.is_archive(path) else None


def read(path: str) -> t.Dict[str, t.Any]:
    """Return what a checkout or an archive is."""
    texts = {name: _release.read_text(path, name) for name in NEEDED}
    missing = [name for name in NEEDED[:2] if texts[name] is None]
    if missing:
        raise AirgapError("%s has no %s, so it is not Kubespray. %s" % (path, " and no ".join(missing), FIX))
    try:
        galaxy = yaml.safe_load(texts["galaxy.yml"] or "")
    except yaml.YAMLError:
        galaxy = None
    version = str(galaxy.get("version", "")) if isinstance(galaxy, dict) else ""
    return {"path": path, "version": version, "playbook": texts["playbooks/ansible_version.yml"]}
