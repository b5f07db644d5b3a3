# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: sets
short_description: Read the files of requirement sets on the control host
version_added: 0.1.0
description:
  - Returns requirement sets as O(airgap.python.pip_download#module:sets) takes them. The files that they name are read on the
    control host, as P(airgap.python.requirements#lookup) reads them.
author:
  - airgap.python authors (@airgap-python)
options:
  _terms:
    description: A list of requirement sets, as in C(airgap_sets), each with its C(targets).
    type: list
    elements: dict
    required: true
  build:
    description: The entries of C(stage_build), as in O(airgap.python.requirements#lookup:build).
    type: list
    elements: dict
    default: []
  indexes:
    description: The indexes that the site stages from, as in O(airgap.python.requirements#lookup:indexes).
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Download a set whose requirements are in a project's file
  airgap.python.pip_download:
    sets: "{{ query('airgap.python.sets', [{'name': 'tool', 'requirements_file': 'pyproject.toml', 'targets': ['el9']}]) }}"
    dest: /srv/airgap/bundle/wheels
    lock_dest: /srv/airgap/bundle/locks
    targets:
      - {name: el9, python: "3.9.21", os: linux, arch: x86_64, libc: glibc-2.34}
"""

RETURN = r"""
_raw:
  description: The sets, with C(name), C(targets), C(requirements), C(requirements_lines), and C(constraints_lines).
  type: list
  elements: dict
"""

import typing as t

from ansible.plugins.loader import lookup_loader
from ansible.plugins.lookup import LookupBase
from ansible_collections.airgap.python.plugins.module_utils._resolve import _requirements_file


class LookupModule(LookupBase):
    """Read what sets require and constrain."""

    def run(self, terms: t.Any, variables: t.Any = None, **kwargs: t.Any) -> t.List[t.Dict[str, t.Any]]:
        """Return the sets with the lines of their files."""
        self.set_options(var_options=variables, direct=kwargs)
        sets = [one for term in terms for one in (term if isinstance(term, (list, tuple)) else [term])]
        return [self.read(one, variables) for one in sets]

    def read(self, one: t.Mapping[str, t.Any], variables: t.Any) -> t.Dict[str, t.Any]:
        """Return one set; each line has its place as a comment, for messages."""

        def lines(key: str, **options: t.Any) -> t.List[str]:
            if not one.get(key):
                return []
            lookup = lookup_loader.get("airgap.python.requirements", loader=self._loader, templar=self._templar)
            return list(lookup.run([one[key]], variables, origin=True, **options))

        place = "%sconstraints of set %s" % (_requirements_file.ORIGIN, one["name"])
        choice = {key: one.get(key, []) for key in ("extras", "groups")}
        choice.update({key: self.get_option(key) for key in ("build", "indexes")})
        return {
            "name": one["name"],
            "targets": one["targets"],
            "requirements": one.get("requirements", []),
            "requirements_lines": lines("requirements_file", **choice),
            "constraints_lines": [text + place for text in one.get("constraints", [])]
            + lines("constraints_file")
            + lines("constraints_file", kind="constraints")
            + lines("requirements_file", kind="constraints"),
        }
