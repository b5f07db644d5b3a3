# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploads of wheels to an index: which files are sent, and what the index must list afterwards."""

from __future__ import annotations

import os
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._access import other_writers
from ansible_collections.airgap.python.plugins.module_utils._bundle import _layout, _manifest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import open_plain
from ansible_collections.airgap.python.plugins.module_utils._hashes import is_sha256, sha256_stream
from ansible_collections.airgap.python.plugins.module_utils._index import _login, _names, _settings
from ansible_collections.airgap.python.plugins.module_utils._index._client import Client, Json, Listed
from ansible_collections.airgap.python.plugins.module_utils._wheels import _metadata, _packaging, _pip_wheels, _wheel
from ansible_collections.airgap.python.plugins.module_utils._wheels._wheel import Wheel

# What an index lists: by project and file name.
Listing = t.Mapping[str, t.Mapping[str, Listed]]
# A file and the SHA-256 that it must have.
Located = t.Tuple[str, str]
# The most files that one message names.
MOST_NAMED = 20


class UploadPlan(t.NamedTuple):
    """Which wheels to send, which the index has, and for which of those it lists another Requires-Python."""

    upload: t.Tuple[Wheel, ...]
    present: t.Tuple[Wheel, ...]
    undeclared: t.Tuple[Wheel, ...]


def plan_upload(index: str, wheels: t.Sequence[Wheel], listing: Listing) -> UploadPlan:
    """Compare wheels with what an index lists.

    Raises AirgapError, naming every file and both hashes, if the index holds
    another file under the name of one of them.
    """
    upload, present, undeclared, conflicts = [], [], [], []
    for wheel in wheels:
        listed = listing.get(wheel.project, {}).get(wheel.filename)
        if listed is None:
            upload.append(wheel)
        elif listed.sha256 != wheel.sha256:
            conflicts.append(
                "%s (sha256 here %s, on the index %s)" % (wheel.filename, wheel.sha256, listed.sha256 or "not given")
            )
        else:
            present.append(wheel)
            if listed.requires_python != wheel.requires_python:
                undeclared.append(wheel)
    if conflicts:
        raise AirgapError(
            "Index %s holds other files under the same names: %s. Nothing was uploaded. "
            "A published file is never replaced: "
            "give the new one a new version, or publish to another index." % (index, "; ".join(conflicts[:MOST_NAMED]))
        )
    return UploadPlan(tuple(upload), tuple(present), tuple(undeclared))


def check_uploaded(index: str, wheels: t.Sequence[Wheel], listing: Listing) -> None:
    """Raise AirgapError unless the index lists each wheel with its hash and its Requires-Python.

    The server believes the form that it receives, so a successful upload proves nothing.
    """
    declared: t.Dict[t.Tuple[str, str], t.Set[str]] = {}
    for wheel in wheels:
        # devpi stores one Requires-Python for all files of a version.
        declared.setdefault((wheel.project, wheel.version), set()).add(wheel.requires_python)
    wrong = []
    for wheel in wheels:
        listed = listing.get(wheel.project, {}).get(wheel.filename)
        if listed is None:
            wrong.append("%s is not listed" % wheel.filename)
        elif listed.sha256 != wheel.sha256:
            wrong.append("%s has sha256 %s instead of %s" % (wheel.filename, listed.sha256 or "(none)", wheel.sha256))
        elif listed.requires_python not in declared[(wheel.project, wheel.version)]:
            wrong.append(
                "%s has Requires-Python %r instead of %r"
                % (wheel.filename, listed.requires_python, wheel.requires_python)
            )
    if wrong:
        raise AirgapError(
            "Index %s received these files and lists something else: %s. Do not install from it; "
            "check the disk and the log of devpi-server, and publish again." % (index, "; ".join(wrong[:MOST_NAMED]))
        )


def files_of_bundle(src: str, identity: str) -> t.List[t.Dict[str, t.Any]]:
    """Return the files of the bundle in a folder; raises AirgapError if it is not the bundle with this id."""
    manifest = _manifest.read(src)
    if manifest["id"] != identity:
        raise AirgapError(
            "%s is bundle %s, and bundle_id is %s: the bundle changed after it was verified. Verify it again and run this again."
            % (src, manifest["id"], identity)
        )
    return t.cast(t.List[t.Dict[str, t.Any]], manifest["files"])


def locate(files: t.Iterable[t.Mapping[str, t.Any]], src: t.Optional[str]) -> t.List[Located]:
    """Return path and SHA-256 of each file; names are checked before they are joined to a path."""
    found: t.Dict[str, Located] = {}
    for entry in files:
        path = str(entry.get("path") or "")
        sha256 = str(entry.get("sha256") or "").lower()
        if not is_sha256(sha256):
            raise AirgapError(
                "%s has no sha256 of 64 hex digits. Give it for every file." % (path or "An entry of files")
            )
        if src is not None and not os.path.isabs(path):
            _layout.check_name(path, "files")
            path = os.path.join(src, path)
        if not os.path.isabs(path):
            raise AirgapError(
                "files names %r, which is not an absolute path. Set src to the folder that it is in." % path
            )
        name = os.path.basename(path)
        if found.setdefault(name, (path, sha256)) != (path, sha256):
            raise AirgapError(
                "files names %s twice, as %s (sha256 %s) and %s (sha256 %s). Leave one out."
                % (name, *found[name], path, sha256)
            )
    return [found[name] for name in sorted(found)]


def packaging_for(located: t.Iterable[Located]) -> t.Any:
    """Return the packaging library: this interpreter's own, or the one in a wheel of pip among the files."""
    own = []
    for path, sha256 in located:
        if not os.path.isfile(path) or os.path.islink(path):
            continue
        # read_wheels() refuses the others by name.
        with open_plain(path) as stream:
            if not other_writers(os.fstat(stream.fileno())):
                own.append((path, sha256))
    return _packaging.load(_pip_wheels.pip_wheels(own))


def read_wheels(packaging: t.Any, located: t.Iterable[Located]) -> t.List[Wheel]:
    """Return what every wheel declares, after its hash was checked; all problems are named at once."""
    wheels = []
    wrong = []
    for path, sha256 in located:
        try:
            with open_plain(path) as stream:
                reason = other_writers(os.fstat(stream.fileno()))
                real = "" if reason else sha256_stream(stream)
                if real == sha256:
                    # Nobody else can change the file in between, and this is the file that was hashed.
                    wheels.append(_wheel.describe(packaging, path, sha256, _metadata.read(path, stream)))
                elif reason:
                    wrong.append("%s can be changed by others: %s. Copy it to a folder of your own" % (path, reason))
                else:
                    wrong.append("%s has sha256 %s instead of %s" % (path, real, sha256))
        except OSError as error:
            wrong.append("%s cannot be read: %s" % (path, error.strerror or error))
        except AirgapError as error:
            wrong.append(str(error).rstrip("."))
    if wrong:
        raise AirgapError("%s. Nothing was uploaded. Transfer the bundle again." % "; ".join(wrong[:MOST_NAMED]))
    return wheels


def read_listing(client: Client, index: str, wheels: t.Iterable[Wheel]) -> Listing:
    """Return what the index lists of the projects of these wheels."""
    return {project: client.list_files(index, project) for project in sorted({wheel.project for wheel in wheels})}


def check_index(name: str, config: t.Optional[Json], missing_ok: bool) -> None:
    """Raise AirgapError unless wheels can be uploaded to the index."""
    if config is None and not missing_ok:
        raise AirgapError("Index %s does not exist. Create it with devpi_index first." % name)
    if config is not None and _settings.KINDS.get(str(config.get("type"))) != _settings.STAGE:
        raise AirgapError(
            "Index %s is of type %s and accepts no uploads. Name an index of type stage." % (name, config.get("type"))
        )


def upload_missing(module: AnsibleModule, client: Client) -> Json:
    """Check all files, compare all of them with the index, upload what is missing and read the index again."""
    params = module.params
    index = params["index"]
    _names.split_index(index)
    files = params["files"] if params["bundle_id"] is None else files_of_bundle(params["src"], params["bundle_id"])
    located = locate(files, params["src"])
    try:
        wheels = read_wheels(packaging_for(located), located)
        if not module.check_mode:
            _login.log_in(client, params)
        config = client.get_index(index)
        check_index(index, config, module.check_mode)
        plan = plan_upload(index, wheels, {} if config is None else read_listing(client, index, wheels))
        for wheel in plan.undeclared:
            module.warn(
                "Index %s lists %s with another Requires-Python than its own %r, so pip may choose it for the wrong "
                "Python. Something else uploaded it." % (index, wheel.filename, wheel.requires_python)
            )
        size = sum(os.path.getsize(wheel.path) for wheel in plan.upload)
        if not module.check_mode:
            for wheel in plan.upload:
                client.upload(index, wheel)
            check_uploaded(index, plan.upload, read_listing(client, index, plan.upload))
    except OSError as error:
        raise AirgapError("A file to publish cannot be read: %s. It was not uploaded; run again." % error) from error
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
