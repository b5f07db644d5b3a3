#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: devpi_index
short_description: Manage an index of devpi-server
version_added: 0.1.0
description:
  - Creates, changes or removes an index over the HTTP API of devpi-server. Needs neither devpi-client nor any other package.
  - The defaults make an index for a site without internet. It has no bases, it never replaces a file, and only its owner
    publishes.
  - Only settings that differ are sent. An option that does not apply to the type of the index or to the version of the server
    is an error.
author:
  - airgap.python authors (@airgap-python)
extends_documentation_fragment:
  - airgap.python.devpi
options:
  name:
    description: The index as C(USER/INDEX). The user must exist.
    type: str
    required: true
  type:
    description:
      - The type of the index, V(stage) for one that files are published to, V(mirror) for one that caches another index.
      - devpi-server 7 calls them V(local) and V(remote). Either name is accepted, and the server is sent the one that it knows.
      - An existing index of another type is an error.
    type: str
    choices: [stage, mirror, local, remote]
    default: stage
  bases:
    description:
      - Indexes that this one inherits from, the first one wins. By default none.
      - With a mirror among them, every missing name waits for the internet,
        and names that were never published here are served.
      - Only for V(stage).
    type: list
    elements: str
  volatile:
    description:
      - Whether published files can be replaced and removed.
      - By default V(false) for V(stage). For V(mirror) it is not changed if not given; devpi's own default is V(true).
    type: bool
  acl_upload:
    description:
      - Users that may publish. C(:AUTHENTICATED:) means every user, C(:ANONYMOUS:) everyone.
      - By default only the owner.
      - Only for V(stage).
    type: list
    elements: str
  acl_toxresult_upload:
    description:
      - Users that may upload test results. By default no one; devpi's own default is everyone.
      - Only for V(stage).
    type: list
    elements: str
  title:
    description: A line that describes the index. Not changed if not given; an empty string removes it.
    type: str
  description:
    description: A longer description. Not changed if not given; an empty string removes it.
    type: str
  custom_data:
    description: Any value that devpi stores with the index and does not use. Not changed if not given.
    type: raw
  mirror_whitelist:
    description:
      - Projects for which a mirror among the bases is asked although a base or the index itself has them. V(*) means all.
      - Not changed if not given; devpi's default is none, so a name that was published inside is never looked up upstream.
      - Only for V(stage), up to devpi-server 6.
    type: list
    elements: str
  mirror_whitelist_inheritance:
    description:
      - How O(mirror_whitelist) is combined with those of the bases. Not changed if not given.
      - Only for V(stage), up to devpi-server 6.
    type: str
    choices: [intersection, union]
  project_inheritance_rules:
    description:
      - What a project inherits from the bases, V(block type:remote if local_exists) or V(allow all).
      - Not changed if not given; devpi's default is the former, so a name that was published inside is never looked up upstream.
      - Only for V(stage), from devpi-server 7 on.
    type: list
    elements: str
  trust_inheritance_rules_from:
    description:
      - Of which bases the rules of inheritance are followed as well, V(none) or V(type:not remote). Not changed if not given.
      - Only for V(stage), from devpi-server 7 on.
    type: str
  mirror_url:
    description:
      - The simple index that is cached. Required for a new index of type V(mirror).
      - A user and a password in it are not shown in the result.
    type: str
  mirror_cache_expiry:
    description: For how many seconds what the upstream listed is not requested again. Not changed if not given. Only for V(mirror).
    type: int
  mirror_no_project_list:
    description: Whether the upstream has no list of its projects. Not changed if not given. Only for V(mirror).
    type: bool
  mirror_use_external_urls:
    description:
      - Whether clients are sent to the upstream for files, so that devpi stores none. Not changed if not given.
      - Only for V(mirror).
    type: bool
  mirror_web_url_fmt:
    description: The address of a project's page upstream, with V({name}) in it. Not changed if not given. Only for V(mirror).
    type: str
  mirror_ignore_serial_header:
    description:
      - Whether the serial of PyPI in the upstream's responses is ignored. Not changed if not given.
      - Only for V(mirror), up to devpi-server 6.
    type: bool
  mirror_provides_core_metadata:
    description:
      - Whether the upstream serves the metadata of wheels by themselves. Not changed if not given.
      - Only for V(mirror), up to devpi-server 6.
    type: bool
  reserved:
    description:
      - Names of projects that are never looked up in a mirror among the bases, although no version of them is published yet. What
        is published has such a name without being listed here.
      - O(login_user) must be allowed to publish to the index. A name that is removed from the list stays reserved.
      - Only for V(stage).
    type: list
    elements: str
  state:
    description: With V(present) the index exists with these settings, with V(absent) it does not exist.
    type: str
    choices: [present, absent]
    default: present
  force:
    description: With O(state=absent), remove a non-volatile index even if it holds projects. Its files are lost.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Create an index for production
  airgap.python.devpi_index:
    name: airgap/prod
    login_password_file: /etc/devpi-server/root.password

- name: Let two users publish to a test index
  airgap.python.devpi_index:
    name: airgap/test
    bases: [airgap/prod]
    volatile: true
    acl_upload: [airgap, tester]
    login_password_file: /etc/devpi-server/root.password

- name: Cache PyPI in a network that has internet
  airgap.python.devpi_index:
    name: root/pypi
    type: mirror
    mirror_url: https://index.example.org/simple/
    title: PyPI
    login_password_file: /etc/devpi-server/root.password

- name: Remove an index and its files
  airgap.python.devpi_index:
    name: airgap/old
    state: absent
    force: true
    login_password_file: /etc/devpi-server/root.password
"""

RETURN = r"""
index:
  description:
    - The settings of the index after the run, or as they would be in check mode, by the names that the server has for them.
    - Empty if it is absent.
  type: dict
  returned: success
  sample: {type: stage, bases: [], volatile: false, acl_upload: [airgap], acl_toxresult_upload: []}
"""

from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _indexes, _login, _settings


def main() -> None:
    """Create, change or remove the index."""
    module = _login.devpi_module({"name": {"type": "str", "required": True}, **_settings.SPEC})
    try:
        result = _login.with_client(module, _indexes.ensure)
    except AirgapError as error:
        module.fail_json(msg=_secrets.scrub(str(error), module.no_log_values))
    module.exit_json(**_secrets.scrub(result, module.no_log_values))


if __name__ == "__main__":
    main()
