# SPDX-License-Identifier: GPL-3.0-or-later
"""What bandersnatch left unfinished is removed from a mirror, and nothing else that is hidden there."""

from __future__ import annotations

import pathlib

from ansible_collections.airgap.python.plugins.module_utils._resolve import _mirror


def test_only_files_that_bandersnatch_did_not_complete_are_removed(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "packages/aa"
    folder.mkdir(parents=True)
    for name in (".app-1.0-py3-none-any.whl.k3_x9abc", ".htaccess", "app-1.0-py3-none-any.whl"):
        (folder / name).write_bytes(b"")
    (tmp_path / ".htpasswd").write_bytes(b"")
    _mirror.remove_interrupted(str(tmp_path))
    left = sorted(path.name for path in tmp_path.rglob("*") if path.is_file())
    assert left == [".htaccess", ".htpasswd", "app-1.0-py3-none-any.whl"]
