# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verify that a folder is exactly the bundle that its sums and its manifest describe.

Nothing in a bundle is believed because of where it is: every name is checked and every file hashed before it is used.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle import _folder, _layout, _manifest, _sums
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_file, sha256_files
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock


def verify(
    root: str,
    whole: bool = False,
    known: t.Optional[t.Mapping[str, str]] = None,
    incoming: str = "",
    ignored: t.Optional[t.Callable[[str], bool]] = None,
) -> t.Tuple[t.Dict[str, t.Any], t.List[_layout.Entry]]:
    """Verify that a folder is exactly one bundle; return its manifest and every file that was found.

    In this order: nobody else can change the folder (a reception may have linked files from ``incoming``); the
    signature file is well formed (_approval checks who signed); every name in the sums and the manifest is valid; the
    folder has exactly the files that they name; every sum matches; manifest, locks and sums agree. Files that the
    manifest leaves to the base may be missing, unless the bundle must be ``whole``; where they exist they are
    checked, too. ``known`` are sums that the caller computed while it wrote the files, so those are not read again.

    With ``ignored``, the folder has only the open part, which is everything but wheels and other files: paths for which it returns
    true are ignored, whether they exist or not, and so is who can change the folder. Raises AirgapError with the name of the first wrong file.
    """
    found = _folder.walk(root) if os.path.isdir(root) else {}
    if ignored is not None:
        found = {path: size for path, size in found.items() if not ignored(path)}
    elif found:
        # An interrupted reception leaves the first or the second.
        _folder.check_owners(root, [root + ".previous", incoming or os.path.join(os.path.dirname(root), "incoming")])
    manifest, sums = _read_names(root)
    listed = {entry["path"]: entry for entry in _manifest.entries(manifest)}
    wanted = {
        path: sha256
        for path, sha256 in sums.items()
        if ignored is None or not (_layout.is_payload(path) or ignored(path))
    }
    wanted.update(
        {path: entry["sha256"] for path, entry in listed.items() if not _manifest.is_carried(entry) and path in found}
    )
    for path in sorted(set(found) - set(wanted) - {_layout.SUMS, _layout.SIGNATURE}):
        raise AirgapError(
            "%s is not in the bundle's sums: someone added it. Remove it, or %s the bundle again."
            % (os.path.join(root, path), "stage" if ignored is None else "export")
        )
    for path in sorted(set(wanted) - set(found)):
        raise AirgapError(
            "%s is missing. %s."
            % (
                os.path.join(root, path),
                "Remove the folder %s and transfer the bundle again" % root
                if ignored is None
                else "Export the bundle again",
            )
        )
    entries = _hash(root, wanted, found, sums, known or {})
    promised = [] if ignored is None else [one._replace(sha256=sums[one.path]) for one in _manifest.carried(manifest)]
    _check_agreement(root, manifest, {entry.path: entry for entry in promised + entries})
    for path in (_layout.SUMS, _layout.SIGNATURE):
        if path in found:
            entries.append(_layout.Entry(path, sha256_file(os.path.join(root, path)), found[path]))
    if whole:
        _manifest.check_whole(root, manifest, _manifest.absent(manifest, entries))
    return manifest, entries


def _read_names(root: str) -> t.Tuple[t.Dict[str, t.Any], t.Dict[str, str]]:
    """Return manifest and sums of a folder after checking every name in them, and that both name the same pool."""
    sums_path = os.path.join(root, _layout.SUMS)
    data, dummy = _folder.read_signatures(root)
    sums = _sums.parse(data.decode("utf-8"), sums_path)
    manifest = _manifest.read(root)
    if _layout.MANIFEST not in sums:
        raise AirgapError("%s does not name %s. Transfer the bundle again." % (sums_path, _layout.MANIFEST))
    _layout.check_names(set(sums) | {entry["path"] for entry in _manifest.entries(manifest)}, root)
    carried = {entry.path for entry in _manifest.carried(manifest)}
    for path in sorted(carried ^ {path for path in sums if _layout.is_payload(path)}):
        raise AirgapError(
            "%s is in only one of %s (as a file that is carried) and %s. Remove the folder %s and transfer the bundle again."
            % (os.path.join(root, path), _layout.MANIFEST, _layout.SUMS, root)
        )
    return manifest, sums


def _hash(
    root: str,
    wanted: t.Mapping[str, str],
    found: t.Mapping[str, int],
    sums: t.Mapping[str, str],
    known: t.Mapping[str, str],
) -> t.List[_layout.Entry]:
    """Return an entry for each wanted file; raises AirgapError for the first whose sum differs."""
    paths = [path for path in sorted(wanted) if path not in known]
    reals = dict(zip(paths, sha256_files(os.path.join(root, path) for path in paths)), **known)
    entries = []
    for path in sorted(wanted):
        real = reals[path]
        if real != wanted[path]:
            raise AirgapError(
                "%s has sha256 %s and should have %s (%s): it was damaged or changed. Remove the folder %s and transfer the bundle again."
                % (
                    os.path.join(root, path),
                    real,
                    wanted[path],
                    _layout.SUMS if path in sums else _layout.MANIFEST,
                    root,
                )
            )
        entries.append(_layout.Entry(path, real, found[path]))
    return entries


def _check_agreement(root: str, manifest: t.Mapping[str, t.Any], entries: t.Mapping[str, _layout.Entry]) -> None:
    listed = {entry["path"]: entry for entry in _manifest.entries(manifest)}
    for path, entry in listed.items():
        if path in entries and (entry["sha256"], entry["size"]) != entries[path][1:]:
            raise AirgapError(
                "%s has different sums or sizes in %s and %s. Remove the folder %s and transfer the bundle again."
                % (os.path.join(root, path), _layout.MANIFEST, _layout.SUMS, root)
            )
    for path in entries:
        if not path.startswith(_layout.LOCKS + "/"):
            continue
        where = os.path.join(root, path)
        pins = _lock.parse_pins(_folder.read_text(where), where)
        for pin in pins:
            pinned = listed.get("%s/%s" % (_layout.POOL, pin.filename))
            if pinned is None or pinned["sha256"] != pin.sha256:
                raise AirgapError(
                    "%s pins %s, which is not in the pool. Stage the bundle again." % (where, pin.filename)
                )
