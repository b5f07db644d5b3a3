#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pip_download
short_description: Download the wheels that other interpreters need
version_added: 0.1.0
description:
  - Resolves one requirement set for each target with pip, and downloads the wheels into a pool that targets and sets share.
  - Unlike C(pip download), it evaluates environment markers for the target, not for the interpreter that runs pip.
    Wheel tags include those for all older versions of the target's C library.
  - Writes a lock for each target that C(pip install --require-hashes -r) accepts. Before that, it checks independently of
    pip, from the metadata of the files and for the target's environment, that the lock is closed. A lock that lacks a file,
    or has one that does not fit, is not written.
  - Never runs the code of a project. What would have to be built is refused first, and so is a wheel that requires another
    project by a URL.
  - An index that gives no answer about a project (anything but a page or 404) is an error, even if another index has it.
  - If requirements, target, pip version and indexes are those of the lock, and every file is in the pool with its
    SHA-256, no index is asked.
  - An extra that a requirement asks for and that does not exist is an error.
  - If something changed, versions stay as the lock has them as far as the requirements allow. For new versions, use
    O(refresh) and O(upgrade).
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode. It resolves, and adds nothing to the pool.
    support: full
  diff_mode:
    description: Shows the locks before and after.
    support: full
options:
  requirements:
    description:
      - Requirement specifiers (PEP 508). C(NAME @ URL) must name a wheel. To build a project, use
        M(airgap.python.wheel_build).
      - C(${NAME}) is replaced from the environment of the managed host. Locks, log and results show it as it is written, and
        URLs without user, password and query.
    type: list
    elements: str
    default: []
  requirements_files:
    description:
      - Requirements files on the managed host, in the encodings that pip reads. They can include others with C(-r) and C(-c).
        Their hashes are enforced.
      - Options such as C(--index-url) in them are an error that names the variable to use instead.
      - Messages name the file and line of a requirement. A comment as P(airgap.python.requirements#lookup) writes it with
        its option C(origin) gives the file and line on the machine that the line was copied from.
    type: list
    elements: path
    default: []
  constraints_files:
    description: Constraints files on the managed host.
    type: list
    elements: path
    default: []
  sets:
    description:
      - Several requirement sets, resolved one after the other, instead of one with O(requirements), O(requirements_files) and
        O(constraints_files). The locks of a set are in the folder with its name in O(lock_dest).
      - If a set fails, those before it are complete. Messages name the set.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the set, and of the folder of its locks.
        type: str
        required: true
      requirements:
        description: As O(requirements).
        type: list
        elements: str
        default: []
      requirements_lines:
        description:
          - The lines of requirements files on the control host, as P(airgap.python.requirements#lookup) returns them with its
            option C(origin). P(airgap.python.sets#lookup) reads all files of a set.
        type: list
        elements: str
        default: []
      constraints_lines:
        description: The same, of constraints.
        type: list
        elements: str
        default: []
      targets:
        description: Names of its targets, which are among O(targets).
        type: list
        elements: str
        required: true
  dest:
    description: The pool, a folder for wheels.
    type: path
    required: true
  lock_dest:
    description: Folder for the locks; the lock of a target is C(TARGET.txt) in it. With O(sets), it is C(SET/TARGET.txt).
    type: path
    required: true
  index_url:
    description:
      - The index. By default that of pip's settings on the managed host.
      - Of those settings, connection settings and indexes on http are used; C(find-links) and local indexes are not.
      - If the role P(airgap.python.pip_conf#role) has written the host's settings, the previous ones are used.
    type: str
  extra_index_urls:
    description: More indexes.
    type: list
    elements: str
    default: []
  find_links:
    description: Folders on the managed host with wheels that can be used as well.
    type: list
    elements: path
    default: []
  no_index:
    description:
      - Ask no index, neither O(index_url) and O(extra_index_urls) nor those of pip's settings. Everything comes from
        O(find_links) and O(built).
    type: bool
    default: false
  mirror:
    description:
      - A folder of files on the managed host, such as the packages of a mirror. A file in it or in a folder below it that has
        the name and the SHA-256 that a lock names is not downloaded. The pool gets a second name for it, or a copy where it is on
        another file system.
      - It makes no difference to what is resolved.
    type: path
  built:
    description:
      - Records of wheels that M(airgap.python.wheel_build) has built, RV(airgap.python.wheel_build#module:record).
      - Their wheels can be used by every target that they fit. If such a wheel was built from a VCS or a local
        source, its project comes from nowhere else.
    type: list
    elements: path
    default: []
  other_locks:
    description:
      - The locks in folders next to O(lock_dest) that share the pool and are valid, as C(FOLDER/TARGET), or C(FOLDER) for
        all locks in a folder. With O(sets), they are those of the sets that precede it in the list.
      - A file that one of them names with other content under the same name is an error. It is a
        warning in check mode, in which earlier locks are not written, and if both files were built from the same source.
      - By default the locks in all folders.
    type: list
    elements: str
  base:
    description:
      - The C(manifest.json) or C(inventory.json) that describes what the index inside has. A file that it names with other
        content is an error. A path that does not exist is ignored.
    type: path
  resolver:
    description:
      - The resolver. V(pip) is pip itself. V(uv) is faster and gives the same versions, except for requirements with markers
        on C(platform_release) or C(platform_version), about which it warns. pip fetches in either case.
    type: str
    choices: [pip, uv]
    default: pip
  uv:
    description: The uv to run. By default the one next to the interpreter that runs pip.
    type: path
  refresh:
    description: Resolve again and use the newest versions that the requirements allow.
    type: bool
    default: false
  upgrade:
    description: Names of projects to upgrade to the newest version. Others change only if these require it.
    type: list
    elements: str
    default: []
  processes:
    description: How many files are fetched at the same time.
    type: int
    default: 8
  progress:
    description: A file for one line about the current step. The action plugin sets it, and shows the line.
    type: path
  state:
    description:
      - V(present) resolves and downloads.
      - V(absent) removes the targets' locks, and those of their files from the pool that no lock in a folder next to
        O(lock_dest) names.
    type: str
    choices: [present, absent]
    default: present
requirements:
  - python >= 3.8
  - pip >= 23.2
  - uv >= 0.8 for O(resolver=uv)
extends_documentation_fragment:
  - airgap.python.pip
  - airgap.python.targets
"""

EXAMPLES = r"""
- name: Download what two kinds of hosts need
  airgap.python.pip_download:
    requirements:
      - requests
      - flask>=3
    dest: /srv/airgap/bundle/wheels
    lock_dest: /srv/airgap/bundle/locks/base
    targets:
      - {name: node39, python: "3.9.2", os: linux, arch: x86_64, libc: glibc-2.31}
      - {name: desktop, python: "3.13.5", os: windows, arch: x86_64}
    virtualenv: /srv/airgap/stage/venv

- name: Download two sets
  airgap.python.pip_download:
    sets:
      - {name: base, requirements: [requests], targets: [node39, node311]}
      - {name: web, requirements: [flask>=3], targets: [node311]}
    dest: /srv/airgap/bundle/wheels
    lock_dest: /srv/airgap/bundle/locks
    targets:
      - {name: node39, python: "3.9.2", os: linux, arch: x86_64, libc: glibc-2.31}
      - {name: node311, python: "3.11.2", os: linux, arch: x86_64, libc: glibc-2.36}
    virtualenv: /srv/airgap/stage/venv
"""

RETURN = r"""
targets:
  description:
    - For each target, by name, its C(lock) and its C(files). With O(sets), the name is C(SET/TARGET).
    - Each file has C(name), C(version), C(filename), C(sha256), C(size) in bytes and C(origin), its URL; that of a built wheel
      starts with C(built:).
  type: dict
  returned: success
files:
  description: Each file of all targets once, with the same keys.
  type: list
  elements: dict
  returned: success
downloaded:
  description: Names of the files that were downloaded, or would be in check mode.
  type: list
  elements: str
  returned: success
mirrored:
  description: Names of the files that came from O(mirror). In check mode, they are in RV(downloaded).
  type: list
  elements: str
  returned: success
reused:
  description: Names of the files that were in the pool already.
  type: list
  elements: str
  returned: success
removed:
  description: Names of the files that were removed.
  type: list
  elements: str
  returned: success
resolved:
  description: Names of the targets that were resolved, C(SET/TARGET) with O(sets); the others had a lock that is up to date.
  type: list
  elements: str
  returned: success
pip_version:
  description: The version of the pip that was run.
  type: str
  returned: success
not_locked:
  description: Names in O(upgrade) that were in no lock in O(lock_dest).
  type: list
  elements: str
  returned: success
engine:
  description: The resolver, with its version.
  type: str
  returned: success
  sample: pip 26.3
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._resolve import _inputs
from ansible_collections.airgap.python.plugins.module_utils._resolve._download import run_module
from ansible_collections.airgap.python.plugins.module_utils._target import _target_parser


def main() -> None:
    """Parse the arguments, run, and report errors."""
    module = AnsibleModule(
        argument_spec={
            "requirements": {"type": "list", "elements": "str", "default": []},
            "requirements_files": {"type": "list", "elements": "path", "default": []},
            "constraints_files": {"type": "list", "elements": "path", "default": []},
            "sets": {
                "type": "list",
                "elements": "dict",
                "options": _inputs.SET,
            },
            "dest": {"type": "path", "required": True},
            "lock_dest": {"type": "path", "required": True},
            "targets": _target_parser.OPTION,
            "index_url": {"type": "str"},
            "extra_index_urls": {"type": "list", "elements": "str", "default": []},
            "find_links": {"type": "list", "elements": "path", "default": []},
            "no_index": {"type": "bool", "default": False},
            "mirror": {"type": "path"},
            "built": {"type": "list", "elements": "path", "default": []},
            "other_locks": {"type": "list", "elements": "str"},
            "base": {"type": "path"},
            "proxy": {"type": "str"},
            "cert": {"type": "path"},
            "python": {"type": "path"},
            "virtualenv": {"type": "path"},
            "resolver": {"type": "str", "choices": ["pip", "uv"], "default": "pip"},
            "uv": {"type": "path"},
            "refresh": {"type": "bool", "default": False},
            "upgrade": {"type": "list", "elements": "str", "default": []},
            "processes": {"type": "int", "default": 8},
            "log": {"type": "path"},
            "progress": {"type": "path"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        mutually_exclusive=[("python", "virtualenv")],
        supports_check_mode=True,
    )
    try:
        result = run_module(module)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=_secrets.scrub(str(error), module.no_log_values))
    if not module._diff:
        del result["diff"]
    module.exit_json(**_secrets.scrub(result, module.no_log_values))


if __name__ == "__main__":
    main()
