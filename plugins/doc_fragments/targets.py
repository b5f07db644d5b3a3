# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation that the modules share that work for the interpreters of a site."""

from __future__ import annotations


class ModuleDocFragment:
    """The option targets."""

    DOCUMENTATION = r"""
options:
  targets:
    description:
      - The interpreters, as in C(airgap_targets).
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the target. Its locks have the same name.
        type: str
        required: true
      python:
        description: Full version of the interpreter, such as V(3.11.2).
        type: str
        required: true
      implementation:
        description: V(cpython) or V(pypy).
        type: str
      os:
        description: V(linux), V(windows) or V(macos).
        type: str
      arch:
        description: The CPU, such as V(x86_64) or V(aarch64).
        type: str
      libc:
        description: The C library on Linux, such as V(glibc-2.36) or V(musl-1.2).
        type: str
      os_version:
        description: The version of macOS.
        type: str
      markers:
        description:
          - Marker variables (PEP 508) that the machine reported, such as C(platform_release).
            They override the values that follow from the other options.
        type: dict
      tags:
        description:
          - All wheel tags that the interpreter accepts, the best first, if the machine reported them.
            By default they follow from the other options.
        type: list
        elements: str
"""
