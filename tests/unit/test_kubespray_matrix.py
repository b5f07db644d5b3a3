# SPDX-License-Identifier: GPL-3.0-or-later
"""The matrix of Kubespray's releases: the plays that it writes, and its table."""

from __future__ import annotations

import dataclasses

import yaml

from tests.kubespray import kubespray_matrix


def test_plays_of_our_own_have_what_a_checkout_has(tmp_path):
    folder = tmp_path / "plays"
    for release in kubespray_matrix.RELEASES:
        kubespray_matrix.own_plays(release, str(folder))
        assert (folder / "requirements.txt").read_text().splitlines() == list(release.requirements)
        (gate,) = yaml.safe_load((folder / "playbooks/ansible_version.yml").read_text())
        assert release.core[0] in str(gate["tasks"][0])
        for path in folder.rglob("*.yml"):
            assert yaml.safe_load(path.read_text()), path
    assert kubespray_matrix.find_checkout(release, str(tmp_path)) == ""
    folder.rename(tmp_path / release.branch)
    assert kubespray_matrix.find_checkout(release, str(tmp_path)) == str(tmp_path / release.branch)


def test_table_replaces_the_one_in_the_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- begin: make kubespray-matrix -->\nold\n<!-- end: make kubespray-matrix -->\nafter\n")
    row = kubespray_matrix.Row(
        "v2.31", "3.12", "checkout", 12, "2.18.19", "1 s", "2 s", "yes", "yes", "yes", "700", "yes"
    )
    kubespray_matrix.document([row, dataclasses.replace(row, python="3.13")], str(page))
    text = page.read_text()
    assert text.startswith("before\n<!-- begin")
    assert text.endswith("<!-- end: make kubespray-matrix -->\nafter\n")
    assert "old" not in text
    assert "| v2.31 | 3.12 | checkout | 2.18.19 | 12 | 1 s | 2 s | yes | yes | yes | 700 | yes | " in text
