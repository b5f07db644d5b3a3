# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate of the front: issued by the site's CA and renewed in time, or a given one that is checked."""

from __future__ import annotations

import datetime
import json
import os
import stat

import pytest
from ansible_collections.airgap.python.plugins.module_utils._index import _site_certificate as program

NOW = datetime.datetime(2026, 11, 26, tzinfo=datetime.timezone.utc)
NAMES = ["index.example", "10.0.0.20", "::1"]


def days(number):
    return datetime.timedelta(days=number)


class Folder:
    """The front's configuration folder."""

    def __init__(self, path):
        self.path = path
        self.configure(names=NAMES)

    def configure(self, **settings):
        (self.path / program.CONFIG).write_text(json.dumps(settings))

    def run(self, now=NOW, is_check=False):
        """Return the names of the files that are written."""
        return [one.partition(":")[0] for one in program.run(str(self.path), is_check, now)["changes"]]

    def read(self, name):
        return (self.path / name).read_bytes()

    def certificate(self, name):
        return program.load_certificate(self.read(name))


@pytest.fixture(name="folder")
def folder_fixture(tmp_path):
    return Folder(tmp_path)


def test_site_gets_a_ca_and_a_certificate_for_its_names_and_a_second_run_changes_nothing(folder):
    assert folder.run() == ["ca.key", "ca.pem", "server.pem"]
    assert folder.run() == []
    server, authority = folder.certificate("server.pem"), folder.certificate("ca.pem")
    assert program.is_issued_by(server, authority) and program.is_issued_by(authority, authority)
    assert program.names_of(server) == set(NAMES)
    assert program.is_of(server, program.load_key(folder.read("server.pem")))


def test_only_the_certificate_of_the_ca_can_be_read_by_everyone(folder):
    folder.run()
    modes = {
        name: stat.S_IMODE(os.stat(str(folder.path / name)).st_mode) for name in ("ca.key", "ca.pem", "server.pem")
    }
    assert modes == {"ca.key": 0o600, "ca.pem": 0o644, "server.pem": 0o640}


def test_check_writes_nothing(folder):
    assert folder.run(is_check=True) == ["ca.key", "ca.pem", "server.pem"]
    assert os.listdir(str(folder.path)) == [program.CONFIG]


@pytest.mark.parametrize(
    ("later", "written"),
    [
        (program.DAYS - program.RENEWED - 1, []),
        (program.DAYS - program.RENEWED + 1, ["server.pem"]),
        (program.DAYS + 1, ["server.pem"]),
        # A clock that was wrong by more than the certificates are backdated.
        (-program.BACKDATED - 1, ["ca.pem", "server.pem"]),
        (program.CA_DAYS - program.CA_RENEWED + 1, ["ca.pem", "server.pem"]),
    ],
)
def test_certificate_is_renewed_before_it_ends(folder, later, written):
    folder.run()
    assert folder.run(NOW + days(later)) == written
    assert folder.run(NOW + days(later)) == []


@pytest.mark.parametrize("wrong", [-365, 365])
def test_certificate_of_a_host_whose_clock_is_wrong_by_a_year_is_valid_elsewhere(folder, wrong):
    folder.run(NOW + days(wrong))
    for name in ("ca.pem", "server.pem"):
        found = folder.certificate(name)
        assert found.not_valid_before_utc < NOW < found.not_valid_after_utc


def test_renewed_ca_keeps_key_and_name_so_that_nodes_with_the_former_one_accept_its_certificates(folder):
    folder.run()
    former = folder.certificate("ca.pem")
    assert "ca.key" not in folder.run(NOW + days(program.CA_DAYS - 30))
    assert folder.certificate("ca.pem") != former
    assert program.is_issued_by(folder.certificate("server.pem"), former)


def test_other_names_give_another_certificate(folder):
    folder.run()
    folder.configure(names=[*NAMES, "pypi.example"])
    assert folder.run() == ["server.pem"]
    assert "pypi.example" in program.names_of(folder.certificate("server.pem"))


@pytest.mark.parametrize("name", ["server.pem", "ca.pem"])
def test_damaged_certificate_is_replaced(folder, name):
    folder.run()
    (folder.path / name).write_text("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")
    assert name in folder.run()
    assert program.is_issued_by(folder.certificate("server.pem"), folder.certificate("ca.pem"))


def test_damaged_key_of_the_ca_is_an_error_and_is_not_replaced(folder):
    folder.run()
    (folder.path / "ca.key").write_text("x")
    with pytest.raises(program.CertificateError, match="Restore it from a backup"):
        folder.run()
    assert folder.read("ca.key") == b"x"


@pytest.fixture(name="given")
def given_fixture(folder, tmp_path_factory):
    """Return a certificate from elsewhere, and settings that name it."""
    other = Folder(tmp_path_factory.mktemp("given"))
    other.run()
    paths = {"certificate": "chain.pem", "key": "key.pem", "ca_certificate": "ca.pem"}
    key, certificate = other.read("server.pem").split(b"-----BEGIN CERTIFICATE", 1)
    (other.path / "key.pem").write_bytes(key)
    (other.path / "chain.pem").write_bytes(b"-----BEGIN CERTIFICATE" + certificate)
    folder.configure(**{name: str(other.path / path) for name, path in paths.items()})
    return other


def test_given_certificate_is_copied_with_its_ca_and_again_when_it_is_replaced(folder, given):
    assert folder.run() == ["server.pem", "ca.pem"]
    assert folder.run() == []
    assert folder.certificate("ca.pem") == given.certificate("ca.pem")
    assert program.is_of(folder.certificate("server.pem"), program.load_key(folder.read("server.pem")))
    (given.path / "chain.pem").write_bytes(given.read("chain.pem") + given.read("ca.pem"))
    assert folder.run() == ["server.pem"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("chain.pem", "is not a certificate"), ("key.pem", "is not a private key"), ("ca.pem", "is not a certificate")],
)
def test_given_file_that_is_missing_is_named_and_what_was_served_stays(folder, given, name, reason):
    folder.run()
    before = folder.read("server.pem")
    (given.path / name).unlink()
    with pytest.raises(program.CertificateError, match="%s %s" % (name, reason)):
        folder.run()
    assert folder.read("server.pem") == before


def test_given_certificate_of_another_key_is_refused(folder, given, tmp_path):
    other = program.ec.generate_private_key(program.ec.SECP256R1())
    (given.path / "key.pem").write_bytes(program.to_pem(other))
    with pytest.raises(program.CertificateError, match="is not the certificate of the key"):
        folder.run()


def test_given_certificate_that_has_ended_is_refused_with_its_dates(folder, given):
    with pytest.raises(program.CertificateError, match="is valid from 2025-10-22.* to 2027-12-29"):
        folder.run(NOW + days(program.DAYS + 1))
