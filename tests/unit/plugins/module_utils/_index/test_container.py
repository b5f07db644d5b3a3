# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""devpi-server in a container: what is built, what runs, and how a host changes to it and back."""

from __future__ import annotations

import os

import jinja2
import pytest
from ansible_collections.airgap.python.plugins.module_utils._index import (
    _container,
    _service,
    _service_checks,
    _service_plan,
)

from tests.unit.plugins.module_utils._index.index_host import CONFIG, DATA, OURS, TEMPLATE, UNIT, VENV, found, wanted

QUADLET = "/etc/containers/systemd/devpi-server.container"
IMAGE = _container.Image("/srv/airgap/bundle", "here", "debian:trixie", "/usr/bin/python3", VENV)


def quadlet(**variables):
    """Return the quadlet of the role."""
    values = {
        "devpi_data_dir": DATA,
        "devpi_config_dir": CONFIG,
        "devpi_venv": VENV,
        "_devpi_config": CONFIG + "/devpi-server.yml",
        "_devpi_image": "localhost/airgap-devpi:1",
        "devpi_port": 3141,
        "_devpi_is_local": True,
        "_devpi_has_front": True,
        "devpi_allowed_networks": [],
    }
    with open(TEMPLATE.replace(".service.j2", ".container.j2"), encoding="utf-8") as stream:
        text = jinja2.Template(stream.read(), trim_blocks=True, undefined=jinja2.StrictUndefined)
    return text.render(dict(values, **variables))


def contained(**changes):
    """Return a service in a container."""
    one = wanted(quadlet_path=QUADLET, image="localhost/airgap-devpi:1", unit=quadlet())
    return _container.filled(one, OURS)._replace(**changes)


def runs(want):
    """Return a host on which a service in a container runs."""
    return found(want, entries={UNIT: None, QUADLET: _service.Entry(0, 0, 0o644, 900, want.unit)})


def test_container_can_write_only_to_the_data_and_has_no_rights():
    lines = contained().unit.splitlines()
    mounts = [line for line in lines if line.startswith("Volume=")]
    assert mounts == [
        "Volume=%s:%s:z" % (DATA, DATA),
        "Volume=%s/devpi-server.yml:%s/devpi-server.yml:ro,z" % (CONFIG, CONFIG),
        "Volume=%s/secret:%s/secret:ro,z" % (CONFIG, CONFIG),
        "Volume=/var/tmp",
    ]
    assert {"ReadOnly=true", "DropCapability=all", "NoNewPrivileges=true", "User=999", "Group=997"} <= set(lines)
    assert {"IPAddressDeny=any", "IPAddressAllow=localhost"} <= set(lines)
    assert not [line for line in lines if line.startswith("AddCapability") or "password" in line]
    assert "AddCapability=NET_BIND_SERVICE" in quadlet(devpi_port=80)
    assert "IPAddressDeny" not in quadlet(_devpi_is_local=False)


def test_image_is_built_again_when_a_lock_the_base_or_a_path_changes():
    text = _container.recipe(IMAGE, "sha256:1")
    names = [
        _container.name_of(text, [b"devpi", b"pip"]),
        _container.name_of(text, [b"devpi 2", b"pip"]),
        _container.name_of(text, [b"devpi", b"pip 2"]),
        _container.name_of(_container.recipe(IMAGE, "sha256:2"), [b"devpi", b"pip"]),
        _container.name_of(_container.recipe(IMAGE._replace(venv="/opt/other"), "sha256:1"), [b"devpi", b"pip"]),
    ]
    assert len(set(names)) == len(names)
    assert names[0] == _container.name_of(text, [b"devpi", b"pip"])
    assert "FROM sha256:1\n" in text and "ENTRYPOINT []" in text


@pytest.mark.parametrize(
    ("output", "fits"),
    [("podman version 5.4.2", True), ("podman version 4.4.0", True), ("podman version 4.3.1", False)],
)
def test_podman_without_quadlets_is_refused(output, fits):
    reason = _container.why_unusable(output)
    assert bool(reason) != fits
    assert fits or "4.3.1" in reason


def test_program_of_the_image_runs_without_a_network_and_as_the_account():
    argv = _container.command(contained(), OURS, ["devpi-init", "-c", "x"], writable=DATA)
    assert argv[:2] == ["podman", "run"] and argv[-3:] == ["devpi-init", "-c", "x"]
    assert {"--network=none", "--cap-drop=all", "--read-only", "--pull=never", "--user=999:997"} <= set(argv)


def test_service_in_a_container_that_runs_needs_nothing():
    want = contained()
    assert _service_plan.plan(want, runs(want)) == _service_plan.Plan((), "")
    assert _service_checks.find_problems(want, runs(want)) == []


def test_host_changes_to_a_container_and_back():
    want = contained()
    to = _service_plan.plan(want, found(wanted(), entries={QUADLET: None}))
    assert set(to.steps) == {"unit", _service_plan.RUNTIME} and to.restart
    back = wanted(quadlet_path=QUADLET)
    plan = _service_plan.plan(back, runs(want))
    assert set(plan.steps) == {"unit", _service_plan.RUNTIME, "enable"} and plan.restart


def test_new_image_restarts_the_service():
    want = contained()
    host = runs(want)
    other = want._replace(unit=want.unit.replace("airgap-devpi:1", "airgap-devpi:2"))
    plan = _service_plan.plan(other, host)
    assert plan.steps == ("unit",) and QUADLET in plan.restart


def test_data_of_another_major_version_are_not_converted_in_a_container():
    want = contained(version="7.0.0")
    (problem,) = _service_checks.find_problems(want, runs(want))
    assert "Set devpi_runtime to venv" in problem


def test_replica_in_a_container_is_refused():
    want = contained(part=_service.REPLICA, primary_url="https://index")
    assert [one for one in _service_checks.find_problems(want, runs(want)) if "does not run in a container" in one]


def test_link_that_started_the_former_unit_is_removed(tmp_path):
    wants = tmp_path / "multi-user.target.wants"
    wants.mkdir()
    for name in ("devpi-server.service", "other.service"):
        (wants / name).symlink_to(tmp_path / name)
    _container.remove_wants(str(tmp_path / "devpi-server.service"))
    assert os.listdir(wants) == ["other.service"]


@pytest.mark.parametrize("path", ["wheels/a.whl", "files/a.txt", "SHA256SUMS"])
def test_files_that_an_index_has_linked_are_found(tmp_path, path):
    bundle = tmp_path / "bundle"
    (bundle / path).parent.mkdir(parents=True)
    (bundle / path).write_text("x")
    assert not _container.has_links(str(bundle))
    os.link(bundle / path, tmp_path / "other")
    assert _container.has_links(str(bundle))
