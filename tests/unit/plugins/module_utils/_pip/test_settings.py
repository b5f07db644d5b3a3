# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pip's settings on the internet host: which count, and which do not."""

from __future__ import annotations

from ansible_collections.airgap.python.plugins.module_utils._clients import _contents
from ansible_collections.airgap.python.plugins.module_utils._pip import _settings


def test_settings_of_the_environment_outrank_the_command_and_the_command_outranks_global():
    weak = "[global]\nindex-url = https://a.example\ntimeout = 1\n"
    strong = "[download]\nindex_url = https://b.example\n"
    assert _settings.parse_settings([strong, weak], {})["index-url"] == "https://b.example"
    variables = {"PIP_INDEX_URL": "https://c.example", "PIP_DEFAULT_TIMEOUT": "180", "PIP_CERT": ""}
    assert _settings.parse_settings([weak, strong], variables) == {"index-url": "https://c.example", "timeout": "180"}


def test_file_of_the_role_pip_conf_is_recognized():
    assert _settings.is_written_by_pip_conf(_contents.pip_conf(_contents.Site("https://10.0.0.1/")))
    assert not _settings.is_written_by_pip_conf("[global]\nindex-url = https://a.example\n")


def test_local_folders_of_the_host_are_ignored_with_a_warning():
    settings = {
        "find-links": "/opt/x",
        "extra-index-url": "file:///opt/y https://index.example/simple",
        "cert": "/ca.pem",
    }
    chosen, warnings = _settings.choose_settings(settings, {})
    assert chosen == {"extra-index-url": "https://index.example/simple", "cert": "/ca.pem"}
    assert any("/opt/x" in warning for warning in warnings)
    assert any("file:///opt/y" in warning for warning in warnings)


def test_settings_that_change_what_is_resolved_are_ignored():
    chosen, dummy = _settings.choose_settings(
        {"pre": "1", "constraint": "/c.txt", "only-binary": "x", "proxy": "http://p"}, {}
    )
    assert chosen == {"proxy": "http://p"}


def test_named_index_replaces_every_index_of_the_host():
    settings = {"index-url": "https://a.example", "extra-index-url": "https://b.example"}
    assert _settings.choose_settings(settings, {"index_url": "https://c.example"})[0] == {
        "index-url": "https://c.example"
    }


def test_secrets_are_passed_in_the_environment_with_no_other_setting_of_pip():
    environment = _settings.pip_environment(
        {"index-url": "https://u:secret@a.example"}, {"PIP_PRE": "1", "PATH": "/bin"}
    )
    assert environment["PIP_INDEX_URL"] == "https://u:secret@a.example"
    assert "PIP_PRE" not in environment
    assert environment["PIP_CONFIG_FILE"] == "/dev/null"
    assert environment["PATH"] == "/bin"
