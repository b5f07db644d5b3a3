#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: external_publish
short_description: Publish a bundle to an index that the site runs
version_added: 0.1.0
description:
  - Sends the wheels of a bundle to a server that accepts uploads as PyPI does (the upload API that twine uses), such as Nexus
    Repository, Artifactory, Pulp, GitLab, Forgejo, Cloudsmith, pypiserver or devpi-server.
  - What the server has already, by its simple pages, is not sent again. If it has another file under the name of one of the
    bundle, the module fails before it sends anything.
  - Afterwards each file that was sent is read back. Its SHA-256 is compared with the one that the page states; if the page
    states none, the file is downloaded and hashed.
  - This is not all or nothing. Each file is served as soon as the server has it. If a run fails, the next one sends the rest.
  - As with twine, an upload is sent again after a status from 500 on, five times in all, and nothing else is. A refusal that
    means that the file exists already is followed by the comparison of its SHA-256.
  - Verify the bundle first with M(airgap.python.bundle_verify).
author:
  - airgap.python authors (@airgap-python)
options:
  url:
    description: The address that accepts uploads, as twine gets it in C(--repository-url). Proxies of the environment are not used.
    type: str
    required: true
  simple_url:
    description: The address of the simple pages of the same repository.
    type: str
    required: true
  user:
    description: The user. With a password and no user, the user is C(__token__), as with twine.
    type: str
  password:
    description: The password of O(user), or a token. It is sent to the host of O(url) alone.
    type: str
  client_cert:
    description: A PEM file on the managed host with the certificate that the server asks for.
    type: path
  client_key:
    description: A PEM file on the managed host with the key of O(client_cert), if it is not in the same file. It must have no passphrase.
    type: path
  ca_path:
    description: The certificates that the server's is checked with, a PEM file on the managed host. By default the system's.
    type: path
  server:
    description:
      - The server. It decides which refusal of an upload means that the file exists already, and what messages say.
      - With V(auto), it is recognised by its headers, its address or its start page. Of a server that is not recognised, the
        refusals of all of them are understood.
    type: str
    default: auto
    choices: [auto, artifactory, cloudsmith, devpi, forgejo, gitlab, nexus, pulp, pypiserver]
  src:
    description: The bundle.
    type: path
    required: true
  bundle_id:
    description: The id that the bundle in O(src) must have, as M(airgap.python.bundle_verify) returns it.
    type: str
    required: true
  withdrawn:
    description:
      - The versions that are withdrawn, as M(airgap.python.bundle_import_start) returns them from the ledger. Those with C(gone)
        are not sent. What the server has of them stays there, and is named in a warning.
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
  listing_timeout:
    description: How many seconds to wait until the server lists what it accepted. Some do so later, by a task of their own.
    type: int
    default: 120
  timeout:
    description: How many seconds to wait for each response.
    type: int
    default: 60
attributes:
  check_mode:
    description: Reads the pages of the server, and reports what would be sent. Sends nothing.
    support: full
  diff_mode:
    description: Shows the files of the bundle that the server has before and after.
    support: full
requirements:
  - python >= 3.8
  - packaging >= 22, or pip >= 24.1, of this interpreter or as one of the wheels
seealso:
  - module: airgap.python.bundle_verify
  - module: airgap.python.devpi_publish
  - module: airgap.python.static_index
"""

EXAMPLES = r"""
- name: Verify a bundle
  airgap.python.bundle_verify:
    path: /srv/airgap/bundle
    whole: true
  register: bundle

- name: Publish it to Nexus Repository
  airgap.python.external_publish:
    url: https://nexus.example.org/repository/python/
    simple_url: https://nexus.example.org/repository/python/simple/
    user: publisher
    password: "{{ vault_publisher }}"
    ca_path: /etc/ssl/site-ca.pem
    src: /srv/airgap/bundle
    bundle_id: "{{ bundle.id }}"
"""

RETURN = r"""
server:
  description: Which server it is, as in O(server); empty if it was not recognised.
  type: str
  returned: success
  sample: nexus
title:
  description: The name of the server, for people.
  type: str
  returned: success
  sample: Nexus Repository
bundle_id:
  description: The bundle.
  type: str
  returned: success
switched:
  description: Whether the server lacked files, whoever sent them in the end.
  type: bool
  returned: success
uploaded:
  description: File names that were sent, or would be in check mode.
  type: list
  elements: str
  returned: success
uploaded_count:
  description: How many files were sent.
  type: int
  returned: success
uploaded_bytes:
  description: The size of the files that were sent, in bytes.
  type: int
  returned: success
present_count:
  description: How many files of the bundle the server had already.
  type: int
  returned: success
withdrawn:
  description: File names of withdrawn versions that the server serves.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._bundle import _ledger
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _external, _external_publish


def main() -> None:
    """Publish the bundle."""
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "simple_url": {"type": "str", "required": True},
            "user": {"type": "str"},
            "password": {"type": "str", "no_log": True},
            "client_cert": {"type": "path"},
            "client_key": {"type": "path", "no_log": False},
            "ca_path": {"type": "path"},
            "server": {"type": "str", "default": _external.AUTO, "choices": list(_external.SERVERS)},
            "src": {"type": "path", "required": True},
            "bundle_id": {"type": "str", "required": True},
            "withdrawn": {"type": "list", "elements": "dict", "default": [], "options": _ledger.WITHDRAWN},
            "listing_timeout": {"type": "int", "default": 120},
            "timeout": {"type": "int", "default": 60},
        },
        required_by={"client_key": ("client_cert",)},
        supports_check_mode=True,
    )
    try:
        result = _external_publish.publish(module.params, module.check_mode, module.warn)
    except AirgapError as error:
        module.fail_json(msg=_secrets.scrub(str(error), module.no_log_values))
    module.exit_json(**_secrets.scrub(result, module.no_log_values))


if __name__ == "__main__":
    main()
