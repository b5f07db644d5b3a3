#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: pip_settings_info
short_description: Find settings that win over the site's pip.conf
version_added: 0.1.0
description:
  - pip reads C(/etc/pip.conf) for every user of a host, but settings of a user, of an environment and of the login win
    over it. This finds them and warns of each kind with what it changes.
  - It reads C(pip.conf) below C(/etc/xdg), of the users and of the environments, C(PIP_*) and C(*_proxy) variables in the
    files that a login reads (C(/etc/environment), C(~/.profile) and the like), and C(~/.netrc).
  - Users are those of the host's own list, and those with a folder in C(/home). Nothing is run, so that what a file sets
    under a condition is taken for set.
  - Of the values only known keys are told, and of a URL no more than scheme, host and port.
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
  index_url:
    description: The index that pip is to use.
    type: str
    required: true
  path:
    description: The site's configuration, which outranks that below C(/etc/xdg).
    type: path
    default: /etc/pip.conf
  environments:
    description: Folders of environments, each of which may have a C(pip.conf) of its own. They may have wildcards.
    type: list
    elements: path
    default: []
"""

EXAMPLES = r"""
- name: Look for settings that win over it
  airgap.python.pip_settings_info:
    index_url: http://10.89.1.10:3141/airgap/prod/+simple/
    environments: [/usr, /opt/airgap/*]
"""

RETURN = r"""
findings:
  description: The settings that were found.
  type: list
  elements: dict
  returned: success
  contains:
    path:
      description: The file. Of a user's it begins with V(~/).
      type: str
      sample: ~/.config/pip/pip.conf
    user:
      description: Whose it is. Empty for every user.
      type: str
    effects:
      description: What pip does because of it.
      type: list
      elements: str
      sample: ["asks https://pypi.example in place of the index"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._install import _settings_search, _user_settings


def main() -> None:
    """Look, and warn."""
    module = AnsibleModule(
        argument_spec={
            "index_url": {"type": "str", "required": True},
            "path": {"type": "path", "default": "/etc/pip.conf"},
            "environments": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    try:
        host = _settings_search.Host(module.params["index_url"], _settings_search.text_of(module.params["path"]) or "")
        host.look(module.params["environments"])
    except OSError as error:
        module.fail_json(msg="%s cannot be read: %s. Run this as root." % (error.filename, error.strerror))
    for sentence in _user_settings.sentences(host.findings, module.params["path"]):
        module.warn(sentence)
    if host.unread:
        names = ", ".join(_settings_search.plain(name) for name in host.unread[: _user_settings.MOST])
        module.warn(
            "Settings of %d users, such as %s, cannot be read and were not looked at." % (len(host.unread), names)
        )
    module.exit_json(
        changed=False,
        findings=[{"path": one.path, "user": one.user, "effects": list(one.effects)} for one in host.findings],
    )


if __name__ == "__main__":
    main()
