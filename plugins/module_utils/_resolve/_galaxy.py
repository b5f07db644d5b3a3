# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Download collections with ansible-galaxy, which runs in an environment of its own. Nothing that it says is believed."""

from __future__ import annotations

import json
import os
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._bundle import _collections
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import write_atomic
from ansible_collections.airgap.python.plugins.module_utils._pip._arguments import NO_INPUT, NO_VERSION_CHECK
from ansible_collections.airgap.python.plugins.module_utils._pip._command import Pip, pip_for_module, run_logged

PUBLIC = "https://galaxy.ansible.com/"


def origin(params: t.Mapping[str, t.Any]) -> str:
    """Return the server as the manifest states it."""
    return _secrets.public(params["galaxy_server"] or PUBLIC)


def download(
    module: AnsibleModule, root: str, wanted: t.Sequence[t.Tuple[str, str]], archives: t.Sequence[str]
) -> t.Dict[str, _collections.Collection]:
    """Download collections, and what they and the given archives depend on; return path to collection.

    ``wanted`` are names and versions. ``root`` is an empty folder, which gets all that ansible-galaxy writes.
    """
    params = module.params
    pip = pip_for_module(module)
    python = _environment(pip, params["galaxy_venv"], params["galaxy_requirement"])
    lines = [{"name": name, "version": versions} for name, versions in wanted]
    lines += [{"name": path, "type": "file"} for path in archives]
    listing, dest = os.path.join(root, "requirements.yml"), os.path.join(root, "archives")
    # JSON is YAML.
    write_atomic(listing, json.dumps({"collections": lines}).encode("utf-8"))
    _write_settings(root, params)
    # Its settings are those of this run alone, and its cache is removed with the folder.
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "PYTHON"))}
    environment.update(ANSIBLE_CONFIG=os.path.join(root, "ansible.cfg"), ANSIBLE_HOME=root, HOME=root, LC_ALL="C.UTF-8")
    if params["cert"]:
        environment["SSL_CERT_FILE"] = params["cert"]
    if params["proxy"]:
        environment.update({key: params["proxy"] for key in ("http_proxy", "https_proxy", "HTTPS_PROXY")})
    secrets = dict(pip.secrets())
    secrets.update(_secrets.masks([params["galaxy_token"]] if params["galaxy_token"] else []))
    command = [os.path.join(os.path.dirname(python), "ansible-galaxy"), "collection", "download"]
    command += ["--requirements-file", listing, "--download-path", dest]
    rc, out = run_logged(command, environment, params["log"], secrets)
    if rc != 0:
        raise AirgapError(
            "The collections cannot be downloaded from %s: %s. Set stage_galaxy_server if the site has a server of its own, or "
            "name archives on the control host with src."
            % (origin(params), _collections.reason_in(_secrets.hide(out, secrets)))
        )
    found = _collections.read_folder(dest)
    return {os.path.join(dest, name): one for name, one in found.items()}


def _environment(pip: Pip, folder: str, requirement: str) -> str:
    """Create the virtual environment of ansible-galaxy unless it exists; return its interpreter."""
    python = os.path.join(folder, "bin", "python")
    if os.path.exists(os.path.join(folder, "bin", "ansible-galaxy")):
        return python
    rc, out = run_logged([pip.python, "-m", "venv", "--without-pip", folder], os.environ, pip.log, {})
    if rc == 0:
        arguments = ["--python", python, "install", NO_INPUT, NO_VERSION_CHECK, "--quiet", requirement]
        rc, out = pip.run_with_retries(arguments)
    if rc != 0:
        raise AirgapError(
            "ansible-galaxy cannot be installed in %s: %s. The log of pip has more."
            % (folder, _collections.reason_in(out))
        )
    return python


def _write_settings(root: str, params: t.Mapping[str, t.Any]) -> None:
    """Write the settings of ansible-galaxy; they may hold a token."""
    lines = ["[galaxy]", "server_list = site", "[galaxy_server.site]", "url = %s" % (params["galaxy_server"] or PUBLIC)]
    if params["galaxy_token"]:
        lines.append("token = %s" % params["galaxy_token"])
    write_atomic(os.path.join(root, "ansible.cfg"), "".join(line + "\n" for line in lines).encode("utf-8"), 0o600)
