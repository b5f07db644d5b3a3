#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_ledger_info
short_description: Read the ledger of imports
version_added: 0.1.0
description:
  - Returns every import that M(airgap.python.bundle_import_start) and M(airgap.python.bundle_import_end) recorded,
    and every rollback that M(airgap.python.bundle_ledger_rollback) recorded.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Changes nothing, and returns the same in check mode.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
options:
  path:
    description: The ledger, one JSON object a line. A file that does not exist counts as an empty ledger.
    type: path
    required: true
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Read the ledger
  airgap.python.bundle_ledger_info:
    path: /srv/airgap/ledger.jsonl
  register: history
"""

RETURN = r"""
imports:
  description:
    - Every import in the order in which they started, with C(run), C(id), C(base), C(created), C(sums), C(signers),
      C(operator), C(user), C(published_to), C(when), C(ended), C(result), C(message), C(files), C(bytes), C(uploaded),
      C(present), C(uploaded_bytes) and C(corrected).
    - C(result) is V(ok), V(failed) or V(interrupted). C(corrected) is when it was recorded that its C(created) does not
      count, or empty.
  type: list
  elements: dict
  returned: success
rollbacks:
  description:
    - Every time that a former bundle was served again, with C(run), C(id), C(replaced) (the id of the bundle that was
      served before), C(operator), C(user), C(published_to), C(when), and C(after), how many imports had started before.
  type: list
  elements: dict
  returned: success
withdrawals:
  description:
    - Every time that versions were withdrawn or restored, with C(run), C(versions), C(how), C(reason), C(operator), C(user),
      C(published_to), C(when), and C(after), how many imports had started before.
  type: list
  elements: dict
  returned: success
withdrawn:
  description: What is withdrawn now, with C(name), C(version), C(reason) and C(gone).
  type: list
  elements: dict
  returned: success
served:
  description: The id of the bundle that is served, as the ledger says; empty if nothing was imported.
  type: str
  returned: success
table:
  description: Imports, rollbacks and withdrawals as the lines of a table.
  type: list
  elements: str
  returned: success
ahead:
  description: The imports whose C(created) is in the future, with C(run), C(id), C(created) and C(statement), a line
    without its line end.
  type: list
  elements: dict
  returned: success
damaged:
  description: Numbers of lines that are not records, for example because a run was killed while it wrote one.
  type: list
  elements: int
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._bundle import _clock, _history, _ledger
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError


def main() -> None:
    """Read the ledger."""
    module = AnsibleModule(argument_spec={"path": {"type": "path", "required": True}}, supports_check_mode=True)
    try:
        result = _history.show(_ledger.read(module.params["path"]), _clock.now())
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
