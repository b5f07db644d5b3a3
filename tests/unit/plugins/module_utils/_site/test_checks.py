# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of a site find what an operator must know of, and say what to do."""

from __future__ import annotations

import datetime
import hashlib
import http.server
import json
import os
import pathlib
import ssl
import subprocess
import threading
import typing as t

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._bundle import _ledger, _manifest
from ansible_collections.airgap.python.plugins.module_utils._index import _simple_page
from ansible_collections.airgap.python.plugins.module_utils._site import _checks

NOW = datetime.datetime(2026, 2, 3, 12, 0, tzinfo=datetime.timezone.utc)
WHEELS = {"flask-3.0-py3-none-any.whl": b"flask", "devpi_server-6.20.3-py3-none-any.whl": b"devpi"}

OTHERS = {"ca.pem": b"certificate"}


class Index:
    """A server on loopback that responds as an index does (PEP 691); the lab's tests check a real one."""

    def __init__(self, certificate: str = "") -> None:
        self.files = dict(WHEELS, **OTHERS)
        self.listed = {name: hashlib.sha256(data).hexdigest() for name, data in WHEELS.items()}
        self.version = "6.20.3"
        index = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, data = index.respond(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: t.Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = "%s://127.0.0.1:%d" % ("https" if certificate else "http", self.server.server_address[1])
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def respond(self, path: str) -> t.Tuple[int, bytes]:
        """Return status and body."""
        name = path.rpartition("/")[2]
        if path == "/+status":
            return 200, json.dumps({"result": {"versioninfo": {"devpi-server": self.version}}}).encode()
        if path == "/airgap/prod/+simple/":
            return 200, b'{"projects": []}'
        if path.startswith("/airgap/prod/+simple/"):
            project = path.split("/")[-2].replace("-", "_")
            files = [
                {"filename": one, "url": "../../+f/" + one, "hashes": {"sha256": sha256}}
                for one, sha256 in self.listed.items()
                if one.startswith(project + "-")
            ]
            return (200 if files else 404), json.dumps({"files": files}).encode()
        return (200, self.files[name]) if name in self.files else (404, b"{}")


@pytest.fixture(name="index")
def index_fixture() -> t.Iterator[Index]:
    """Return an index that serves two wheels."""
    index = Index()
    yield index
    index.server.shutdown()
    index.server.server_close()


@pytest.fixture(name="params")
def params_fixture(index: Index, tmp_path: pathlib.Path) -> t.Dict[str, t.Any]:
    """Return the options of a site that is in order."""
    files = [
        {
            "path": "wheels/" + name,
            "name": name.split("-", maxsplit=1)[0].replace("_", "-"),
            "version": name.split("-")[1],
            "sha256": hashlib.sha256(data).hexdigest(),
            "size": len(data),
        }
        for name, data in WHEELS.items()
    ]
    manifest: t.Dict[str, t.Any] = {
        "format": 1,
        "id": "",
        "created": "2026-02-01T00:00:00Z",
        "base": None,
        "sets": [],
        "targets": [],
        "files": files,
        "extras": [
            {
                "path": "files/" + name,
                "kind": "file",
                "sha256": hashlib.sha256(data).hexdigest(),
                "size": len(data),
            }
            for name, data in OTHERS.items()
        ],
    }
    manifest["id"] = _manifest.identify(manifest)
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "manifest.json").write_text(_json.render(manifest), encoding="utf-8")
    record_import(tmp_path, manifest["id"])
    backups = tmp_path / "backups"
    (backups / "2026-02-03T023000Z").mkdir(parents=True)
    write_backup_state(backups, ok=True)
    return {
        "url": index.url,
        "ca_path": None,
        "index": "airgap/prod",
        "bundle": str(bundle),
        "ledger": str(tmp_path / "ledger.jsonl"),
        "simple": False,
        "version_from_bundle": True,
        "files": False,
        "replica_url": "",
        "primary_ca_path": None,
        "sample": 0,
        "disks": [str(tmp_path)],
        "disk_percent": 0,
        "certificate_days": 14,
        "backup_dir": str(backups),
        "backup_hours": 36,
        "timeout": 5,
    }


def record_import(folder: pathlib.Path, identity: str) -> None:
    """Record an import that succeeded."""
    run = {"run": identity, "id": identity, "when": "2026-02-01T00:00:00Z"}
    end = dict(run, event="end", result="ok", when="2026-02-01T00:00:09Z")
    _ledger.append(str(folder / "ledger.jsonl"), [dict(run, event="begin"), end])


def write_backup_state(folder: pathlib.Path, **values: t.Any) -> None:
    """Write how the last backup went."""
    state = {"started": "2026-02-03T02:30:00Z", "backup": "2026-02-03T023000Z", "message": "", **values}
    (folder / "last.json").write_text(json.dumps(state), encoding="utf-8")


def failed(params: t.Mapping[str, t.Any], at: datetime.datetime = NOW) -> t.Dict[str, str]:
    """Return name to message of the checks that failed."""
    return {one.name: one.message for one in _checks.check_site(params, at) if not one.ok}


def test_site_that_is_in_order_passes_every_check(params: t.Dict[str, t.Any]) -> None:
    checks = {one.name: one for one in _checks.check_site(params, NOW)}
    assert [one for one in checks.values() if not one.ok] == []
    assert set(checks) >= {"server", "content", "version", "backup"}
    assert "All 2 files" in checks["content"].message and "2 of them were read" in checks["content"].message


def test_file_that_is_not_listed_is_named(params: t.Dict[str, t.Any], index: Index) -> None:
    del index.listed["flask-3.0-py3-none-any.whl"]
    assert "flask-3.0-py3-none-any.whl not listed" in failed(params)["content"]


def test_file_that_was_replaced_is_named(params: t.Dict[str, t.Any], index: Index) -> None:
    index.listed["flask-3.0-py3-none-any.whl"] = "0" * 64
    assert "flask-3.0-py3-none-any.whl with another SHA-256" in failed(params)["content"]


@pytest.mark.parametrize("data", [b"Flask", None])
def test_file_that_is_damaged_on_the_disk_of_the_index_is_named(
    params: t.Dict[str, t.Any], index: Index, data: t.Optional[bytes]
) -> None:
    if data is None:
        del index.files["flask-3.0-py3-none-any.whl"]
    else:
        index.files["flask-3.0-py3-none-any.whl"] = data
    assert list(failed(params)) == ["content"]
    assert "flask-3.0-py3-none-any.whl served damaged" in failed(params)["content"]


def test_bundle_that_was_not_published_is_named(params: t.Dict[str, t.Any], tmp_path: pathlib.Path) -> None:
    record_import(tmp_path, "1" * 32)
    assert "the index serves %s, which was imported last" % ("1" * 32) in failed(params)["content"]


def test_bundle_that_was_taken_back_is_not_missed(
    params: t.Dict[str, t.Any], tmp_path: pathlib.Path, index: Index
) -> None:
    record = {"event": "rollback", "run": "2" * 32, "id": "1" * 32, "when": "2026-02-02T00:00:00Z"}
    _ledger.append(str(tmp_path / "ledger.jsonl"), [record])
    index.listed.clear()
    (content,) = [one for one in _checks.check_site(params, NOW) if one.name == "content"]
    assert content.ok and "the index serves %s since it was rolled back" % ("1" * 32) in content.message


def test_page_of_the_site_gets_the_bundle_that_is_served(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "ledger.jsonl")
    assert _checks.served_bundle(path) == {}
    record_import(tmp_path, "1" * 32)
    record_import(tmp_path, "2" * 32)
    served = _checks.served_bundle(path)
    assert (served["id"], served["imported"], served["is_rolled_back"]) == ("2" * 32, "2026-02-01T00:00:09Z", False)
    _ledger.append(path, [{"event": "rollback", "run": "3" * 32, "id": "1" * 32, "when": "2026-02-02T00:00:00Z"}])
    served = _checks.served_bundle(path)
    assert (served["id"], served["is_rolled_back"]) == ("1" * 32, True)
    pathlib.Path(path).unlink()
    pathlib.Path(path).mkdir()
    assert _checks.served_bundle(path) == {}


def test_another_version_of_the_server_is_named(params: t.Dict[str, t.Any], index: Index) -> None:
    index.version = "6.19.0"
    assert failed(params)["version"] == "devpi-server 6.19.0 runs, and the bundle has 6.20.3. Play index."


def test_server_that_is_down_fails_the_check_and_not_the_run(params: t.Dict[str, t.Any], index: Index) -> None:
    index.server.shutdown()
    index.server.server_close()
    assert set(failed(params)) == {"server", "content"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"ok": False, "message": "The disk is full."}, "The last backup failed: The disk is full."),
        ({"ok": True, "started": "2026-02-01T02:30:00Z"}, "is 58 hours old"),
        ({"ok": True, "backup": "gone"}, "is not in"),
    ],
)
def test_backup_that_helps_nobody_is_named(
    params: t.Dict[str, t.Any], values: t.Dict[str, t.Any], message: str
) -> None:
    write_backup_state(pathlib.Path(params["backup_dir"]), **values)
    assert message in failed(params)["backup"]


def test_site_without_a_backup_is_named(params: t.Dict[str, t.Any]) -> None:
    os.unlink(os.path.join(params["backup_dir"], "last.json"))
    assert "has no backup yet" in failed(params)["backup"]


def test_disk_that_is_nearly_full_is_named(params: t.Dict[str, t.Any]) -> None:
    name = "space of " + params["disks"][0]
    assert "of its space free. Free some" in failed(dict(params, disk_percent=100.5))[name]


@pytest.mark.parametrize(("days", "ok"), [(30, True), (5, False)])
def test_certificate_that_ends_soon_is_named(
    params: t.Dict[str, t.Any], tmp_path: pathlib.Path, days: int, ok: bool
) -> None:
    path = str(tmp_path / "pair.pem")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=x -days %d" % days
    command += " -addext subjectAltName=IP:127.0.0.1 -keyout %s -out %s.crt && cat %s.crt >> %s" % (
        path,
        path,
        path,
        path,
    )
    subprocess.run(command, shell=True, check=True, stderr=subprocess.DEVNULL)
    index = Index(path)
    try:
        checks = {one.name: one for one in _checks.check_site(dict(params, url=index.url, ca_path=path), NOW)}
        assert checks["certificate"].ok is ok
        assert not {one.name for one in checks.values() if not one.ok} - {"certificate"}
        assert "not trusted" in failed(dict(params, url=index.url))["certificate"]
    finally:
        index.server.shutdown()
        index.server.server_close()


def test_textfile_is_in_the_format_of_prometheus(params: t.Dict[str, t.Any]) -> None:
    text = "\n".join(_checks.render_textfile(_checks.check_site(params, NOW), NOW))
    assert 'airgap_check_ok{check="content"} 1\n' in text
    assert 'airgap_check_value{check="backup"} 9.5\n' in text
    assert "airgap_check_time_seconds 1770120000" in text


def test_files_besides_wheels_are_compared_where_a_front_serves_them(index: Index, params: t.Dict[str, t.Any]) -> None:
    assert "files" not in {one.name for one in _checks.check_site(params, NOW)}
    params["files"] = True
    (found,) = [one for one in _checks.check_site(params, NOW) if one.name == "files"]
    assert found.ok, found
    for content in (b"other", None):
        index.files.pop("ca.pem", None)
        if content is not None:
            index.files["ca.pem"] = content
        (found,) = [one for one in _checks.check_site(params, NOW) if one.name == "files"]
        assert (found.ok, found.value) == (False, 1)
        assert "ca.pem of bundle" in found.message and "Play index." in found.message


def test_page_in_html_is_read_as_one_in_json():
    page = '<a href="x.html">x</a>\n<A class=a HREF="../../packages/a%2B/app-1.0%2Bs-py3-none-any.whl#sha256=AB">a &amp; b</A>'
    assert _simple_page.parse(page.encode()) == [
        ("x.html", "", "x.html"),
        ("app-1.0+s-py3-none-any.whl", "ab", "../../packages/a%2B/app-1.0%2Bs-py3-none-any.whl"),
    ]
