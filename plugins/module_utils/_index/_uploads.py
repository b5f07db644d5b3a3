# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploads of wheels to an index: which files are sent, and what the index must list afterwards."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._access import other_writers
from ansible_collections.airgap.python.plugins.module_utils._bundle import _manifest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import open_plain
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_stream
from ansible_collections.airgap.python.plugins.module_utils._index import _login, _names
from ansible_collections.airgap.python.plugins.module_utils._index._client import Listed
from ansible_collections.airgap.python.plugins.module_utils._wheels import _packaging, _prover, _wheel
from ansible_collections.airgap.python.plugins.module_utils._wheels._wheel import Wheel


class UploadPlan(t.NamedTuple):
    """Which wheels to send, which are there, and of those whose Requires-Python the index does not give."""

    upload: t.Tuple[Wheel, ...]
    present: t.Tuple[Wheel, ...]
    undeclared: t.Tuple[Wheel, ...]


def plan_upload(index: str, wheels: t.Sequence[Wheel], listed: t.Mapping[str, t.Mapping[str, Listed]]) -> UploadPlan:
    """Compare wheels with what an index lists by project and file name.

    Raises AirgapError, naming every file and both hashes, where the index holds
    another file under the name of one of them.
    """
    upload, present, undeclared, conflicts = [], [], [], []
    for wheel in wheels:
        there = listed.get(wheel.project, {}).get(wheel.filename)
        if there is None:
            upload.append(wheel)
        elif there.sha256 != wheel.sha256:
            conflicts.append(
                "%s (sha256 here %s, on the index %s)" % (wheel.filename, wheel.sha256, there.sha256 or "not given")
            )
        else:
            present.append(wheel)
            if there.requires_python != wheel.requires_python:
                undeclared.append(wheel)
    if conflicts:
        raise AirgapError(
            "Index %s holds other files under the same names: %s. Nothing was uploaded. "
            "A published file is never replaced: "
            "give the new one a new version, or publish to another index." % (index, "; ".join(conflicts[:20]))
        )
    return UploadPlan(tuple(upload), tuple(present), tuple(undeclared))


def check_uploaded(index: str, wheels: t.Sequence[Wheel], listed: t.Mapping[str, t.Mapping[str, Listed]]) -> None:
    """Raise AirgapError unless the index lists each wheel with its hash and its Requires-Python.

    The server believes the form that it is sent, so an upload that it accepted proves nothing.
    """
    declared: t.Dict[t.Tuple[str, str], t.Set[str]] = {}
    for wheel in wheels:
        # devpi keeps one Requires-Python for all files of a version.
        declared.setdefault((wheel.project, wheel.version), set()).add(wheel.requires_python)
    wrong = []
    for wheel in wheels:
        there = listed.get(wheel.project, {}).get(wheel.filename)
        if there is None:
            wrong.append("%s is not listed" % wheel.filename)
        elif there.sha256 != wheel.sha256:
            wrong.append("%s has sha256 %s instead of %s" % (wheel.filename, there.sha256 or "(none)", wheel.sha256))
        elif there.requires_python not in declared[(wheel.project, wheel.version)]:
            wrong.append(
                "%s has Requires-Python %r instead of %r"
                % (wheel.filename, there.requires_python, wheel.requires_python)
            )
    if wrong:
        raise AirgapError(
            "Index %s was sent these files and lists something else: %s. Do not install from it; "
            "check the disk and the log of devpi-server, and publish again." % (index, "; ".join(wrong[:20]))
        )


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
            _manifest.check_name(path, "files")
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
    return _packaging.load(_prover.pip_wheels(mine))


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
                    wheels.append(_wheel.describe(packaging, path, sha256, _wheel.read_metadata(path, stream)))
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
    _names.split_index(index)
    located = locate(params["files"], params["src"])
    wheels = inspect(packaging_for(located), located)
    if not module.check_mode:
        client.login(params["login_user"], _login.login_password(params))
    config = client.get_index(index)
    if config is None and not module.check_mode:
        raise AirgapError("Index %s is not there. Create it with devpi_index first." % index)
    if config is not None and config.get("type") != "stage":
        raise AirgapError(
            "Index %s is of type %s and takes no uploads. Name an index of type stage." % (index, config.get("type"))
        )
    listed = {} if config is None else listing(client, index, wheels)
    plan = plan_upload(index, wheels, listed)
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
        check_uploaded(index, plan.upload, listing(client, index, plan.upload))
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
