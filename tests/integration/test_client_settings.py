# SPDX-License-Identifier: GPL-3.0-or-later
"""What the clients of a host use, and what was there before: with the module as Ansible runs it, the real pip and uv."""

from __future__ import annotations

import os
import stat
import sys

import pytest

from tests.integration.client_host import ClientHost, SecureIndex

PASSWORD = "[global]\nindex-url = https://joe:hush@elsewhere.example/\n"
EVERYTHING = ["pip", "uv", "ca", "hosts", "trust_store", "constraints", "environment", "pypirc"]
PUBLISHER = {"user": "bob", "login": "ci", "password": "hush-hush"}
UV = os.path.join(os.path.dirname(sys.executable), "uv")


@pytest.fixture(name="index")
def index_fixture(tmp_path):
    """Return an index with https that has two versions of an application."""
    index = SecureIndex(tmp_path / "index")
    index.add("app", "1.0")
    index.add("app", "2.0")
    yield index
    index.stop()


@pytest.fixture(name="host")
def host_fixture(tmp_path, index):
    """Return a host that has none of the files."""
    (tmp_path / "host").mkdir()
    return ClientHost(tmp_path / "host", index)


def test_first_run_requests_the_index_once_and_a_host_that_has_everything_makes_no_request(host, index):
    result = host.run()
    assert result["changed"], result
    assert index.requests == ["/simple/"]
    assert index.url in host.path.read_text() and index.url in host.uv_path.read_text()
    assert host.ca_path.read_text().strip() == index.ca.strip()
    assert stat.S_IMODE(host.path.stat().st_mode) == 0o644
    before = host.tree()
    assert not [name for name in before if ".tmp-" in name]
    result = host.run()
    assert (result["changed"], result["steps"], result["diff"]) == (False, [], [])
    assert host.tree() == before
    assert index.requests == ["/simple/"]


def test_everything_can_be_written_twice_and_goes_back_as_it_was(host):
    host.trust_store()
    (host.folder / "etc/environment").write_text("PATH=/bin\n")
    (host.folder / "home/bob/.pypirc").write_text("[distutils]\n")
    before = host.tree()
    options = {
        "clients": EVERYTHING,
        "hosts": ["127.0.0.1 airgap-index.internal"],
        "constraints": ["app<2"],
        "publishers": [PUBLISHER],
    }
    result = host.run(**options)
    assert result["changed"], result
    assert "hush-hush" not in str({key: value for key, value in result.items() if key != "invocation"})
    pypirc = host.folder / "home/bob/.pypirc"
    assert "password = hush-hush" in pypirc.read_text() and stat.S_IMODE(pypirc.stat().st_mode) == 0o600
    assert "PIP_INDEX_URL=" in (host.folder / "etc/environment").read_text()
    assert "127.0.0.1 airgap-index.internal" in host.hosts.read_text()
    assert host.index.ca.split()[3] in (host.folder / "bundle.crt").read_text()
    assert host.run(**options)["changed"] is False
    result = host.run(state="absent")
    assert result["changed"] and result["notes"] == [], result
    after = host.tree()
    assert after.pop("bundle.crt")[1] == b"" and after == before
    assert host.run(state="absent")["changed"] is False


@pytest.mark.parametrize("piece", EVERYTHING)
def test_piece_that_is_left_out_later_is_as_it_was_before(host, piece):
    host.trust_store()
    host.path.write_text(PASSWORD)
    options = {
        "hosts": ["127.0.0.1 airgap-index.internal"],
        "constraints": ["app<2"],
        "publishers": [PUBLISHER],
        "cert": "",
        "request": False,
    }
    others = [one for one in EVERYTHING if one != piece]
    host.run(clients=others, **options)
    without = host.tree()
    host.run(clients=EVERYTHING, **options)
    assert host.tree() != without
    result = host.run(clients=others, **options)
    assert result["changed"], result
    after = host.tree()
    for tree in (after, without):
        tree.pop("bundle.crt", None)
    assert after == without


def test_file_of_someone_else_is_saved_with_its_mode_and_times_never_shown_and_comes_back(host):
    host.path.write_text(PASSWORD)
    host.path.chmod(0o640)
    os.utime(host.path, (1e9, 1e9))
    checked = host.run(check=True)
    assert checked["changed"] and not host.saved.exists()
    result = host.run()
    for one in (checked, result):
        assert "hush" not in str(one) and "elsewhere" not in str(one)
    about = host.saved.stat()
    assert (stat.S_IMODE(about.st_mode), about.st_mtime, about.st_nlink) == (0o640, 1e9, 1)
    assert host.saved.read_text() == PASSWORD
    # Someone writes another file: the first one keeps its name, this one gets a dated one.
    host.path.unlink()
    host.path.write_text(PASSWORD + "timeout = 1\n")
    assert "hush" not in str(host.run())
    (dated,) = [one for one in host.path.parent.iterdir() if one.name.endswith("~")]
    assert dated.read_text() == PASSWORD + "timeout = 1\n"
    assert host.saved.read_text() == PASSWORD
    assert "hush" not in str(host.run(state="absent"))
    assert (host.path.read_text(), host.path.stat().st_mtime) == (PASSWORD, 1e9)
    assert not host.saved.exists()


def test_link_stays_a_link_and_file_that_others_wrote_later_stays(host):
    host.path.symlink_to("/nonexistent/pip.conf")
    host.run()
    assert not host.path.is_symlink() and host.saved.is_symlink()
    host.path.write_text("[global]\n")
    result = host.run(state="absent")
    assert host.path.read_text() == "[global]\n" and host.saved.is_symlink()
    assert "stays as it is. The former configuration is in %s." % host.saved in " ".join(result["notes"])
    host.path.unlink()
    host.run(state="absent")
    assert os.readlink(host.path) == "/nonexistent/pip.conf"


def test_run_that_was_killed_before_it_wrote_saves_nothing_twice(host):
    host.path.write_text(PASSWORD)
    os.link(host.path, host.saved)
    host.run()
    assert sorted(one.name for one in host.path.parent.glob("pip.conf*")) == ["pip.conf", "pip.conf.before-airgap"]


def test_run_that_is_killed_anywhere_is_completed_by_the_next_and_all_goes_back(host):
    host.trust_store()
    host.path.write_text(PASSWORD)
    before = host.tree()
    options = {"clients": EVERYTHING, "constraints": ["app<2"], "publishers": [PUBLISHER], "request": False}
    host.run(**options)
    wanted = host.tree()
    for state, until in (("absent", before), ("present", wanted)):
        for call in range(2, 60, 6):
            host.run(**options)
            if state == "present":
                host.run(state="absent")
            if host.run(kill_at=call, state=state, **options):
                break
            host.run(state=state, **options)
            # An empty bundle is not the same as none.
            assert {**host.tree(), "bundle.crt": None} == {**until, "bundle.crt": None}, (state, call)
        else:
            raise AssertionError("the run was still killed")


@pytest.mark.parametrize("trouble", ["no server", "not this index", "another CA"])
def test_index_that_does_not_answer_leaves_everything_as_it_was(host, tmp_path, trouble):
    host.path.write_text(PASSWORD)
    before = host.tree()
    options = {"host": "node1"}
    if trouble == "no server":
        options["index_url"] = "https://127.0.0.1:9/simple/"
    elif trouble == "not this index":
        host.index.trouble["simple"] = [404] * 2
    else:
        other = SecureIndex(tmp_path / "other")
        other.stop()
        options["ca"] = other.ca
    result = host.run(**options)
    assert result["failed"] and "node1 does not reach an index at " in result["msg"], result
    fix = {
        "no server": "Connection refused. Check that",
        "not this index": "airgap_index_name",
        "another CA": "pip_conf_cert",
    }
    assert fix[trouble] in result["msg"]
    assert host.tree() == before
    result = host.run(check=True, **options)
    assert "failed" not in result and "does not answer yet: " in result["answer"]
    assert host.tree() == before


@pytest.mark.parametrize("place", ["a file", "the command", "a folder"])
def test_run_that_fails_in_the_middle_leaves_everything_as_it_was(host, place):
    host.trust_store()
    host.path.write_text(PASSWORD)
    assert host.run(clients=["pip", "uv", "ca", "trust_store"])["changed"]
    before = host.tree()
    options = {"clients": ["pip", "ca", "uv", "environment"], "timeout": 7}
    if place == "a file":
        (host.folder / "etc/system.conf.d").write_text("")
    elif place == "a folder":
        (host.folder / "etc/system.conf.d/airgap.conf").mkdir(parents=True)
    else:
        host.trust_store("find store -type f -exec cat {} + > bundle.crt; test -s bundle.crt")
    before = host.tree()
    result = host.run(**options)
    assert result["failed"], result
    assert host.tree() == before


def test_index_is_requested_by_the_name_that_is_about_to_be_in_hosts_and_at_the_next_address(host):
    url = "https://airgap-index.internal:%d/simple/" % host.index.port
    result = host.run(index_url=url, hosts=["127.0.0.2 airgap-index.internal", "127.0.0.1 airgap-index.internal"])
    assert result["changed"], result
    assert "127.0.0.2 airgap-index.internal\n127.0.0.1 airgap-index.internal\n" in host.hosts.read_text()
    # The site goes back to one index host.
    host.run()
    assert host.hosts.read_text() == "127.0.0.1 localhost\n"


def test_certificates_stay_while_an_index_host_cannot_be_reached(host, tmp_path):
    other = SecureIndex(tmp_path / "other")
    other.stop()
    host.trust_store()
    clients = ["pip", "ca", "trust_store"]
    host.run(clients=clients, ca=host.index.ca + other.ca)
    before = host.tree()
    assert host.run(clients=clients, ca=other.ca, ca_complete=False)["changed"] is False
    assert host.run(clients=clients, ca=other.ca, ca_complete=False, timeout=7)["changed"] is True
    after = host.tree()
    assert {name for name in before if before[name] != after[name]} == {"etc/pip.conf"}


def test_trust_store_is_made_again_if_its_bundle_lost_the_certificate(host):
    host.trust_store()
    host.run(clients=["pip", "ca", "trust_store"])
    (host.folder / "bundle.crt").write_text("")
    result = host.run(clients=["pip", "ca", "trust_store"])
    assert [one.split()[0] for one in result["steps"]] == ["ran"]
    assert "CERTIFICATE" in (host.folder / "bundle.crt").read_text()


def test_host_without_a_trust_store_says_what_to_install(host):
    result = host.run(clients=["pip", "trust_store"])
    assert "Install its package ca-certificates, or leave trust_store out of pip_conf_clients" in result["msg"]
    assert not host.path.exists()


def test_publisher_who_is_no_longer_named_gets_the_former_file_back(host):
    own = host.folder / "home/bob/.pypirc"
    own.write_text("[distutils]\n")
    own.chmod(0o600)
    options = {"clients": ["pip", "ca", "pypirc"]}
    alice = dict(PUBLISHER, user="alice", url="https://elsewhere.example/upload/")
    host.run(publishers=[PUBLISHER, alice], **options)
    elsewhere = (host.folder / "home/alice/.pypirc").read_text()
    # The site's CA is that of the index, not of a server elsewhere.
    assert "repository = https://elsewhere.example/upload/" in elsewhere and "ca_cert" not in elsewhere
    assert "ca_cert = " in own.read_text()
    host.run(publishers=[alice], **options)
    assert own.read_text() == "[distutils]\n"
    result = host.run(publishers=[dict(PUBLISHER, user="nobody-here")], **options)
    assert "The publisher nobody-here is not a user of this host" in result["msg"]


def test_pip_installs_with_these_files_alone(host, tmp_path):
    host.run(clients=["pip", "uv", "ca", "constraints"], constraints=["app<2"])
    rc, output = host.client(sys.executable, "-m", "pip", "install", "--target", tmp_path / "t", "app")
    assert rc == 0, output
    assert (tmp_path / "t/app-1.0.dist-info").exists()


def test_uv_installs_with_these_files_and_the_systems_certificates(host, tmp_path):
    host.trust_store()
    host.run(clients=["pip", "uv", "ca", "trust_store"])
    # Where uv finds the system's certificates.
    trusted = {"SSL_CERT_FILE": str(host.folder / "bundle.crt"), "UV_CACHE_DIR": str(tmp_path / "cache")}
    rc, output = host.client(UV, "pip", "install", "-p", sys.executable, "--target", tmp_path / "t", "app", **trusted)
    assert rc == 0, output
    assert (tmp_path / "t/app-2.0.dist-info").exists()
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        '[project]\nname = "ours"\nversion = "1"\nrequires-python = ">=3.8"\ndependencies = ["app"]\n'
    )
    for command in (["lock"], ["sync", "--frozen", "-p", sys.executable]):
        rc, output = host.client(UV, *command, cwd=project, **trusted)
        assert rc == 0, output
    assert list(project.glob(".venv/lib/*/site-packages/app-2.0.dist-info"))
    assert host.index.url in (project / "uv.lock").read_text()
    # Another Python is not looked for on the internet.
    rc, output = host.client(UV, "python", "install", "3.99", cwd=tmp_path, **trusted)
    assert rc != 0


def test_constraints_of_the_site_hold_for_uv_and_for_programs_that_read_variables(host, tmp_path):
    host.trust_store()
    host.run(clients=EVERYTHING, constraints=["app<2"])
    trusted = {"SSL_CERT_FILE": str(host.folder / "bundle.crt"), "UV_CACHE_DIR": str(tmp_path / "cache")}
    rc, output = host.client(UV, "pip", "install", "-p", sys.executable, "--target", tmp_path / "t", "app", **trusted)
    assert rc == 0 and (tmp_path / "t/app-1.0.dist-info").exists(), output
    lines = (host.folder / "etc/environment").read_text().splitlines()
    variables = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    assert variables["SSL_CERT_FILE"] == str(host.folder / "bundle.crt")
    variables.update(PIP_CONFIG_FILE=os.devnull, UV_CONFIG_FILE=os.devnull, UV_CACHE_DIR=str(tmp_path / "cache"))
    rc, output = host.client(UV, "pip", "install", "-p", sys.executable, "--target", tmp_path / "u", "app", **variables)
    assert rc == 0 and (tmp_path / "u/app-1.0.dist-info").exists(), output
    rc, output = host.client(sys.executable, "-m", "pip", "install", "--target", tmp_path / "v", "app", **variables)
    assert rc == 0 and (tmp_path / "v/app-1.0.dist-info").exists(), output
    systemd = (host.folder / "etc/system.conf.d/airgap.conf").read_text()
    assert '"PIP_INDEX_URL=%s"' % host.index.url in systemd
