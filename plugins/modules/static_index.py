#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: static_index
short_description: Publish a bundle as a simple index of static files
version_added: 0.1.0
description:
  - Writes the wheels of a bundle and the pages of a simple index below O(path), for any file server, and for pip with a
    C(file://) address. The pages are HTML (PEP 503) and JSON (PEP 691), with hashes, core metadata (PEP 658), sizes and
    upload times (PEP 700) and withdrawn versions (PEP 592). The upload time of a file is the time that its bundle states.
  - The server's root is C(current) in O(path), a link to the release that is served, C(releases/BUNDLE_ID). A new release
    is written next to it, every file of it is read back and compared with its SHA-256, and then the link is replaced in
    one step. A run that fails or is killed leaves what was served.
  - Wheels are hard links to the pool of the bundle, or copies where the file system does not allow that.
    M(airgap.python.bundle_verify) accepts these links, and no others.
  - A bundle that has another file under the name of one that was published, and is kept, is refused. Nothing is ever replaced.
  - If the release that is served has another content than it should, a correct one replaces it.
  - Without O(src), the bundle is served from a release that was kept. This is how a former bundle comes back.
author:
  - airgap.python authors (@airgap-python)
options:
  path:
    description: The folder of the static index. It is created if it does not exist.
    type: path
    required: true
  index:
    description: The name of the index as C(USER/INDEX). Clients use C(/USER/INDEX/+simple/).
    type: str
    required: true
  src:
    description: The bundle, which was verified. It must contain every file of its manifest.
    type: path
  bundle_id:
    description:
      - The id of the bundle in O(src), as M(airgap.python.bundle_verify) returns it.
      - Without O(src), the id of the bundle to serve again, or its first digits, at least 6. By default the one that is
        served.
    type: str
  withdrawn:
    description:
      - All versions that are withdrawn. A withdrawn version stays listed, with the reason, and pip and uv choose it only where
        it is pinned. With C(gone) it is not served at all.
      - Without this option, what is withdrawn stays withdrawn, also in the next bundle. With an empty list, nothing is.
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of the project.
        type: str
        required: true
      version:
        description: The version. It also counts for bundles that do not have it.
        type: str
        required: true
      reason:
        description: The reason, which pip shows to whoever installs the version.
        type: str
        default: ""
      gone:
        description: Do not serve the version at all.
        type: bool
        default: false
  serve:
    description:
      - Whether to serve the release. With V(false), it is only written and read back, so that a second call serves it at once;
        clients still get what was served before, and nothing is removed. This is how several index hosts switch together.
    type: bool
    default: true
  keep:
    description: How many bundles remain in O(path), the one that is served included. Others are removed from the disk.
    type: int
    default: 2
  links:
    description:
      - Whether C(current) is a link to the release that is served. Then the switch is one rename.
      - With V(false), for a file system without symbolic links, C(current) is the release itself, and the switch takes two
        renames. Between them, nothing is served. The next run completes a switch that was interrupted there.
      - A file system without symbolic links is refused with V(true), before anything is written.
    type: bool
    default: true
  mount:
    description: A mount point above O(path). If nothing is mounted there, nothing is written.
    type: path
attributes:
  check_mode:
    description: Reads all files of the release that is served, and reports what would change.
    support: full
  diff_mode:
    description: Shows the files that are served before and after, and what was changed by someone else.
    support: full
requirements:
  - python >= 3.8
  - packaging >= 22, or pip >= 24.1, of this interpreter or as one of the wheels
seealso:
  - module: airgap.python.bundle_verify
  - module: airgap.python.devpi_upload
"""

EXAMPLES = r"""
- name: Verify a bundle
  airgap.python.bundle_verify:
    path: /srv/airgap/bundle
    whole: true
  register: bundle

- name: Publish it
  airgap.python.static_index:
    path: /var/lib/airgap-static
    index: airgap/prod
    src: /srv/airgap/bundle
    bundle_id: "{{ bundle.id }}"

- name: Write and verify the release, and serve what was served before
  airgap.python.static_index:
    path: /var/lib/airgap-static
    index: airgap/prod
    src: /srv/airgap/bundle
    bundle_id: "{{ bundle.id }}"
    serve: false

- name: Serve the former bundle again
  airgap.python.static_index:
    path: /var/lib/airgap-static
    index: airgap/prod
    bundle_id: 4f9b6b0a4f6b1f5a3a0b6d1b5b0c9f11

- name: Publish it to a share of a file server that has no symbolic links
  airgap.python.static_index:
    path: /mnt/python
    mount: /mnt/python
    links: false
    index: airgap/prod
    src: /srv/airgap/bundle
    bundle_id: "{{ bundle.id }}"

- name: Withdraw a version
  airgap.python.static_index:
    path: /var/lib/airgap-static
    index: airgap/prod
    withdrawn:
      - name: requests
        version: 2.31.0
        reason: CVE-2024-35195, use 2.32.2 or later
"""

RETURN = r"""
bundle_id:
  description: The bundle that is served now, or would be in check mode or with O(serve=true).
  type: str
  returned: success
  sample: 4f9b6b0a4f6b1f5a3a0b6d1b5b0c9f11
former_bundle_id:
  description: The bundle that was served before; empty if there was none.
  type: str
  returned: success
switched:
  description: Whether another release is served now, or would be in check mode or with O(serve=true).
  type: bool
  returned: success
release:
  description: The folder that is served, or would be with O(serve=true); empty in check mode if it does not exist yet.
  type: str
  returned: success
uploaded:
  description: File names that were not served before.
  type: list
  elements: str
  returned: success
uploaded_count:
  description: How many files were not served before.
  type: int
  returned: success
uploaded_bytes:
  description: The size of these files, in bytes.
  type: int
  returned: success
present_count:
  description: How many files were served before already.
  type: int
  returned: success
withdrawn:
  description: File names that are listed as withdrawn.
  type: list
  elements: str
  returned: success
problems:
  description: What differed in the release that was served, the first 20.
  type: list
  elements: str
  returned: success
removed:
  description: The releases that were removed from the disk.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._bundle import _ledger
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _static_publish


def main() -> None:
    """Publish the bundle."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "index": {"type": "str", "required": True},
            "src": {"type": "path"},
            "bundle_id": {"type": "str"},
            "withdrawn": {"type": "list", "elements": "dict", "options": _ledger.WITHDRAWN},
            "serve": {"type": "bool", "default": True},
            "keep": {"type": "int", "default": 2},
            "links": {"type": "bool", "default": True},
            "mount": {"type": "path"},
        },
        required_by={"src": ("bundle_id",)},
        supports_check_mode=True,
    )
    try:
        result = _static_publish.publish(module.params, module.check_mode)
    except AirgapError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
