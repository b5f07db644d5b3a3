# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of the server and of its trial."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._index import _service_config

from tests.unit.plugins.module_utils._index.index_host import (
    CONFIG,
    unit,
    wanted,
)


def test_lists_and_booleans_are_written_as_devpi_reads_them():
    options = {"replica-file-search-path": "/srv/a b", "skip-import-type": ["mirror", "x"], "absolute-urls": True}
    text = _service_config.render(wanted(options=options))
    assert '  skip-import-type:\n  - "mirror"\n  - "x"\n' in text
    assert '  absolute-urls: "true"\n' in text
    assert '  offline-mode: "true"\n' in text
    assert _service_config.parse(text)["skip-import-type"] == ["mirror", "x"]
    assert _service_config.parse(text)["replica-file-search-path"] == "/srv/a b"


@pytest.mark.parametrize(
    ("version", "is_on"), [("6.20.3", True), ("6.21", True), ("6.20.2", False), ("7.0.0b4", False), ("", False)]
)
def test_metadata_of_wheels_are_served_where_devpi_does_so_correctly(version, is_on):
    assert ("enable-core-metadata" in _service_config.render(wanted(version=version))) is is_on
    off = _service_config.render(wanted(version=version, options={"enable-core-metadata": False}))
    assert 'enable-core-metadata: "true"' not in off


def test_only_a_mirror_turns_the_offline_mode_off():
    assert "offline-mode" not in _service_config.render(wanted(options={"offline-mode": False}))
    assert 'offline-mode: "true"' in _service_config.render(wanted(options={"offline-mode": True}))


@pytest.mark.parametrize(
    ("hosts", "line", "urls"),
    [
        (("10.0.0.1",), '  host: "10.0.0.1"\n', ["http://10.0.0.1:3141"]),
        (("0.0.0.0",), '  host: "0.0.0.0"\n', ["http://127.0.0.1:3141"]),
        (("::",), '  host: "::"\n', ["http://[::1]:3141"]),
        (
            ("10.0.0.1", "127.0.0.1"),
            '  listen:\n  - "10.0.0.1:3141"\n  - "127.0.0.1:3141"\n',
            ["http://127.0.0.1:3141", "http://10.0.0.1:3141"],
        ),
        (("fd00::1", "10.0.0.1"), '  - "[fd00::1]:3141"\n', ["http://[fd00::1]:3141", "http://10.0.0.1:3141"]),
    ],
)
def test_addresses_to_listen_on_and_urls_follow_from_one_variable(hosts, line, urls):
    text = _service_config.render(wanted(hosts=hosts))
    assert line in text
    assert _service_config.urls_of(text) == urls
    assert ("host:" in text) != ("listen:" in text)


def test_configuration_of_the_former_role_is_read():
    text = 'devpi-server:\n  host: "10.0.0.1"\n  offline-mode: "True"\n  port: "3142"\n'
    assert _service_config.urls_of(text) == ["http://10.0.0.1:3142"]


@pytest.mark.parametrize("line", ['port: "x"', 'host: "\\q"', 'port:\n  - "1"', 'listen:\n  - "::x"'])
def test_configuration_with_manual_changes_has_no_urls(line):
    assert _service_config.urls_of("devpi-server:\n  " + line + "\n") == []


def test_unit_gets_the_capability_for_a_port_below_1024_and_no_other():
    assert "\nAmbientCapabilities=CAP_NET_BIND_SERVICE\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE\n" in unit(
        devpi_port=80
    )
    assert "\nAmbientCapabilities=\nCapabilityBoundingSet=\n" in unit()


def test_trial_differs_only_in_its_address():
    want = wanted(unit=unit(devpi_port=80), hosts=("10.0.0.1", "10.0.0.2"), port=80, options={"threads": 5})
    text, config = _service_config.trial(want, CONFIG + "/trial.yml", 4000)
    options = _service_config.parse(config)
    assert (options.pop("host"), options.pop("port"), options.pop("requests-only")) == ("127.0.0.1", "4000", "true")
    assert options == {
        key: value for key, value in _service_config.parse(_service_config.render(want)).items() if key != "listen"
    }
    assert "--configfile %s/trial.yml\n" % CONFIG in text and "Restart=no\n" in text and "[Install]" not in text
    same = [line for line in want.unit.splitlines() if line not in text.splitlines()]
    assert [line.partition("=")[0] for line in same if line] == ["ExecStart", "Restart", "[Install]", "WantedBy"]


def test_drop_in_files_of_the_site_use_the_configuration_of_the_trial():
    text = (
        "[Service]\nEnvironment=A=b\nExecStart=\nExecStart=/x --configfile %s/devpi-server.yml\nRestart=on-failure\n"
        % CONFIG
    )
    assert _service_config.trial_unit(text, wanted(), CONFIG + "/trial.yml") == (
        "[Service]\nEnvironment=A=b\nExecStart=\nExecStart=/x --configfile %s/trial.yml\nRestart=no\n" % CONFIG
    )
