# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that the modules share which export a bundle to a folder."""

from __future__ import annotations


class ModuleDocFragment:
    """Where the bundle is, where its export is written, and how large a volume may be."""

    DOCUMENTATION = r"""
options:
  path:
    description: The bundle.
    type: path
    required: true
  dest:
    description: The folder that is carried. The export is the folder C(airgap-ID) in it, with the first 12 digits of the bundle's id.
    type: path
    required: true
  volume_size:
    description: The largest size of a volume, in bytes. FAT32 takes files of less than 4 GiB.
    type: int
    default: 4194304000
requirements:
  - python >= 3.8
attributes:
  diff_mode:
    description: Volumes are not text, so there is no difference to show.
    support: none
"""
