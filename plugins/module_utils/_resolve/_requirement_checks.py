# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requirements that cannot be met, each refused with its file and line. No I/O happens here."""

from __future__ import annotations

import re
import typing as t
import urllib.parse

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._resolve._build_advice import replacement_advice
from ansible_collections.airgap.python.plugins.module_utils._resolve._requirement import (
    VARIABLE,
    WHEEL_PATH,
    Line,
    comparison_key,
    parse_reference,
)


def with_place(line: Line) -> str:
    """Return a requirement with its place, as messages show it."""
    return "%s (%s)" % (line.text, line.where)


def refuse_other_hashes(
    lines: t.Iterable[Line], have: t.Mapping[str, str], built: t.Container[str] = (), is_checked: bool = False
) -> None:
    """Raise AirgapError if a file, given as project to SHA-256, is not one of those that the hashes of the lines name.

    ``is_checked`` means that the engine compares the hashes itself, in any algorithm, as pip does for requirements.
    Projects in ``built`` are not compared.
    """
    hashed: t.Dict[str, t.List[Line]] = {}
    for line in lines:
        if line.hashes:
            hashed.setdefault(comparison_key(line.text)[0], []).append(line)
    errors = []
    for name, some in sorted(hashed.items()):
        if name not in have or name in built or any("sha256:" + have[name] in line.hashes for line in some):
            continue
        other = [line for line in some if not any(one.startswith("sha256:") for one in line.hashes)]
        if other and not is_checked:
            errors.append(
                "%s: it has no sha256 hash, and no other can be compared here. Add --hash=sha256:HEX to it."
                % with_place(other[0])
            )
        elif not other:
            errors.append(
                "%s: the index's file for it has the SHA-256 %s, which is not one of its hashes. Find out why before you "
                "continue. If the index has more files of that version, resolver pip finds the one with a hash that "
                "follows a requirement." % (with_place(some[0]), have[name])
            )
    if errors:
        raise AirgapError(*errors)


# Folders in which conda builds packages; 'pip freeze' in its environments writes these paths.
_CONDA = re.compile(r"/croot/|/feedstock_root/|/conda-bld/|/tmp/build/[0-9a-f]{8}/|/C:/ci/|/work/ci_")


def refuse_missing_files(lines: t.Iterable[Line], exists: t.Callable[[str], bool]) -> None:
    """Raise AirgapError for all lines that name a file that is not on this host, as those of a conda environment do."""
    errors = []
    for line in lines:
        local, found = _local_path(line.url), parse_reference(line.text)
        if not local or not found or exists(local):
            continue
        name, path = found[0], _local_path(found[1]) or found[1]
        wheel = WHEEL_PATH.search(path)
        pinned = "%s==%s" % (name, wheel.group("version") if wheel else "VERSION")
        if _CONDA.search(path):
            errors.append(
                "%s: %s comes from %s, a place on the machine where the list was written. Write %s; "
                "'pip list --format=freeze' writes all lines so." % (line.where, name, path, pinned)
            )
        else:
            fix = replacement_advice(pinned if wheel else name, path)
            errors.append(
                "%s: %s comes from %s, which is not on this host. Copy it there, or: %s" % (line.where, name, path, fix)
            )
    if errors:
        raise AirgapError(*errors)


def _local_path(url: str) -> str:
    """Return the path on this host that a URL names, "" for any other URL."""
    match = re.match(r"^file://(?:localhost)?(/[^\s#;]*)", url)
    return urllib.parse.unquote(match.group(1)) if match else ""


def refuse_unreadable(lines: t.Iterable[Line], read: t.Callable[[str], t.Any]) -> None:
    """Raise AirgapError for all lines that ``read``, which raises ValueError, cannot read (PEP 508)."""
    errors = []
    for line in lines:
        unset = VARIABLE.search(line.url)
        if unset:
            fix = "Set it, or write its value in its place."
            errors.append("%s: %s is not set in the environment of this host. %s" % (line.where, unset.group(), fix))
            continue
        try:
            read(line.text)
        except ValueError as error:
            # The lines that follow only mark the position.
            reason = str(error).partition("\n")[0].rstrip(".")
            errors.append("%s: %r cannot be read: %s. Correct it, or remove it." % (line.where, line.text, reason))
    if errors:
        raise AirgapError(*errors)
