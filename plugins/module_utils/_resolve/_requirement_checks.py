# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requirements that cannot be met, each refused with its file and line. No I/O happens here."""

from __future__ import annotations

import re
import typing as t
import urllib.parse

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._resolve._build_advice import instead
from ansible_collections.airgap.python.plugins.module_utils._resolve._requirement import (
    _VARIABLE,
    _WHEEL,
    Line,
    _canonical,
    reference,
)


def shown_with_place(line: Line) -> str:
    """Return a requirement with where it stands, as messages show it."""
    return "%s (%s)" % (line.text, line.where)


def refuse_other_hashes(
    lines: t.Iterable[Line], have: t.Mapping[str, str], built: t.Container[str] = (), is_checked: bool = False
) -> None:
    """Raise AirgapError where a file, of project to SHA-256, is none of those that hashed lines promise.

    ``is_checked`` says that the engine looks for the promised files by itself, in whatever algorithm, as pip does for
    requirements. What is in ``built`` has no such promise.
    """
    promised: t.Dict[str, t.List[Line]] = {}
    for line in lines:
        if line.hashes:
            promised.setdefault(_canonical(line.text)[0], []).append(line)
    errors = []
    for name, some in sorted(promised.items()):
        if name not in have or name in built or any("sha256:" + have[name] in line.hashes for line in some):
            continue
        other = [line for line in some if not any(one.startswith("sha256:") for one in line.hashes)]
        if other and not is_checked:
            errors.append(
                "%s: it promises no sha256, and no other hash can be compared here. Write --hash=sha256:HEX behind it."
                % shown_with_place(other[0])
            )
        elif not other:
            errors.append(
                "%s: the index's file for it has the sha256 %s, which is not among the promised. Do not go on before you "
                "know why; if the index has more files of that version, resolver pip looks for the promised one where the "
                "hash stands behind a requirement." % (shown_with_place(some[0]), have[name])
            )
    if errors:
        raise AirgapError(*errors)


# Where conda builds what it installs; its pip freezes such places.
_CONDA = re.compile(r"/croot/|/feedstock_root/|/conda-bld/|/tmp/build/[0-9a-f]{8}/|/C:/ci/|/work/ci_")


def refuse_missing_files(lines: t.Iterable[Line], is_there: t.Callable[[str], bool]) -> None:
    """Raise AirgapError for all lines that name a file which is not on this host, as a conda freeze does."""
    errors = []
    for line in lines:
        local, found = _local_path(line.url), reference(line.text)
        if not local or not found or is_there(local):
            continue
        name, path = found[0], _local_path(found[1]) or found[1]
        wheel = _WHEEL.search(path)
        pinned = "%s==%s" % (name, wheel.group("version") if wheel else "VERSION")
        if _CONDA.search(path):
            errors.append(
                "%s: %s comes from %s, a place on the machine where the list was written. Write %s; "
                "'pip list --format=freeze' writes all lines so." % (line.where, name, path, pinned)
            )
        else:
            mend = instead(pinned if wheel else name, path)
            errors.append(
                "%s: %s comes from %s, which is not on this host. Copy it there, or: %s"
                % (line.where, name, path, mend)
            )
    if errors:
        raise AirgapError(*errors)


def _local_path(url: str) -> str:
    """Return the path that a URL names on this host, "" for any other URL."""
    match = re.match(r"^file://(?:localhost)?(/[^\s#;]*)", url)
    return urllib.parse.unquote(match.group(1)) if match else ""


def refuse_unreadable(lines: t.Iterable[Line], read: t.Callable[[str], t.Any]) -> None:
    """Raise AirgapError for all lines that ``read``, which raises ValueError, cannot read (PEP 508)."""
    errors = []
    for line in lines:
        unset = _VARIABLE.search(line.url)
        if unset:
            mend = "Set it, or write in its place what it stands for."
            errors.append("%s: %s is not set in the environment of this host. %s" % (line.where, unset.group(), mend))
            continue
        try:
            read(line.text)
        except ValueError as error:
            # What follows shows by signs where in the line it is.
            reason = str(error).partition("\n")[0].rstrip(".")
            errors.append("%s: %r cannot be read: %s. Correct it, or remove it." % (line.where, line.text, reason))
    if errors:
        raise AirgapError(*errors)
