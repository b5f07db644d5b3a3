# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Failures of a resolution name the thing, the reason and the fix."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._pip import _resolve_error
from ansible_collections.airgap.python.plugins.module_utils._resolve import _pip_resolution
from ansible_collections.airgap.python.plugins.module_utils._target import _target_parser

TARGET = _target_parser.parse({"name": "node39", "python": "3.9.2", "libc": "glibc-2.31"})[0]


def report(**changes):
    """Return a report of one file as pip writes it."""
    item = {
        "download_info": {
            "url": "https://u:p@index.example/f/Flask-3.1.1%2Blocal-py3-none-any.whl",
            "archive_info": {"hashes": {"sha256": "a" * 64}},
        },
        "metadata": {"name": "Flask", "version": "3.1.1+local"},
    }
    item.update(changes)
    return {"environment": TARGET.markers(), "install": [item]}


def test_report_for_other_markers_is_refused():
    wrong = report()
    wrong["environment"] = dict(wrong["environment"], python_version="3.11")
    with pytest.raises(_resolve_error.ResolveError, match="another interpreter"):
        _pip_resolution.read_report(wrong, TARGET)


def test_file_without_sha256_is_refused_by_name():
    url = {"url": "https://index.example/x-1-py3-none-any.whl", "archive_info": {"hashes": {}}}
    with pytest.raises(_resolve_error.ResolveError, match="x-1-py3-none-any.whl"):
        _pip_resolution.read_report(report(download_info=url), TARGET)


def test_source_archive_is_refused_by_name():
    url = {"url": "https://index.example/x-1.tar.gz", "archive_info": {"hashes": {"sha256": "a" * 64}}}
    with pytest.raises(_resolve_error.ResolveError, match="x-1.tar.gz is no wheel"):
        _pip_resolution.read_report(report(download_info=url), TARGET)


def test_message_of_several_lines_keeps_them_and_shows_what_would_act_on_a_terminal():
    error = _resolve_error.ResolveError("No lock is written:\nflask 3.1.1\x1b[2K needs werkzeug")
    assert str(error).splitlines() == ["No lock is written:", "flask 3.1.1\\x1b[2K needs werkzeug"]
