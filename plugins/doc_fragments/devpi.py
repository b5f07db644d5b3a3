# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation that the devpi modules share."""

from __future__ import annotations


class ModuleDocFragment:
    """Options and attributes of every module that talks to devpi-server."""

    DOCUMENTATION = r"""
options:
  url:
    description:
      - Address of the devpi-server as the managed host reaches it, without user and password.
      - Proxies of the environment are not used.
    type: str
    default: http://127.0.0.1:3141
  login_user:
    description: The devpi user to log in as.
    type: str
    default: root
  login_password:
    description:
      - The password of O(login_user).
      - Set one of this, O(login_password_file) and O(login_token).
    type: str
  login_password_file:
    description:
      - A file on the managed host with the password of O(login_user) in one line.
      - It is refused if anyone but its owner may read or write it.
    type: path
  login_token:
    description:
      - A token of O(login_user), as C(devpi login) or a plugin of devpi-server for tokens creates it.
    type: str
  ca_path:
    description: A PEM file on the managed host with the certificates to trust for an https O(url).
    type: path
  timeout:
    description:
      - How many seconds to wait for a connection to the server and for each response.
      - A server that restarts while the module runs is waited for, up to 60 seconds.
    type: int
    default: 60
attributes:
  action_group:
    description: Use C(group/airgap.python.devpi) in C(module_defaults) to set these options once.
    support: full
    membership:
      - airgap.python.devpi
  check_mode:
    description: Works in check mode; reports what it would do.
    support: full
  diff_mode:
    description: Returns the differences, without secrets.
    support: full
requirements:
  - python >= 3.8
"""
