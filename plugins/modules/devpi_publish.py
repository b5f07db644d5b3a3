#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: devpi_publish
short_description: Publish a bundle to devpi-server, all or nothing
version_added: 0.1.0
description:
  - Makes an index of devpi-server serve exactly the files of a bundle, besides what it inherits and what it holds itself.
    Creates the user and the index if they do not exist.
  - The files of each bundle are on an index of their own, C(USER/INDEX-ID) with the first 12 digits of the bundle's id.
    They are uploaded there, or copied on the server from the bundle that is served, and read back. Only if that index lists
    every file with its SHA-256 and its C(Requires-Python), and nothing else, does O(index) inherit from it. That switch is
    one transaction, so clients see a bundle wholly or not at all. A run that fails or is killed at any point leaves what was
    served, and the next one continues where it was.
  - The SHA-256 that is read back is the one that the server computes of what it received. Verify the bundle first with
    M(airgap.python.bundle_verify).
  - O(rollback) serves a former bundle again, in the same one step.
  - What was changed by hand is put right, in the settings of these indexes and in the files of the served bundle.
author:
  - airgap.python authors (@airgap-python)
extends_documentation_fragment:
  - airgap.python.devpi
options:
  index:
    description: The index that clients use, as C(USER/INDEX).
    type: str
    required: true
  src:
    description: The bundle.
    type: path
  bundle_id:
    description: The id that the bundle in O(src) must have, as M(airgap.python.bundle_verify) returns it.
    type: str
  rollback:
    description:
      - The id of a bundle that was served before, or its first digits, at least 6.
      - Its index must still exist (O(keep)), with the files that it had.
    type: str
  bases:
    description:
      - Further indexes that O(index) inherits from.
      - With a mirror among them, every missing name waits for the internet,
        and names that were never published here are served.
    type: list
    elements: str
    default: []
  acl_upload:
    description:
      - Users that may upload to O(index) itself. Only O(login_user) uploads to the indexes of bundles.
      - By default only the owner.
    type: list
    elements: str
  keep:
    description:
      - How many bundles stay on the server, the served one included. Older ones are removed, with their files on disk.
      - With V(1), an installation that runs during the switch may miss a file.
    type: int
    default: 2
  password_file:
    description:
      - A file on the managed host with the password of the user that owns O(index), in one line. Created with a random
        password if it does not exist.
    type: path
    required: true
  password:
    description: Write this password into O(password_file).
    type: str
  withdrawn:
    description:
      - The versions that are withdrawn, as M(airgap.python.bundle_import_start) returns them from the ledger. They are not
        published, and are removed where they were.
      - devpi-server cannot serve a version as yanked, so only those with C(gone) are allowed.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name of the project.
        type: str
        required: true
      version:
        description: The version, as the bundle has it.
        type: str
        required: true
      reason:
        description: The reason.
        type: str
        default: ""
      gone:
        description: Do not serve the version at all.
        type: bool
        default: false
  memory:
    description:
      - A file on the managed host in which the serial of the server's last change is remembered. As long as the server
        has the same one, nothing on it can have changed, and one request is enough. Without it, every file is compared.
      - Its folder is locked during the run.
    type: path
  files_dir:
    description:
      - The folder C(+files) of the server, if it is on the managed host. The empty folders that devpi-server leaves when an
        index is removed are removed there.
    type: path
attributes:
  check_mode:
    description:
      - Compares, and reports what it would do. Changes nothing.
      - Where no server answers yet, or the password file of O(login_user) does not exist, RV(answers) is V(false).
"""

EXAMPLES = r"""
- name: Verify a bundle
  airgap.python.bundle_verify:
    path: /srv/airgap/bundle
  register: bundle

- name: Serve it
  airgap.python.devpi_publish:
    index: airgap/prod
    src: /srv/airgap/bundle
    bundle_id: "{{ bundle.id }}"
    password_file: /etc/devpi-server/airgap.password
    login_password_file: /etc/devpi-server/root.password
    memory: /srv/airgap/publishing/devpi.json

- name: Serve a former bundle again
  airgap.python.devpi_publish:
    index: airgap/prod
    rollback: 3f2a9c0d51e8
    password_file: /etc/devpi-server/airgap.password
    login_password_file: /etc/devpi-server/root.password
"""

RETURN = r"""
answers:
  description: Whether a server answers. V(false) only in check mode, and then nothing else is known.
  type: bool
  returned: success
bundle_id:
  description: The id of the bundle that is served now, or would be in check mode.
  type: str
  returned: success
former_bundle_id:
  description: The id of the bundle that was served before; empty if there was none.
  type: str
  returned: when a server answers
switched:
  description: Whether anything of what is served was changed, or would be in check mode. Removing former bundles is not counted.
  type: bool
  returned: success
uploaded:
  description: File names that were sent.
  type: list
  elements: str
  returned: when a server answers
uploaded_count:
  description: How many files were sent.
  type: int
  returned: when a server answers
uploaded_bytes:
  description: The size of the files that were sent, in bytes.
  type: int
  returned: when a server answers
present_count:
  description: How many files of the bundle the server had already.
  type: int
  returned: when a server answers
corrected:
  description: Names of files on the bundle's index that were withdrawn or not the bundle's, and were removed.
  type: list
  elements: str
  returned: when a server answers
removed:
  description: The indexes of former bundles that were removed.
  type: list
  elements: str
  returned: when a server answers
own_count:
  description: How many files O(index) holds itself. Not counted where nothing has changed since the last run.
  type: int
  returned: when a server answers
"""

from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _login, _publishing


def main() -> None:
    """Publish or roll back."""
    module = _login.devpi_module(_publishing.OPTIONS, **_publishing.RULES)
    try:
        result = _login.with_client(module, _publishing.run)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=_secrets.scrub(str(error), module.no_log_values))
    module.exit_json(**_secrets.scrub(result, module.no_log_values))


if __name__ == "__main__":
    main()
