#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: devpi_promote
short_description: Copy versions from one index of devpi-server to another
version_added: 0.1.0
description:
  - Makes an index hold versions that another index of the same server has, such as C(staging) and C(prod). The server copies the
    files itself, with their metadata.
  - The unit is a version with all its files that O(from_index) shows. Files that it inherits are promoted too, except those of a
    mirror.
  - First both indexes are compared. If O(to_index) has or inherits another file under one of the names, nothing is promoted.
    What O(to_index) holds already is not copied again.
  - If O(to_index) holds some files of a version, devpi refuses to copy the others. They are sent over the managed host, each
    checked against its SHA-256.
  - Afterwards O(to_index) is read again, and it is an error if it does not list a file with its SHA-256 and its
    C(Requires-Python).
  - To serve a whole bundle from another index in one step, publish it there with the role C(publish).
author:
  - airgap.python authors (@airgap-python)
extends_documentation_fragment:
  - airgap.python.devpi
options:
  from_index:
    description: The index that has the versions, as C(USER/INDEX).
    type: str
    required: true
  to_index:
    description: The index that gets them, as C(USER/INDEX). O(login_user) must be allowed to publish to it.
    type: str
    required: true
  versions:
    description:
      - What to promote, each as C(NAME==VERSION).
      - Set either this or O(bundle_id).
    type: list
    elements: str
  bundle_id:
    description:
      - Promote the files of the bundle in O(src), which must have this id, as M(airgap.python.bundle_verify) returns it.
      - It is an error if O(from_index) does not show each of them with the SHA-256 of the bundle's manifest.
    type: str
  src:
    description: The bundle. Required with O(bundle_id).
    type: path
  sets:
    description: Only the files that these requirement sets of the bundle use.
    type: list
    elements: str
attributes:
  check_mode:
    description:
      - Compares the indexes and reports what would be promoted. Does not log in.
      - An O(to_index) that does not exist is treated as empty.
"""

EXAMPLES = r"""
- name: Promote a version that was tested
  airgap.python.devpi_promote:
    from_index: site/staging
    to_index: site/prod
    versions: [ourapp==2.3.0]
    login_user: site
    login_password_file: /etc/devpi-server/site.password

- name: Promote what one requirement set uses
  airgap.python.devpi_promote:
    from_index: airgap/staging
    to_index: airgap/shared
    src: /srv/airgap/bundle
    bundle_id: "{{ bundle.id }}"
    sets: [base]
    login_user: airgap
    login_password_file: /etc/devpi-server/airgap.password
"""

RETURN = r"""
promoted:
  description: File names that were promoted, or would be in check mode.
  type: list
  elements: str
  returned: success
  sample: [ourapp-2.3.0-py3-none-any.whl]
promoted_versions:
  description: The versions that these files are of, each as C(NAME==VERSION).
  type: list
  elements: str
  returned: success
  sample: [ourapp==2.3.0]
promoted_count:
  description: How many files were promoted.
  type: int
  returned: success
present_count:
  description: How many files O(to_index) held already.
  type: int
  returned: success
"""

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _login, _promotion


def main() -> None:
    """Promote the files that the other index does not have."""
    module = _login.devpi_module(
        {
            "from_index": {"type": "str", "required": True},
            "to_index": {"type": "str", "required": True},
            "versions": {"type": "list", "elements": "str"},
            "bundle_id": {"type": "str"},
            "src": {"type": "path"},
            "sets": {"type": "list", "elements": "str"},
        },
        required_one_of=[["versions", "bundle_id"]],
        mutually_exclusive=[["versions", "bundle_id"], ["versions", "sets"]],
        required_by={"bundle_id": ["src"], "sets": ["bundle_id"]},
    )
    try:
        result = _login.with_client(module, _promotion.promote)
    except AirgapError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
