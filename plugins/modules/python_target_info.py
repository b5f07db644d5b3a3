#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: python_target_info
short_description: Tell which target an interpreter is
version_added: 0.1.0
description:
  - Asks an interpreter of the managed host for its version, implementation, operating system, CPU and C library.
  - Says which of the given targets it can use, and how it would be described as a target of its own.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode and return what it would return otherwise.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
options:
  python:
    description: The interpreter to ask.
    type: path
    default: /usr/bin/python3
  targets:
    description:
      - The targets to choose from, as in C(airgap_targets).
      - An interpreter can use a target of the same implementation, operating system, CPU and minor version
        whose patch version and C library are not newer than its own. Of several, the closest is chosen.
    type: list
    elements: dict
    default: []
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Ask for the interpreter and the target that it can use
  airgap.python.python_target_info:
    targets: "{{ airgap_targets }}"
  register: info

- name: Show what to add for a machine that fits no target
  ansible.builtin.debug:
    var: info.suggestion
  when: not info.target
"""

RETURN = r"""
target:
  description: Name of the closest of O(targets) that the interpreter can use, or an empty string.
  type: str
  returned: success
  sample: node311
reasons:
  description: For each of O(targets) that does not fit, why.
  type: dict
  returned: success
  sample: {node39: "python is 3.9, here 3.11"}
suggestion:
  description: The interpreter as an entry of C(airgap_targets).
  type: dict
  returned: success
  sample: {name: cp311-linux-x86_64, python: 3.11.2, implementation: cpython, os: linux, arch: x86_64, libc: glibc-2.36}
info:
  description: What else the interpreter said.
  type: dict
  returned: success
  contains:
    executable:
      description: Path of the interpreter.
      type: str
    markers:
      description: Its marker environment (PEP 508).
      type: dict
    has_venv:
      description: Whether the module C(venv) can be imported.
      type: bool
    has_pip:
      description: Whether the module C(pip) can be imported.
      type: bool
    has_ensurepip:
      description: Whether the module C(ensurepip) can be imported.
      type: bool
"""

import json
import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _target

# Runs in the interpreter that is asked, so it knows nothing but the standard library.
QUESTION = r"""
import glob, importlib.util, json, os, platform, re, subprocess, sys
libc = ""
if sys.platform == "linux":
    try:
        libc = os.confstr("CS_GNU_LIBC_VERSION").strip().replace(" ", "-")
    except (AttributeError, OSError, ValueError):
        for loader in glob.glob("/lib/ld-musl-*.so.1"):
            said = subprocess.run([loader], stderr=subprocess.PIPE, stdout=subprocess.PIPE).stderr.decode()
            found = re.search(r"Version (\d+\.\d+)", said)
            libc = "musl-" + found.group(1) if found else ""
version = "%d.%d.%d" % sys.version_info[:3]
if sys.version_info.releaselevel != "final":
    version += {"alpha": "a", "beta": "b", "candidate": "rc"}[sys.version_info.releaselevel]
    version += str(sys.version_info.serial)
own = "%d.%d.%d" % sys.implementation.version[:3]
machine = platform.machine()
# A 32-bit interpreter on a 64-bit kernel cannot load 64-bit wheels.
if sys.maxsize <= 2**32:
    machine = {"x86_64": "i686", "aarch64": "armv7l"}.get(machine, machine)
print(json.dumps({
    "libc": libc,
    "machine": machine,
    "macos": platform.mac_ver()[0],
    "has": {name: importlib.util.find_spec(name) is not None for name in ("venv", "pip", "ensurepip")},
    "markers": {
        "implementation_name": sys.implementation.name,
        "implementation_version": own if sys.implementation.name != "cpython" else version,
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": version,
        "python_version": "%d.%d" % sys.version_info[:2],
        "sys_platform": sys.platform,
    },
}))
"""


def describe(answer):
    """Return the interpreter as an entry of airgap_targets."""
    markers = answer["markers"]
    system = {"Linux": "linux", "Windows": "windows", "Darwin": "macos"}.get(markers["platform_system"], "")
    raw = {
        "python": markers["python_full_version"],
        "implementation": markers["implementation_name"],
        "os": system,
        "arch": answer["machine"],
        "libc": answer["libc"],
    }
    if system == "macos":
        raw["os_version"] = ".".join(answer["macos"].split(".")[:2])
    nodot = markers["python_version"].replace(".", "")
    short = {"cpython": "cp", "pypy": "pp"}.get(raw["implementation"], "py")
    raw["name"] = "-".join(part for part in (short + nodot, system, raw["arch"], raw["libc"]) if part)
    return raw


def main():
    """Ask the interpreter and compare it with the targets."""
    module = AnsibleModule(
        argument_spec={
            "python": {"type": "path", "default": "/usr/bin/python3"},
            "targets": {"type": "list", "elements": "dict", "default": []},
        },
        supports_check_mode=True,
    )
    python = module.params["python"]
    if not os.access(python, os.X_OK):
        module.fail_json(
            msg="%s: there is no such interpreter on this host. Install Python 3 from the distribution, "
            "or name the one that is there." % python
        )
    rc, out, err = module.run_command([python, "-I", "-c", QUESTION], environ_update={"LC_ALL": "C"})
    if rc != 0:
        module.fail_json(msg="%s does not run: %s" % (python, (err or out).strip()[-500:]), rc=rc)
    answer = json.loads(out)
    try:
        here, dummy = _target.parse(describe(answer))
        targets, warnings = _target.parse_all(module.params["targets"])
    except _target.TargetError as error:
        module.fail_json(msg=str(error))
    for warning in warnings:
        module.warn(warning)
    chosen = _target.best_fit(targets, here)
    module.exit_json(
        changed=False,
        target=chosen.name if chosen else "",
        reasons={one.name: _target.misfit(one, here) for one in targets if _target.misfit(one, here)},
        suggestion=_target.suggestion(here),
        info={
            "executable": python,
            "markers": answer["markers"],
            "has_venv": answer["has"]["venv"],
            "has_pip": answer["has"]["pip"],
            "has_ensurepip": answer["has"]["ensurepip"],
        },
    )


if __name__ == "__main__":
    main()
