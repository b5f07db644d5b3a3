#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: devpi_upload
short_description: Publish wheels to an index of devpi-server
version_added: 0.1.0
description:
  - Uploads wheels over the HTTP API of devpi-server, with the metadata that each wheel declares.
    Needs neither devpi-client nor twine.
  - First every file is checked against its SHA-256 and its own metadata, then all are compared with the index, and only
    then the first is sent. A link, and a file that others can change, is refused; what is sent is hashed once more on its
    way, and the end of a file that was changed meanwhile is not sent. A file that the index holds already is not sent again.
  - Another file under the same name on the index is an error, on volatile indexes, too. Nothing is ever replaced.
  - The server believes what it is sent. Therefore the index is read again afterwards, and it is an error when it does
    not list a file with its SHA-256 and its C(Requires-Python).
author:
  - airgap.python authors (@airgap-python)
extends_documentation_fragment:
  - airgap.python.devpi
options:
  index:
    description: The index as C(USER/INDEX).
    type: str
    required: true
  files:
    description:
      - The wheels, each as a dictionary with C(path), a file on the managed host, and C(sha256), 64 hex digits.
      - Other keys are ignored.
      - Set either this or O(bundle_id).
    type: list
    elements: dict
  bundle_id:
    description:
      - Publish all files of the bundle in O(src), which must have this id, as M(airgap.python.bundle_verify) returns it.
      - The names and the SHA-256 of the files are those of the bundle's manifest, which the id stands for.
    type: str
  src:
    description: The bundle, or the folder that a relative C(path) in O(files) starts from. Without it each C(path) must be absolute.
    type: path
requirements:
  - packaging >= 22, or pip >= 24.1, of this interpreter or as one of the wheels
attributes:
  check_mode:
    description:
      - Checks the files, reads the index and tells what it would upload. Does not log in.
      - An index that is not there counts as empty.
"""

EXAMPLES = r"""
- name: Publish one wheel
  airgap.python.devpi_upload:
    index: airgap/prod
    files:
      - path: /srv/airgap/bundle/wheels/jmespath-1.1.0-py3-none-any.whl
        sha256: a5663118de4908c91729bea0acadca56526eb2698e83de10cd116ae0f4e97c64
    login_user: airgap
    login_password_file: /etc/devpi-server/airgap.password

- name: Check a bundle
  airgap.python.bundle_verify:
    path: /srv/airgap/bundle
  register: bundle

- name: Publish all of it
  airgap.python.devpi_upload:
    index: airgap/prod
    src: /srv/airgap/bundle
    bundle_id: "{{ bundle.id }}"
    login_user: airgap
    login_password_file: /etc/devpi-server/airgap.password
"""

RETURN = r"""
uploaded:
  description: File names that were uploaded, or would be in check mode.
  type: list
  elements: str
  returned: success
  sample: [jmespath-1.1.0-py3-none-any.whl]
uploaded_count:
  description: How many files RV(uploaded) has.
  type: int
  returned: success
uploaded_bytes:
  description: The size of RV(uploaded) in bytes.
  type: int
  returned: success
present:
  description: File names that the index held already.
  type: list
  elements: str
  returned: success
present_count:
  description: How many files RV(present) has.
  type: int
  returned: success
"""

import os
import re

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._access import other_writers
from ansible_collections.airgap.python.plugins.module_utils._bundle import _layout, _manifest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import open_plain
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_stream
from ansible_collections.airgap.python.plugins.module_utils._index import _devpi
from ansible_collections.airgap.python.plugins.module_utils._wheels import _metadata, _packaging, _pip_wheels, _wheel


def files_of_bundle(src, identity):
    """Return the files of the bundle in a folder; raises AirgapError if it is not the bundle with this id."""
    manifest = _manifest.read(src)
    if manifest["id"] != identity:
        raise AirgapError(
            "%s is bundle %s, and bundle_id is %s: the bundle changed after it was verified. Verify it again and run this again."
            % (src, manifest["id"], identity)
        )
    return manifest["files"]


def locate(files, src):
    """Return path and SHA-256 of each file; names are judged before they are joined to a path."""
    found = {}
    for entry in files:
        path = str(entry.get("path") or "")
        sha256 = str(entry.get("sha256") or "").lower()
        if not re.match(r"^[0-9a-f]{64}$", sha256):
            raise AirgapError(
                "%s has no sha256 of 64 hex digits. Give it for every file." % (path or "An entry of files")
            )
        if src is not None and not os.path.isabs(path):
            _layout.check_name(path, "files")
            path = os.path.join(src, path)
        if not os.path.isabs(path):
            raise AirgapError("files names %r, which is no absolute path. Set src to the folder it starts from." % path)
        name = os.path.basename(path)
        if found.setdefault(name, (path, sha256)) != (path, sha256):
            raise AirgapError(
                "files names %s twice, as %s (sha256 %s) and %s (sha256 %s). Leave one out."
                % ((name,) + found[name] + (path, sha256))
            )
    return [found[name] for name in sorted(found)]


def packaging_for(located):
    """Return what reads names and versions: this interpreter's own, or that of a wheel of pip among the files."""
    mine = []
    for path, sha256 in located:
        if not os.path.isfile(path) or os.path.islink(path):
            continue
        # As in inspect(), which refuses the others by name.
        with open_plain(path) as stream:
            if not other_writers(os.fstat(stream.fileno())):
                mine.append((path, sha256))
    return _packaging.load(_pip_wheels.pip_wheels(mine))


def inspect(packaging, located):
    """Return what every wheel declares, after its hash was checked; all mistakes are named at once."""
    wheels = []
    wrong = []
    for path, sha256 in located:
        try:
            with open_plain(path) as stream:
                reason = other_writers(os.fstat(stream.fileno()))
                here = "" if reason else sha256_stream(stream)
                if here == sha256:
                    # Nobody changes the file between the two, and this is the file that was hashed.
                    wheels.append(_wheel.describe(packaging, path, sha256, _metadata.read(path, stream)))
                elif reason:
                    wrong.append("%s can be changed by others: %s. Copy it to a folder of your own" % (path, reason))
                else:
                    wrong.append("%s has sha256 %s instead of %s" % (path, here, sha256))
        except OSError as error:
            wrong.append("%s cannot be read: %s" % (path, error.strerror or error))
        except AirgapError as error:
            wrong.append(str(error).rstrip("."))
    if wrong:
        raise AirgapError("%s. Nothing was uploaded. Fetch the bundle again." % "; ".join(wrong[:20]))
    return wheels


def listing(client, index, wheels):
    """Return what the index lists of the projects of these wheels."""
    return {project: client.list_files(index, project) for project in sorted({wheel.project for wheel in wheels})}


def run(module, client):
    """Check all, compare all, then upload what is missing and look at the index again."""
    params = module.params
    index = params["index"]
    _devpi.split_index(index)
    files = params["files"] if params["bundle_id"] is None else files_of_bundle(params["src"], params["bundle_id"])
    located = locate(files, params["src"])
    wheels = inspect(packaging_for(located), located)
    if not module.check_mode:
        client.login(params["login_user"], _devpi.login_password(params))
    config = client.get_index(index)
    if config is None and not module.check_mode:
        raise AirgapError("Index %s is not there. Create it with devpi_index first." % index)
    if config is not None and config.get("type") != "stage":
        raise AirgapError(
            "Index %s is of type %s and takes no uploads. Name an index of type stage." % (index, config.get("type"))
        )
    listed = {} if config is None else listing(client, index, wheels)
    plan = _devpi.plan_upload(index, wheels, listed)
    for wheel in plan.undeclared:
        module.warn(
            "%s is on index %s with another Requires-Python than its own %r, "
            "so pip may choose it for the wrong Python. "
            "Something else uploaded it." % (wheel.filename, index, wheel.requires_python)
        )
    size = sum(os.path.getsize(wheel.path) for wheel in plan.upload)
    if not module.check_mode:
        for wheel in plan.upload:
            client.upload(index, wheel)
        _devpi.check_uploaded(index, plan.upload, listing(client, index, plan.upload))
    lines = ["%s sha256:%s\n" % (wheel.filename, wheel.sha256) for wheel in plan.upload]
    return {
        "changed": bool(plan.upload),
        "uploaded": [wheel.filename for wheel in plan.upload],
        "uploaded_count": len(plan.upload),
        "uploaded_bytes": size,
        "present": [wheel.filename for wheel in plan.present],
        "present_count": len(plan.present),
        "diff": {"before_header": index, "after_header": index, "before": "", "after": "".join(lines)},
    }


def main():
    """Read the options, run, and say what went wrong."""
    spec = _devpi.options()
    spec.update(
        index={"type": "str", "required": True},
        files={"type": "list", "elements": "dict"},
        bundle_id={"type": "str"},
        src={"type": "path"},
    )
    module = AnsibleModule(
        argument_spec=spec,
        required_one_of=[["login_password", "login_password_file"], ["files", "bundle_id"]],
        mutually_exclusive=[["login_password", "login_password_file"], ["files", "bundle_id"]],
        required_by={"bundle_id": ("src",)},
        supports_check_mode=True,
    )
    try:
        client = _devpi.connect(module.params)
        try:
            result = run(module, client)
        finally:
            client.close()
    except AirgapError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(
            msg="A file that is to be published cannot be read: %s. Nothing of it was uploaded; run again." % error
        )
    module.exit_json(**result)


if __name__ == "__main__":
    main()
