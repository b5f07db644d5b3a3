#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: devpi_upload
short_description: Publish wheels to an index of devpi-server
version_added: 0.1.0
description:
  - Uploads wheels over the HTTP API of devpi-server, with the metadata that each wheel declares.
    Needs neither devpi-client nor twine.
  - First every file is checked against its SHA-256 and its own metadata, then all files are compared with the index, and
    only then the first one is sent. A link is refused, and so is a file that others can change. Each file is hashed again
    while it is sent, and the end of a file that was changed in between is not sent. A file that the index has is not sent
    again.
  - Another file under the same name on the index is an error, on volatile indexes too. Nothing is ever replaced.
  - The server does not check what it receives. Therefore the index is read again afterwards, and it is an error if it does
    not list a file with its SHA-256 and its C(Requires-Python).
author:
  - airgap.python authors (@airgap-python)
extends_documentation_fragment:
  - airgap.python.devpi
options:
  index:
    description: The index as C(USER/INDEX).
    type: str
    required: true
  files:
    description:
      - The wheels, each as a dictionary with C(path), a file on the managed host, and C(sha256), 64 hex digits.
      - Other keys are ignored.
      - Set either this or O(bundle_id).
    type: list
    elements: dict
  bundle_id:
    description:
      - Publish all files of the bundle in O(src), which must have this id, as M(airgap.python.bundle_verify) returns it.
      - The names and the SHA-256 of the files are those in the bundle's manifest, from which the id is computed.
    type: str
  src:
    description: The bundle, or the folder that a relative C(path) in O(files) is in. Without it each C(path) must be absolute.
    type: path
requirements:
  - packaging >= 22, or pip >= 24.1, of this interpreter or as one of the wheels
attributes:
  check_mode:
    description:
      - Checks the files, reads the index and reports what it would upload. Does not log in.
      - An index that does not exist is treated as empty.
"""

EXAMPLES = r"""
- name: Publish one wheel
  airgap.python.devpi_upload:
    index: airgap/prod
    files:
      - path: /srv/airgap/bundle/wheels/jmespath-1.1.0-py3-none-any.whl
        sha256: a5663118de4908c91729bea0acadca56526eb2698e83de10cd116ae0f4e97c64
    login_user: airgap
    login_password_file: /etc/devpi-server/airgap.password

- name: Verify a bundle
  airgap.python.bundle_verify:
    path: /srv/airgap/bundle
  register: bundle

- name: Publish all its files
  airgap.python.devpi_upload:
    index: airgap/prod
    src: /srv/airgap/bundle
    bundle_id: "{{ bundle.id }}"
    login_user: airgap
    login_password_file: /etc/devpi-server/airgap.password
"""

RETURN = r"""
uploaded:
  description: File names that were uploaded, or would be in check mode.
  type: list
  elements: str
  returned: success
  sample: [jmespath-1.1.0-py3-none-any.whl]
uploaded_count:
  description: How many files were uploaded.
  type: int
  returned: success
uploaded_bytes:
  description: The size of the uploaded files, in bytes.
  type: int
  returned: success
present:
  description: File names that the index had already.
  type: list
  elements: str
  returned: success
present_count:
  description: How many files the index had already.
  type: int
  returned: success
"""

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _login, _uploads


def main() -> None:
    """Upload the files that the index does not have."""
    module = _login.devpi_module(
        {
            "index": {"type": "str", "required": True},
            "files": {"type": "list", "elements": "dict"},
            "bundle_id": {"type": "str"},
            "src": {"type": "path"},
        },
        required_one_of=[["files", "bundle_id"]],
        mutually_exclusive=[["files", "bundle_id"]],
        required_by={"bundle_id": ("src",)},
    )
    try:
        result = _login.with_client(module, _uploads.upload_missing)
    except AirgapError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
