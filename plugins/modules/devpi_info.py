#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: devpi_info
short_description: Read what a devpi-server holds and how it is
version_added: 0.1.0
description:
  - Finds out whether a devpi-server answers, and returns its users, its indexes with their settings, the versions and files
    on them, and the state of its replicas, as far as O(gather) asks for them.
  - Changes nothing. A login is needed only if the server shows its contents to nobody else.
author:
  - airgap.python authors (@airgap-python)
extends_documentation_fragment:
  - airgap.python.devpi
attributes:
  check_mode:
    description: Can run in check mode and return the same result.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
options:
  gather:
    description:
      - What to read. With an empty list, one request finds out whether the server answers.
      - V(versions) and V(files) need a request for each project. They leave out mirrors and what an index inherits.
    type: list
    elements: str
    choices: [users, indexes, versions, files, replica]
    default: []
  index:
    description: Return only this index and what is on it, as C(USER/INDEX). Required with O(password_dir).
    type: str
  password_dir:
    description: A folder on the managed host in which to look for C(root.password) and C(USER.password) of the index's owner.
    type: path
  missing_ok:
    description: Whether a server that does not answer, or an O(index) that does not exist, is a result and not an error.
    type: bool
    default: false
  timeout:
    description: How many seconds to wait for a response.
    type: int
    default: 10
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Check whether there is a server to publish to
  airgap.python.devpi_info:
    index: airgap/prod
    password_dir: /etc/devpi-server
    missing_ok: "{{ ansible_check_mode }}"

- name: Read all files of an index with their SHA-256
  airgap.python.devpi_info:
    index: airgap/prod
    gather: [files]
  register: prod

- name: Wait until a replica has everything that its primary has
  airgap.python.devpi_info:
    url: http://127.0.0.1:3141
    gather: [replica]
  register: copy
  until: copy.replica.in_sync
  retries: 30
  delay: 2
"""

RETURN = r"""
answers:
  description: Whether a devpi-server answers.
  type: bool
  returned: success
has_passwords:
  description: Whether both password files exist.
  type: bool
  returned: with O(password_dir)
version:
  description: The version of devpi-server.
  type: str
  returned: if it answers and O(gather) is not empty
  sample: 6.20.3
serial:
  description: The number of the server's latest change.
  type: int
  returned: if it answers and O(gather) is not empty
users:
  description: The users of the server.
  type: list
  elements: dict
  returned: with V(users) in O(gather)
  contains:
    name:
      description: The user's name.
      type: str
    email:
      description: The mail address, or an empty string.
      type: str
    title:
      description: The title, or an empty string.
      type: str
    description:
      description: The description, or an empty string.
      type: str
    custom_data:
      description: The custom data, or an empty string.
      type: raw
    indexes:
      description: The indexes that the user owns, as C(USER/INDEX).
      type: list
      elements: str
indexes:
  description: The indexes of the server.
  type: list
  elements: dict
  returned: with V(indexes) in O(gather)
  contains:
    name:
      description: The index as C(USER/INDEX).
      type: str
    type:
      description: V(stage) or V(mirror), whatever the server calls them.
      type: str
    settings:
      description: The settings by the names that the server has for them, without the login of a mirror's URL.
      type: dict
versions:
  description: The versions on each index itself.
  type: list
  elements: dict
  returned: with V(versions) in O(gather)
  contains:
    index:
      description: The index.
      type: str
    project:
      description: The project.
      type: str
    versions:
      description: The versions of which the index has a file.
      type: list
      elements: str
files:
  description: The files on each index itself.
  type: list
  elements: dict
  returned: with V(files) in O(gather)
  contains:
    index:
      description: The index.
      type: str
    project:
      description: The project.
      type: str
    version:
      description: The version in the file's name.
      type: str
    filename:
      description: The file's name.
      type: str
    sha256:
      description: The SHA-256 that the index lists.
      type: str
    requires_python:
      description: The C(Requires-Python) that the index lists, or an empty string.
      type: str
replica:
  description: The part of this server in replication.
  type: dict
  returned: with V(replica) in O(gather)
  contains:
    role:
      description: V(primary) or V(replica).
      type: str
    serial:
      description: The number of this server's latest change.
      type: int
    primary_url:
      description: The address of the primary, if this is a replica.
      type: str
    primary_serial:
      description: The number of the primary's latest change that this server knows, -1 if it knows none.
      type: int
    in_sync:
      description: Whether this server has every change and every file of the primary.
      type: bool
    errors:
      description: Files that could not be replicated, each with the reason.
      type: list
      elements: str
    replicas:
      description: The replicas that ask this server for changes.
      type: list
      elements: dict
      contains:
        address:
          description: The address that the replica asks from.
          type: str
        url:
          description: The replica's own address, if it is set.
          type: str
        serial:
          description: The change that it asked for last.
          type: int
"""

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _login, _server_state


def main() -> None:
    """Read the server and the password files."""
    module = _login.devpi_module(
        {
            "gather": {"type": "list", "elements": "str", "choices": list(_server_state.PARTS), "default": []},
            "index": {"type": "str"},
            "password_dir": {"type": "path", "no_log": False},
            "missing_ok": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 10},
        },
        required_by={"password_dir": ["index"]},
        login_required=False,
    )
    try:
        result = _login.with_client(module, _server_state.read)
    except AirgapError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
