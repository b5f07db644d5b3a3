# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules share that write into the ledger."""

from __future__ import annotations


class ModuleDocFragment:
    """The ledger, and who writes into it."""

    DOCUMENTATION = r"""
options:
  path:
    description: The ledger, one JSON object a line.
    type: path
    required: true
  operator:
    description: Who runs this, on the control host. The user who logged in to this host is recorded as well.
    type: str
    default: ""
attributes:
  check_mode:
    description: Can run in check mode and return what would change.
    support: full
  diff_mode:
    description: The lines of a ledger state the time, so no difference can be shown beforehand.
    support: none
requirements:
  - python >= 3.8
"""
