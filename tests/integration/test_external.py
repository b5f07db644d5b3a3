# SPDX-License-Identifier: GPL-3.0-or-later
"""An index that the site runs: published to over the upload API of twine, read back, installed from, and checked by the playbooks.

pypiserver and devpi-server are the real ones, with passwords. Nexus Repository and Artifactory are not: vendor_server answers as
they do by their documentation.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.integration import pypiserver_server, small_bundle
from tests.integration.devpi_server import (  # noqa: F401  # pylint: disable=unused-import
    OWNER_PASSWORD,
    devpi_bin,
    free_port,
    process,
)
from tests.integration.published import Bundle
from tests.integration.test_folder import installs
from tests.integration.test_playbooks import Control
from tests.integration.vendor_server import PASSWORD, USER, Vendor

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WHEELS = [("app", "1.0", b"one"), ("part", "2.0", b"two")]
APP, PART = "app-1.0-py3-none-any.whl", "part-2.0-py3-none-any.whl"


class Place:
    """A server: its addresses, who uploads, and what is known of it."""

    def __init__(self, server, url, simple, user, password):
        self.server, self.url, self.simple, self.user, self.password = server, url, simple, user, password


def publish(place, bundle, check=False, **options):
    """Run the module as Ansible does; return its result, which never shows the password."""
    args = {
        "url": place.url,
        "simple_url": place.simple,
        "user": place.user,
        "password": place.password,
        "src": str(bundle.folder),
        "bundle_id": bundle.id,
        "_ansible_check_mode": check,
        "_ansible_diff": True,
        **options,
    }
    done = subprocess.run(
        [sys.executable, "-m", "ansible_collections.airgap.python.plugins.modules.external_publish"],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": {key: value for key, value in args.items() if value is not None}}),
        env={**os.environ, "PYTHONPATH": os.path.join(ROOT, ".collections"), "http_proxy": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.strip().startswith("{"), done.stderr
    for secret in (PASSWORD, OWNER_PASSWORD, "alice-secret-1"):
        assert json.dumps(secret)[1:-1] not in done.stdout
    return json.loads(done.stdout)


def make(folder, wheels):
    """Return a bundle of wheels."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    folder.chmod(0o700)
    return Bundle(folder, wheels)


@pytest.fixture(name="bundle")
def bundle_fixture(tmp_path):
    """Return a bundle."""
    return make(tmp_path / "bundle", WHEELS)


@pytest.fixture(name="vendor")
def vendor_fixture():
    """Return a function that starts a server of a vendor."""
    started = []

    def start(name, **options):
        started.append(Vendor(name, **options))
        return started[-1], Place(name.rpartition(" ")[2], started[-1].url, started[-1].simple, USER, PASSWORD)

    yield start
    for one in started:
        one.stop()


@pytest.fixture(name="pypi_server")
def pypi_server_fixture(tmp_path):
    """Return the real pypiserver as its documentation starts it, with a password for uploads."""
    server = pypiserver_server.PlainServer(tmp_path)
    yield Place("pypiserver", server.url, server.url + "simple/", server.user, server.password)
    server.stop()


@pytest.fixture(name="devpi")
def devpi_fixture(process):  # noqa: F811  # pylint: disable=redefined-outer-name
    """Return an index of the real devpi-server, with a password for uploads."""
    process.clear()
    process.create_index("site/prod")
    return Place("devpi", process.url + "/site/prod/", process.url + "/site/prod/+simple/", "site", OWNER_PASSWORD)


@pytest.fixture(
    name="place",
    params=[
        "pypi_server",
        "devpi",
        pytest.param("nexus", marks=pytest.mark.long),
        "newer nexus",
        "artifactory",
        pytest.param("newer artifactory", marks=pytest.mark.long),
    ],
)
def place_fixture(request, vendor):
    """Return each server."""
    if request.param in ("pypi_server", "devpi"):
        return request.getfixturevalue(request.param)
    return vendor(request.param)[1]


def test_bundle_is_sent_once_and_read_back_and_a_second_run_sends_nothing(place, bundle, tmp_path):
    plan = publish(place, bundle, check=True)
    assert (plan["changed"], plan["uploaded"], plan["server"]) == (True, [APP, PART], place.server), plan
    assert plan["diff"]["before"] == "" and APP + " sha256:" + bundle.files[APP] in plan["diff"]["after"]
    done = publish(place, bundle)
    assert (done.get("uploaded"), done["switched"]) == ([APP, PART], True), done
    again = publish(place, bundle)
    assert (again["changed"], again["uploaded_count"], again["present_count"]) == (False, 0, 2), again
    assert again["diff"]["before"] == again["diff"]["after"]
    more = publish(place, make(tmp_path / "more", [*WHEELS, ("new", "1.0", b"")]))
    assert more["uploaded"] == ["new-1.0-py3-none-any.whl"] and more["present_count"] == 2


def test_another_file_under_a_published_name_is_refused_before_anything_is_sent(place, bundle, tmp_path):
    assert publish(place, bundle)["changed"]
    other = make(tmp_path / "other", [("aaa", "1.0", b""), ("app", "1.0", b"other")])
    for check in (True, False):
        said = publish(place, other, check=check)["msg"]
        assert "has other files under the names of files of the bundle: %s" % APP in said
        assert other.files[APP] in said and bundle.files[APP] in said and "give the new one a new version" in said
    assert publish(place, make(tmp_path / "third", [("aaa", "1.0", b"")]))["uploaded"] == ["aaa-1.0-py3-none-any.whl"]


def test_wrong_password_is_named_and_not_shown(place, bundle):
    said = publish(place, bundle, password="wrong-password")["msg"]
    assert "publish_upload_user and publish_upload_password" in said or "right on the server" in said, said
    assert "0 of 2 files were sent" in said or "GET " in said
    assert "wrong-password" not in said


@pytest.mark.parametrize("name", ["nexus", "newer nexus", "artifactory", "newer artifactory"])
@pytest.mark.parametrize("server", ["auto", "the vendor's"])
def test_file_that_someone_else_sent_meanwhile_is_compared(vendor, bundle, name, server):
    one, place = vendor(name)
    server = server if server == "auto" else place.server
    one.files[APP] = (bundle.folder / "wheels" / APP).read_bytes()
    one.hidden = 2
    done = publish(place, bundle, server=server)
    assert (done.get("uploaded"), done["present_count"]) == ([PART], 1), done
    one.files[APP] = b"another"
    one.hidden = 2
    one.files.pop(PART)
    said = publish(place, bundle, server=server)["msg"]
    assert "has sha256 %s instead of %s" % (hashlib.sha256(b"another").hexdigest(), bundle.files[APP]) in said


def test_rule_of_another_server_does_not_apply(vendor, bundle):
    one, place = vendor("artifactory")
    one.files[APP] = (bundle.folder / "wheels" / APP).read_bytes()
    one.hidden = 2
    said = publish(place, bundle, server="nexus")["msg"]
    assert "was not accepted by Nexus Repository" in said and "status 403 (Not enough permissions" in said, said


def test_upload_is_sent_again_only_after_a_failure_of_the_server(vendor, bundle):
    one, place = vendor("nexus")
    one.statuses = [503, 500]
    assert publish(place, bundle)["uploaded_count"] == 2
    assert one.posts == [503, 500, 200, 200]
    one.files.clear()
    one.posts.clear()
    one.statuses = [429]
    assert "status 429" in publish(place, bundle)["msg"]
    assert one.posts == [429]
    one.statuses = [503] * 5
    said = publish(place, bundle)["msg"]
    assert "status 503. The server failed, also when it was asked again" in said and one.posts == [429] + [503] * 5


def test_server_that_lists_late_is_waited_for(vendor, bundle):
    one, place = vendor("artifactory")
    one.hidden = 6
    assert publish(place, bundle)["uploaded_count"] == 2
    one.files.clear()
    one.hidden = 50
    said = publish(place, bundle, listing_timeout=1)["msg"]
    assert "does not list what was sent to it: %s is not listed" % APP in said and "publish_simple_url" in said


def test_file_without_a_stated_sha256_is_downloaded_and_hashed(vendor, bundle, tmp_path):
    one, place = vendor("nexus")
    one.hash_name = "md5"
    assert publish(place, bundle)["uploaded_count"] == 2
    assert publish(place, bundle)["changed"] is False
    said = publish(place, make(tmp_path / "other", [("app", "1.0", b"other")]))["msg"]
    assert "there " + bundle.files[APP] in said
    one.files[APP] = one.files[APP] + b" "
    assert "has other files" in publish(place, bundle)["msg"]


def test_token_and_withdrawn_versions(vendor, bundle):
    one, place = vendor("nexus")
    said = publish(place, bundle, user=None)["msg"]
    assert "status 401 (Bad credentials)" in said
    gone = [{"name": "part", "version": "2.0", "gone": True}]
    assert publish(place, bundle, withdrawn=gone)["uploaded"] == [APP]
    assert publish(place, bundle)["uploaded"] == [PART]
    done = publish(place, bundle, withdrawn=gone)
    assert (done["changed"], done["withdrawn"]) == (False, [PART])
    assert "remove them there" in json.dumps(done["warnings"])


def test_wrong_addresses_are_named(vendor, bundle):
    one, place = vendor("nexus")
    said = publish(place, bundle, url=place.url + "other/")["msg"]
    assert (
        "Nothing accepts uploads there. Correct publish_upload_url. Uploads to Nexus Repository go to https://HOST/rep"
        in said
    )
    assert "0 of 2 files were sent before it" in said
    said = publish(place, bundle, url=place.url.replace("://", "://user:pw-in-url@"))["msg"]
    assert "publish_upload_url holds a user or a password" in said and "pw-in-url" not in said
    assert "Write it as https://HOST/PATH/" in publish(place, bundle, simple_url="nexus.example.org/x")["msg"]


def test_links_that_are_not_addresses_and_responses_that_end_early_are_named(vendor, bundle):
    one, place = vendor("nexus")
    one.links = "ftp://files.example.org/"
    said = publish(place, bundle)["msg"]
    assert "links to ftp://files.example.org/%s, which is not an address of http or https" % APP in said
    one.links = "http://localhost:port/"
    assert "which is not an address of http" in publish(place, bundle)["msg"]
    one.links = ""
    one.cut = True
    assert "GET %sapp/" % place.simple in publish(place, bundle)["msg"]


def test_client_certificate(vendor, bundle, tmp_path):
    for name in ("server", "client"):
        command = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ]
        command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        command += ["-keyout", str(tmp_path / (name + ".key")), "-out", str(tmp_path / (name + ".pem"))]
        subprocess.run(command, check=True, capture_output=True)
    pair = (tmp_path / "server.pem", tmp_path / "server.key")
    one, place = vendor("artifactory", certificate=pair, client_ca=tmp_path / "client.pem")
    trust = {"ca_path": str(pair[0])}
    assert "its certificate is not trusted" in publish(place, bundle)["msg"]
    assert "set publish_client_cert" in publish(place, bundle, **trust)["msg"]
    trust.update(client_cert=str(tmp_path / "client.pem"), client_key=str(tmp_path / "client.key"))
    assert publish(place, bundle, **trust)["uploaded_count"] == 2
    assert len(one.files) == 2


class Site:
    """An index host and a node, which both are this machine, and a server that the site has."""

    def __init__(self, folder, place):
        self.folder, self.place = folder, place
        self.control = Control(folder)
        self.bundle = folder / "srv/bundle"
        self.variables = {}
        self.control.write({"airgap_index": ["idx"], "airgap_nodes": ["node"]})

    def stage(self, version):
        """Put a bundle in place; return its id."""
        shutil.rmtree(self.bundle, ignore_errors=True)
        sets = {
            "airgap-pip": {"here": [small_bundle.installed_wheel("pip")]},
            "base": {"here": small_bundle.application(version)},
        }
        return small_bundle.write(self.bundle, sets, [small_bundle.here()])["id"]

    def play(self, name, *options, **variables):
        """Run a playbook; return its status, how many hosts it left unchanged, and what it said."""
        values = {
            "airgap_dir": str(self.folder / "srv"),
            "airgap_index_kind": "external",
            "airgap_sets": [{"name": "base"}],
            "airgap_targets": [small_bundle.here()],
            "install_python": sys.executable,
            "install_dir": str(self.folder / "opt"),
            "install_compile": False,
            "pip_conf_index_url": self.place.simple,
            "pip_conf_path": str(self.folder / "pip.conf"),
            "publish_upload_url": self.place.url,
            "publish_upload_user": self.place.user,
            "publish_upload_password": self.place.password,
            "publish_operator": "olga",
            "airgap_files_dir": str(self.folder / "files"),
            "static_dir": str(self.folder / "static"),
            "front_config_dir": str(self.folder / "etc/front"),
            "front_venv": str(self.folder / "opt/airgap-front"),
            "devpi_config_dir": str(self.folder / "etc/devpi"),
            "devpi_data_dir": str(self.folder / "var/devpi"),
            "devpi_venv": str(self.folder / "opt/airgap-devpi"),
            "pypiserver_config_dir": str(self.folder / "etc/pypiserver"),
            "pypiserver_venv": str(self.folder / "opt/airgap-pypiserver"),
            "check_disk_percent": 0,
        }
        values.update(self.variables)
        values.update(variables)
        rc, said = self.control.play(name, *options, **values)
        assert self.place.password not in said
        return rc, said.rpartition("PLAY RECAP")[2].count("changed=0"), said


@pytest.fixture(name="site")
def site_fixture(tmp_path, pypi_server):
    """Return a site with a pypiserver of its own, whose bundle is staged."""
    site = Site(tmp_path, pypi_server)
    site.stage("1.0")
    return site


def test_playbooks_publish_record_check_and_install(site, tmp_path):
    rc, _unchanged, said = site.play("index", "--check", "--diff")
    assert rc == 0 and "would get 3 files" in said and "+app-1.0-py3-none-any.whl sha256:" in said, said
    assert list((tmp_path / "packages").iterdir()) == []
    rc, _unchanged, said = site.play("index", "-vvv")
    assert rc == 0 and "got 3 files" in said, said
    assert len(list((tmp_path / "packages").iterdir())) == 3
    rc, unchanged, said = site.play("index")
    assert rc == 0 and "got 0 files" in said and unchanged == 2, said
    rc, _unchanged, said = site.play("history")
    assert rc == 0 and "olga" in said, said
    assert installs(site.place.simple, tmp_path) == ["1.0", "1.0"]
    rc, _unchanged, said = site.play("nodes")
    assert rc == 0 and "index-url = " + site.place.simple in (tmp_path / "pip.conf").read_text(), said
    rc, _unchanged, said = site.play("check", check_sample=0)
    assert rc == 0 and "All 3 files of bundle" in said and "3 of them were read" in said, said
    (tmp_path / "packages" / PART).write_bytes(b"damaged")
    rc, _unchanged, said = site.play("check", check_sample=0)
    assert rc != 0 and PART in said, said
    rc, _unchanged, said = site.play("index")
    assert rc != 0 and "has other files under the names of files of the bundle: " + PART in said, said
    # What is missing and what is new come with one run.
    (tmp_path / "packages" / PART).unlink()
    site.stage("2.0")
    rc, _unchanged, said = site.play("index")
    assert rc == 0 and "got 2 files" in said, said
    assert installs(site.place.simple, tmp_path) == ["2.0", "2.0"]


def test_what_cannot_be_done_is_refused(site, tmp_path):
    rc, _unchanged, said = site.play("withdraw", withdraw=["app==1.0"], withdraw_reason="evil")
    assert rc != 0 and "Nothing was withdrawn: with airgap_index_kind external, the site runs the index" in said, said
    rc, _unchanged, said = site.play("index", publish_rollback="0123456789")
    assert rc != 0 and "publish_rollback cannot be used with airgap_index_kind external" in said, said
    rc, _unchanged, said = site.play(
        "promote", promote_from="a/b", promote_to="a/c", promote_bundle=True, promote_gate="none"
    )
    assert rc != 0 and "promote works only with airgap_index_kind: devpi" in said, said
    rc, _unchanged, said = site.play("index", publish_upload_url="")
    assert rc != 0 and "set publish_upload_url to the address that accepts uploads" in said, said
    rc, _unchanged, said = site.play("nodes", "--tags", "pip_conf", pip_conf_index_url="")
    assert rc != 0 and "With airgap_index_kind external, the site says where node finds the index" in said, said
    site.control.write({"airgap_index": ["idx", "other"], "airgap_nodes": ["node"]})
    rc, _unchanged, said = site.play("index")
    assert rc != 0 and "one host alone publishes, and airgap_index has idx, other" in said, said
    assert list((tmp_path / "packages").iterdir()) == []
