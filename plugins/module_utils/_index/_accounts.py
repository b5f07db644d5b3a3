# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The accounts that units of the index host run as. A comment marks those that this collection created."""

from __future__ import annotations

import pwd
import re
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._index import _systemd
from ansible_collections.airgap.python.plugins.module_utils._index._service import SHELL, Account


def create(
    module: AnsibleModule, user: str, comment: str, with_group: bool, uid: t.Optional[int] = None
) -> pwd.struct_passwd:
    """Create an account; the home does not exist, so that it does not change with a data folder."""
    if with_group:
        _systemd.run_or_fail(module, "groupadd", "--system", user)
    argv = ["useradd", "--system", "--gid", user, "--home-dir", "/nonexistent", "--no-create-home"]
    argv += ["--shell", SHELL, "--comment", comment]
    _systemd.run_or_fail(module, *argv, *(["--uid", str(uid)] if uid is not None else []), user)
    return pwd.getpwnam(user)


def why_unusable(
    user: str, account: t.Optional[Account], members: t.Sequence[str], comment: str, variable: str
) -> t.List[str]:
    """Return why a unit cannot run as an account, at most one reason with its fix."""
    if not re.match(r"[a-z_][a-z0-9_-]{0,31}\Z", user):
        return [
            "%s is %s, which is not a valid account name. Use small letters, digits, '-' and '_'." % (variable, user)
        ]
    if account is not None and (account.uid == 0 or account.comment != comment):
        return [
            "%s is %s, and that account (user id %d, %s, shell %s) was not created by this role, which "
            "leaves it as it is. Set %s to a name that is free."
            % (
                variable,
                user,
                account.uid,
                "comment '%s'" % account.comment if account.comment else "no comment",
                account.shell or "none",
                variable,
            )
        ]
    if account is None and members:
        return [
            "%s is %s, and there is a group of that name with other members (%s), who could read the index's "
            "data. Set %s to a name that is free." % (variable, user, ", ".join(members[:5]), variable)
        ]
    return []
