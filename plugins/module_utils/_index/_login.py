# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all devpi modules share: their options, the connection, and the login."""

from __future__ import annotations

import os
import stat
import types
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index._client import Client, Json

OPTIONS: Json = {
    "url": {"type": "str", "default": "http://127.0.0.1:3141"},
    "login_user": {"type": "str", "default": "root"},
    "login_password": {"type": "str", "no_log": True},
    "login_password_file": {"type": "path", "no_log": False},
    "login_token": {"type": "str", "no_log": True},
    "ca_path": {"type": "path"},
    "timeout": {"type": "int", "default": 60},
}
LOGINS = ["login_password", "login_password_file", "login_token"]


def devpi_module(
    options: Json,
    required_one_of: t.Sequence[t.Sequence[str]] = (),
    mutually_exclusive: t.Sequence[t.Sequence[str]] = (),
    required_by: t.Mapping[str, t.Sequence[str]] = types.MappingProxyType({}),
    login_required: bool = True,
) -> AnsibleModule:
    """Return a module with its own options and those of the doc fragment devpi."""
    return AnsibleModule(
        argument_spec={**OPTIONS, **options},
        required_one_of=[*([LOGINS] if login_required else []), *required_one_of],
        mutually_exclusive=[LOGINS, *mutually_exclusive],
        required_by=dict(required_by),
        supports_check_mode=True,
    )


def with_client(module: AnsibleModule, action: t.Callable[[AnsibleModule, Client], Json]) -> Json:
    """Return the result of an action that gets a client for the module's options, not logged in yet."""
    client = Client(module.params["url"], module.params["timeout"], module.params["ca_path"])
    try:
        return action(module, client)
    finally:
        client.close()


def log_in(client: Client, params: t.Mapping[str, t.Any]) -> None:
    """Log in with the token or the password that the options give."""
    if params["login_token"] is not None:
        client.use_token(params["login_user"], params["login_token"])
    else:
        client.log_in(params["login_user"], login_password(params))


def login_password(params: t.Mapping[str, t.Any]) -> str:
    """Return the password to log in with, from the option or the file."""
    if params["login_password"] is not None:
        return str(params["login_password"])
    return read_password_file(params["login_password_file"])


def read_password_file(path: str) -> str:
    """Return the password in a file, without the newline at its end.

    Raises AirgapError if there is none, or if anyone but the owner may read or write the file.
    """
    try:
        with open(path, "rb") as stream:
            found = os.fstat(stream.fileno())
            data = stream.read(4096)
    except OSError as error:
        raise AirgapError(
            "The password file %s cannot be read: %s. Create it on this host, with mode 0600." % (path, error.strerror)
        ) from error
    if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o077:
        raise AirgapError(
            "The password file %s has mode %04o, so others may read it. Run 'chmod 0600 %s', and change the password."
            % (path, stat.S_IMODE(found.st_mode), path)
        )
    try:
        password = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise AirgapError("The password file %s is not UTF-8. Write the password into it as text." % path) from error
    password = password[:-1] if password.endswith("\n") else password
    if not password or "\n" in password:
        raise AirgapError("The password file %s must hold one line, the password." % path)
    return password
