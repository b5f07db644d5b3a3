# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SHA256SUMS: the SHA-256 of every file of a bundle, as sha256sum(1) writes and reads it."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle import _folder, _layout
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import TEMPORARY_PREFIX
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_files
from ansible_collections.airgap.python.plugins.module_utils._text import split_lines

_SUM_LINE = re.compile(r"([0-9a-f]{64})  (.+)", re.DOTALL)


def parse(text: str, where: str = _layout.SUMS) -> t.Dict[str, str]:
    """Return path to SHA-256 from the text of a sums file; refuses whatever sha256sum(1) would read differently."""
    sums: t.Dict[str, str] = {}
    paths = []
    try:
        lines = split_lines(text)
    except ValueError as error:
        raise AirgapError("%s is not a list of sums: %s. Transfer the bundle again." % (where, error)) from error
    for number, line in enumerate(lines, 1):
        match = _SUM_LINE.fullmatch(line)
        if match is None:
            raise AirgapError("%s, line %d is not a sum: %r. Transfer the bundle again." % (where, number, line[:120]))
        if match.group(2) in sums:
            raise AirgapError("%s names %r twice. Do not use this bundle; transfer it again." % (where, match.group(2)))
        paths.append(match.group(2))
        sums[match.group(2)] = match.group(1)
    _layout.check_names(paths, where)
    for path in (_layout.SUMS, _layout.SIGNATURE):
        if path in sums:
            raise AirgapError(
                "%s names %s, which cannot contain its own sum. Transfer the bundle again." % (where, path)
            )
    for path in paths:
        if not _layout.has_place(path):
            raise AirgapError(
                "%s names %r, which does not belong in a bundle. Do not use this bundle; transfer it again."
                % (where, path)
            )
    return sums


def compute(root: str, left_out: t.Collection[str] = ()) -> t.Dict[str, str]:
    """Return path to SHA-256 of every file of a bundle except those left out.

    Raises AirgapError for a file that does not belong in a bundle.
    """
    paths = [
        path
        for path in _folder.walk(root)
        if path not in (_layout.SUMS, _layout.SIGNATURE) and TEMPORARY_PREFIX not in path
    ]
    _layout.check_names(paths, root)
    for path in paths:
        if not _layout.has_place(path):
            raise AirgapError("%s does not belong in a bundle. Remove it." % os.path.join(root, path))
    paths = [path for path in paths if path not in left_out]
    return dict(zip(paths, sha256_files(os.path.join(root, path) for path in paths)))


def render(sums: t.Mapping[str, str]) -> str:
    """Return the text of a sums file that sha256sum -c accepts, in order of the paths."""
    return "".join("%s  %s\n" % (sums[path], path) for path in sorted(sums))
