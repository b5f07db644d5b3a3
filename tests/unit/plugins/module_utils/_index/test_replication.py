# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a replica's data must be, and what is done about data that are not so."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._index import (
    _migration,
    _replication,
    _service,
    _service_checks,
    _service_config,
    _service_plan,
)

from tests.unit.plugins.module_utils._index.index_host import CONFIG, found, unit, wanted

UUID = "a" * 32
URL = "https://10.0.0.20"
CA = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"
COPY = _service.Data((".nodeinfo", ".serverversion"), "4", "replica", {999: "devpi"}, UUID)
OWN = _service.Data((".nodeinfo", ".serverversion"), "4", "standalone", {999: "devpi"})
PRIMARY = _service.Primary(UUID, 10)


def replica(**changes):
    return wanted(part=_service.REPLICA, primary_url=URL, primary_ca=CA, **changes)


def host(want=None, data=COPY, **changes):
    want = want or replica()
    ca = {want.ca_path: _service.Entry(0, 997, 0o640, 900, CA)}
    return found(want, data, **{"primary": PRIMARY, "serial": 10, "entries": ca, **changes})


def problems(want, host_found):
    return " ".join(_service_checks.find_problems(want, host_found))


def test_replica_that_is_as_wanted_is_left_alone():
    assert problems(replica(), host()) == ""
    assert not _service_plan.plan(replica(), host()).changed


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"primary": _service.Primary("b" * 32, 10)}, "another primary"),
        ({"primary": _service.Primary(UUID, 9)}, "does not have"),
        ({"data": COPY._replace(format="5")}, "another format"),
    ],
)
def test_copy_that_does_not_fit_is_made_again(changes, reason):
    assert problems(replica(), host(**changes)) == ""
    plan = _service_plan.plan(replica(), host(**changes))
    assert _service_plan.COPY in plan.steps and _service_plan.CONVERT not in plan.steps
    assert reason in plan.restart


def test_data_of_a_primary_are_replaced_only_if_that_is_asked_for_and_only_once():
    assert "devpi_replace_data" in problems(replica(), host(data=OWN))
    assert _service_plan.COPY not in _service_plan.plan(replica(), host(data=OWN)).steps
    want = replica(replace_data=True)
    assert problems(want, host(want, OWN)) == ""
    assert _service_plan.COPY in _service_plan.plan(want, host(want, OWN)).steps
    assert "earlier replacement" in problems(want, host(want, OWN, has_replaced=True))
    # Once it is a replica, the setting does nothing.
    assert not _service_plan.plan(want, host(want, has_replaced=True)).changed


def test_lost_primary_is_reported_with_the_playbook_that_helps():
    lost = problems(replica(), host(primary=_service.Primary(problem="Connection refused")))
    assert URL in lost and "Connection refused" in lost and "play promote_replica" in lost


def test_copy_becomes_the_primary_only_if_it_is_promoted():
    want = wanted(part=_service.PRIMARY)
    assert "play promote_replica" in problems(want, found(want, COPY))
    assert problems(want._replace(promote=True), found(want, COPY)) == ""


def test_replica_needs_no_password_of_its_own_and_an_address_of_the_primary():
    entries = {CONFIG + "/root.password": None, CONFIG + "/primary-ca.pem": _service.Entry(0, 997, 0o640, 900, CA)}
    assert problems(replica(), host(entries=entries)) == ""
    assert "devpi_runtime" in problems(replica()._replace(image="x", quadlet_path="/etc/x"), host())
    assert "devpi_primary_url" in problems(replica()._replace(primary_url=""), host())


def test_changed_certificate_of_the_primary_restarts_a_replica():
    entries = {CONFIG + "/primary-ca.pem": _service.Entry(0, 997, 0o640, 900, "former")}
    plan = _service_plan.plan(replica(), host(entries=entries))
    assert plan.steps == ("certificate of the primary",) and "primary-ca.pem changes" in plan.restart


def test_configuration_names_the_part_and_only_a_replica_connects_elsewhere():
    options = _service_config.parse(_service_config.render(replica()))
    assert (options["role"], options["primary-url"]) == ("replica", URL) and "offline-mode" not in options
    options = _service_config.parse(_service_config.render(wanted(part=_service.PRIMARY)))
    assert options["role"] == "primary" and options["offline-mode"] == "true"
    assert "role" not in _service_config.parse(_service_config.render(wanted()))
    for name in ("role", "primary-url"):
        assert name in problems(wanted(options={name: "x"}), found(wanted(options={name: "x"})))


def test_unit_of_a_replica_trusts_the_primarys_ca_and_reaches_nothing_else():
    text = unit(
        _devpi_is_replica=True,
        _devpi_primary_ca_source="/etc/airgap-front/ca.pem",
        _devpi_primary_ca=CONFIG + "/primary-ca.pem",
        _devpi_allowed="localhost 10.0.0.20",
        devpi_config_dir=CONFIG,
    )
    assert "Environment=REQUESTS_CA_BUNDLE=%s/primary-ca.pem\n" % CONFIG in text
    assert "IPAddressAllow=localhost 10.0.0.20\nIPAddressDeny=any\n" in text
    assert "REQUESTS_CA_BUNDLE" not in unit() and "IPAddressAllow=localhost\n" in unit()


def test_data_that_are_set_aside_come_back_whole(tmp_path):
    for name in (".serverversion", ".sqlite", ".nodeinfo"):
        (tmp_path / name).write_text("own")
    _migration.set_aside(str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == [_migration.REPLACED]
    (tmp_path / ".serverversion").write_text("copy")
    (tmp_path / ".other").write_text("copy")
    _migration.take_back(str(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == [".nodeinfo", ".serverversion", ".sqlite"]
    assert (tmp_path / ".serverversion").read_text() == "own"


@pytest.mark.parametrize(
    ("nodeinfo", "primary"),
    [
        (b'{"role": "replica", "primary-uuid": "abc"}', "abc"),
        (b'{"master-uuid": "abc"}', "abc"),
        (b'{"primary-uuid": "a b\\n"}', ""),
        (b'{"primary-uuid": 1}', ""),
        (b"[]", ""),
        (b"not json", ""),
    ],
)
def test_note_of_devpi_is_read_without_trust(nodeinfo, primary):
    assert _replication.read_primary(_replication.parse_nodeinfo(nodeinfo)) == primary


def test_files_that_were_complete_before_the_latest_change_do_not_make_a_replica_in_sync():
    status = {"serial": 7, "primary-serial": 7, "replica-in-sync-at": 5.0, "replication-errors": {}}
    before = dict(status, **{"replica-metadata-in-sync-at": 5.0, "replica-files-in-sync-at": 4.0})
    assert not _replication.read_sync(before).in_sync
    assert _replication.read_sync(dict(before, **{"replica-files-in-sync-at": 5.5})).in_sync


def test_replica_that_copied_another_primary_or_has_more_than_its_own_is_not_a_copy():
    assert _replication.why_no_copy(UUID, 10, PRIMARY) == _replication.why_no_copy("", 10, PRIMARY) == ""
    assert _replication.why_no_copy("b" * 32, 10, PRIMARY) == _replication.OTHER_PRIMARY
    assert _replication.why_no_copy(UUID, 11, PRIMARY) == _replication.AHEAD
    # The serial of a primary that does not state one is not known.
    assert _replication.why_no_copy(UUID, 11, _service.Primary(UUID)) == ""


def test_folder_without_a_database_has_no_serial(tmp_path):
    assert _replication.read_serial(str(tmp_path)) == -1
    (tmp_path / ".sqlite").write_text("not a database, but long enough to be looked at")
    assert _replication.read_serial(str(tmp_path)) == -1
