# SPDX-License-Identifier: GPL-3.0-or-later
"""What the program of the role pypiserver promises, with the real pypiserver, pip and twine, on loopback."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
import time

import pytest

from tests.integration.front_server import FrontServer
from tests.integration.pypiserver_server import USERS, pypiserver_fixture  # noqa: F401  # pylint: disable=unused-import
from tests.integration.simple_index import make_wheel
from tests.integration.test_closure import run as module
from tests.integration.test_static_index import run, stage

SIMPLE = "/airgap/prod/simple/"


def save(folder, *arguments, **options):
    """Write a wheel into a folder; return its path."""
    name, data = make_wheel(*arguments, **options)
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(data)
    return folder / name


def test_each_request_sees_one_release_and_a_switch_needs_no_restart(tmp_path, pypiserver):
    first = stage(tmp_path, "1.0")
    assert run(**first)["changed"]
    server = pypiserver()
    (wheel,) = (tmp_path / "static").glob("current/airgap/prod/+f/*/*/app-1.0-py3-none-any.whl")
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert "/app-1.0-py3-none-any.whl#sha256=" + sha256 in server.get(SIMPLE + "app/")[1]
    assert run(**stage(tmp_path, "2.0"))["switched"]
    page = server.get(SIMPLE + "app/")[1]
    assert "app-2.0-py3-none-any.whl" in page and "app-1.0" not in page
    assert run(path=first["path"], index="airgap/prod", bundle_id=first["bundle_id"])["switched"]
    assert "app-1.0-py3-none-any.whl" in server.get(SIMPLE + "app/")[1]
    assert server.get(SIMPLE + "nothing/")[0] == 404


def test_pip_installs_what_the_bundle_has_and_what_was_uploaded(tmp_path, pypiserver):
    assert run(**stage(tmp_path, "1.0"))["changed"]
    server = pypiserver()
    rc, said = server.upload(save(tmp_path / "dist", "ours", "1.0", requires=["app"]))
    assert rc == 0, said
    command = [
        sys.executable,
        "-m",
        "pip",
        "--isolated",
        "install",
        "-q",
        "--no-cache-dir",
        "--target",
        tmp_path / "got",
    ]
    subprocess.run([*command, "-i", server.url + SIMPLE, "ours"], check=True)
    assert {"ours-1.0.dist-info", "app-1.0.dist-info", "part-2.0.dist-info"} <= set(os.listdir(tmp_path / "got"))


@pytest.mark.parametrize(("user", "password"), [("alice", "wrong"), ("bob", USERS["alice"])])
def test_upload_with_another_password_is_refused(tmp_path, pypiserver, user, password):
    assert run(**stage(tmp_path, "1.0"))["changed"]
    server = pypiserver()
    rc, said = server.upload(save(tmp_path / "dist", "ours", "1.0"), user, password)
    assert rc != 0 and "403" in said, said
    assert list(server.uploads.iterdir()) == []


def test_upload_cannot_replace_hide_or_add_to_what_the_bundle_has(tmp_path, pypiserver):
    assert run(**stage(tmp_path, "1.0"))["changed"]
    server = pypiserver()
    before = server.get(SIMPLE + "app/")
    for version, payload in (("1.0", b"other"), ("99.0", b"newer")):
        rc, said = server.upload(save(tmp_path / "dist", "app", version, payload=payload))
        assert rc != 0 and "app-99.0" not in server.get(SIMPLE + "app/")[1], said
    # By another spelling, or by hand, it is not served either.
    rc, said = server.upload(save(tmp_path / "dist", "App", "99.0"))
    assert rc != 0, said
    save(server.uploads, "app", "98.0")
    assert server.get(SIMPLE + "app/") == before


def test_upload_is_never_replaced_or_removed_and_is_hidden_by_a_bundle_that_has_its_project(tmp_path, pypiserver):
    assert run(**stage(tmp_path, "1.0"))["changed"]
    server = pypiserver()
    path = save(tmp_path / "dist", "more0", "1.0")
    assert server.upload(path)[0] == 0
    kept = (server.uploads / path.name).read_bytes()
    save(tmp_path / "dist", "more0", "1.0", payload=b"other")
    rc, said = server.upload(path, "bob")
    assert rc != 0 and (server.uploads / path.name).read_bytes() == kept, said
    fields = "name=more0&version=1.0&:action=remove_pkg"
    command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-u", "bob:" + USERS["bob"], "-d", fields]
    done = subprocess.run([*command, server.url + "/airgap/prod/"], stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"403" and (server.uploads / path.name).exists()
    assert run(**stage(tmp_path, "2.0", 1))["switched"]
    page = server.get(SIMPLE + "more0/")[1]
    assert "more0-2.0" in page and "more0-1.0" not in page


def test_users_are_those_that_are_wanted_and_a_second_run_changes_nothing(tmp_path, pypiserver):
    assert run(**stage(tmp_path, "1.0"))["changed"]
    server = pypiserver()
    assert stat.S_IMODE(server.passwords.stat().st_mode) == 0o600
    text = server.passwords.read_text()
    assert "$6$" in text and not any(password in text for password in USERS.values())
    assert server.set_passwords(USERS) == []
    wanted = {"alice": "another", "carol": "new"}
    changes = ["bob is removed", "the password of alice changes", "carol is added"]
    assert server.set_passwords(wanted, "--check") == changes
    assert server.passwords.read_text() == text
    assert server.set_passwords(wanted) == changes
    # The server reads the file again.
    path = save(tmp_path / "dist", "ours", "1.0")
    assert server.upload(path)[0] != 0
    assert server.upload(path, password="another")[0] == 0


def test_check_of_a_site_reads_its_pages_through_the_front(tmp_path, pypiserver):
    wanted = stage(tmp_path, "1.0")
    assert run(**wanted)["changed"]
    front = FrontServer("pypiserver", tmp_path / "static", tmp_path / "nginx", pypiserver=pypiserver().url)
    try:
        ledger = str(tmp_path / "ledger.jsonl")
        entry = {"path": ledger, "bundle": wanted["src"], "index": "airgap/prod", "operator": "olga", "signers": []}
        sums = hashlib.sha256((tmp_path / "bundle-1.0/SHA256SUMS").read_bytes()).hexdigest()
        started = module("bundle_import_start", sha256=sums, **entry)
        counts = {"uploaded": 2, "present": 0, "uploaded_bytes": 1}
        ended = module("bundle_import_end", sha256=sums, run=started["run"], **counts, **entry)
        assert ended.get("changed"), (started, ended)
        site = {
            "url": front.url,
            "ca_path": front.ca,
            "index": "airgap/prod",
            "bundle": wanted["src"],
            "ledger": ledger,
        }
        result = module("site_check_info", version_from_bundle=False, sample=0, **site)
        found = {one["name"]: one for one in result["checks"]}
        assert found["content"]["ok"] and "2 of them were read" in found["content"]["message"], result
        (wheel,) = (tmp_path / "static").glob("current/airgap/prod/+f/*/*/app-1.0-py3-none-any.whl")
        wheel.unlink()
        wheel.write_bytes(b"other")
        result = module("site_check_info", version_from_bundle=False, sample=0, **site)
        assert "app-1.0-py3-none-any.whl served damaged" in json.dumps(result["checks"]), result
    finally:
        front.stop()


def test_twine_uploads_through_the_front_and_pip_installs_it(tmp_path, pypiserver):
    assert run(**stage(tmp_path, "1.0"))["changed"]
    server = pypiserver()
    front = FrontServer("pypiserver", tmp_path / "static", tmp_path / "nginx", pypiserver=server.url)
    try:
        path = save(tmp_path / "dist", "ours", "1.0", requires=["app"], payload=b"#" * 3000000)
        url = front.url + "/airgap/prod/"
        rc, said = server.upload(path, url=url, REQUESTS_CA_BUNDLE=front.ca)
        assert rc == 0, said
        rc, said = server.upload(save(tmp_path / "dist", "app", "2.0"), url=url, REQUESTS_CA_BUNDLE=front.ca)
        assert rc != 0 and "403" in said, said
        command = [sys.executable, "-m", "pip", "--isolated", "install", "-q", "--no-cache-dir", "--cert", front.ca]
        # Of some versions of pip, this outranks --cert.
        settings = dict(os.environ, REQUESTS_CA_BUNDLE=front.ca)
        target = ["--target", tmp_path / "got", "-i", url + "+simple/", "ours"]
        subprocess.run([*command, *target], env=settings, check=True)
        assert {"ours-1.0.dist-info", "app-1.0.dist-info"} <= set(os.listdir(tmp_path / "got"))
        # Addresses of the static index, as in a uv.lock, go on working.
        (wheel,) = (tmp_path / "static").glob("current/airgap/prod/+f/*/*/app-1.0-py3-none-any.whl")
        address = "/" + str(wheel.relative_to(tmp_path / "static/current"))
        assert front.request(address).data == wheel.read_bytes()
        assert b"This index has 3 files." in front.request("/airgap/prod/").data
        # Files need no pypiserver, and pages that cannot be had are not answered with silence.
        server.running.terminate()
        server.running.wait()
        time.sleep(1.1)
        assert front.request(address).data == wheel.read_bytes()
        answer = front.request("/airgap/prod/+simple/ours/")
        assert answer.status == 503 and b"systemctl status pypiserver" in answer.data
        assert answer.headers["Retry-After"] == "5"
    finally:
        front.stop()
