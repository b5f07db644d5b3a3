# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between the kinds of index, from one table."""

from __future__ import annotations

DOCUMENTATION = r"""
name: index_kind
short_description: What differs between the kinds of index
version_added: 0.1.0
author: airgap.python authors (@airgap-python)
description:
  - Returns what roles and playbooks do for a kind of index. A name that is not a kind is an error.
options:
  _input:
    description: The kind, as in C(airgap_index_kind).
    type: str
    required: true
"""

EXAMPLES = r"""
when: (airgap_index_kind | default('devpi') | airgap.python.index_kind).front
"""

RETURN = r"""
_value:
  description:
    - C(publish), the tasks of the role publish; C(server), the program behind the front, empty if there is none.
    - C(front), whether this collection serves the index; C(copies), whether further index hosts copy the first; C(single),
      whether there can be only one.
    - C(yanks), whether versions can be withdrawn as yanked; C(promotes); C(backup); C(removes), whether files can be
      taken off it.
  type: dict
"""

import typing as t

from ansible.errors import AnsibleFilterError
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _kinds


def index_kind(name: t.Any) -> t.Dict[str, t.Any]:
    """Return the row of the table for a kind."""
    try:
        return _kinds.find(str(name))._asdict()
    except AirgapError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return it by its name."""
        return {"index_kind": index_kind}
