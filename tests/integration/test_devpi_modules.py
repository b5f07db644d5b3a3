# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The devpi modules against a real devpi-server on a loopback port.

The server comes from PyPI into .cache/devpi-venv and is started and ended by
the fixture. Leave these tests out with ``-m "not devpi_server"``.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request
import venv
import zipfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "devpi-venv"
VERSION = "6.20.3"
ROOT_PASSWORD = "root: 'secret' #1"
OWNER_PASSWORD = "owner-secret-2"
SIMPLE = "application/vnd.pypi.simple.v1+json"

pytestmark = pytest.mark.devpi_server


@pytest.fixture(scope="session")
def devpi_bin():
    """Return the folder of devpi's commands, installed once."""
    stamp = CACHE / ("devpi-server-" + VERSION)
    if not stamp.exists():
        venv.create(CACHE, with_pip=True)
        subprocess.run([CACHE / "bin" / "pip", "install", "--quiet", "devpi-server==" + VERSION], check=True)
        stamp.touch()
    return CACHE / "bin"


class Server:
    """A running devpi-server and the folder with its passwords."""

    def __init__(self, url, folder):
        self.url = url
        self.folder = folder

    def get(self, path, accept="application/json"):
        request = urllib.request.Request(self.url + path, headers={"Accept": accept})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def run(self, module, check=False, diff=True, **args):
        """Run a module as Ansible does on a managed host; return its result and its raw output."""
        args = {"url": self.url, "_ansible_check_mode": check, "_ansible_diff": diff, **args}
        if "login_password" not in args and "login_password_file" not in args:
            args["login_password_file"] = str(self.folder / "root.password")
        done = subprocess.run(
            [sys.executable, "-m", "ansible_collections.airgap.python.plugins.modules." + module],
            input=json.dumps({"ANSIBLE_MODULE_ARGS": args}),
            env={**os.environ, "PYTHONPATH": str(ROOT / ".collections")},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.stdout.strip().startswith("{"), done.stderr
        for secret in (ROOT_PASSWORD, OWNER_PASSWORD):
            shown = done.stdout.split('"invocation"')[0]
            assert secret not in shown
            assert json.dumps(secret)[1:-1] not in done.stdout
        return json.loads(done.stdout)

    def upload(self, files, index="airgap/prod", **args):
        args.setdefault("login_user", "airgap")
        args.setdefault("login_password", OWNER_PASSWORD)
        return self.run("devpi_upload", index=index, files=files, **args)


@pytest.fixture(scope="session")
def process(devpi_bin, tmp_path_factory):
    """Start a server, and end it by its process id."""
    folder = tmp_path_factory.mktemp("devpi")
    folder.chmod(0o700)
    for name, text in (("root.password", ROOT_PASSWORD + "\n"), ("secret", os.urandom(32).hex())):
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    quoted = ROOT_PASSWORD.replace("'", "''")
    (folder / "init.yml").write_text(
        "devpi-server:\n  serverdir: %s\n  no-root-pypi: true\n  root-passwd: '%s'\n" % (folder / "data", quoted)
    )
    subprocess.run([devpi_bin / "devpi-init", "-c", folder / "init.yml"], check=True, capture_output=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [devpi_bin / "devpi-server", "--serverdir", folder / "data", "--port", str(port), "--host", "127.0.0.1"]
    command += [
        "--secretfile",
        folder / "secret",
        "--argon2-memory-cost",
        "8192",
        "--restrict-modify",
        "root",
        "--offline-mode",
    ]
    with open(folder / "log", "wb") as log:
        running = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    server = Server("http://127.0.0.1:%d" % port, folder)
    try:
        for _attempt in range(150):
            try:
                server.get("/+api")
                break
            except OSError:
                assert running.poll() is None, (folder / "log").read_text()
                time.sleep(0.2)
        else:
            pytest.fail((folder / "log").read_text())
        yield server
    finally:
        running.terminate()
        running.wait(timeout=20)


@pytest.fixture
def server(process):
    """A server with the user airgap and the empty index airgap/prod."""
    for index in (process.get("/").get("result", {}).get("airgap") or {}).get("indexes", {}):
        assert "msg" not in process.run("devpi_index", name="airgap/" + index, state="absent", force=True)
    process.run("devpi_user", name="airgap", state="absent")
    process.run("devpi_user", name="airgap", password=OWNER_PASSWORD)
    process.run("devpi_index", name="airgap/prod")
    return process


def wheel(folder, name="demo", version="1.0", requires_python=">=3.9", extra="", content=b"x"):
    """Write a wheel and return its entry for the module's files."""
    path = folder / ("%s-%s-py3-none-any.whl" % (name, version))
    metadata = "Metadata-Version: 2.1\nName: %s\nVersion: %s\n" % (name, version)
    if requires_python:
        metadata += "Requires-Python: %s\n" % requires_python
    with zipfile.ZipFile(path, "w") as archive:
        info = "%s-%s.dist-info/" % (name, version)
        archive.writestr("%s/__init__.py" % name, content)
        archive.writestr(info + "METADATA", metadata + extra)
        archive.writestr(info + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(
            info + "RECORD", "%s/__init__.py,,\n%sMETADATA,,\n%sWHEEL,,\n%sRECORD,,\n" % (name, info, info, info)
        )
    return {"path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def test_a_user_is_created_once_and_changed_only_if_it_differs(server):
    args = {"name": "other", "password": "first-secret", "email": "other@example.org"}
    planned = server.run("devpi_user", check=True, **args)
    assert planned["changed"] and server.get("/").get("result").get("other") is None
    assert "first-secret" not in json.dumps(planned["diff"])
    assert server.run("devpi_user", **args)["changed"]
    assert not server.run("devpi_user", **args)["changed"]
    assert server.run("devpi_user", **dict(args, email=""))["changed"]
    assert server.get("/other")["result"].get("email") is None
    assert not server.run("devpi_user", name="other", password="second", update_password="on_create")["changed"]
    assert server.run("devpi_user", check=True, name="other", password="second")["changed"]
    assert server.run("devpi_user", name="other", password="second")["changed"]
    assert not server.run("devpi_user", name="other", password="second", login_user="other", login_password="second")[
        "changed"
    ]
    assert server.run("devpi_user", name="other", state="absent")["changed"]
    assert not server.run("devpi_user", name="other", state="absent")["changed"]


def test_a_user_changes_its_own_password_and_an_interrupted_change_can_be_run_again(server):
    args = {"name": "airgap", "login_user": "airgap", "login_password": OWNER_PASSWORD, "password": "third-secret"}
    assert server.run("devpi_user", **args)["changed"]
    assert not server.run("devpi_user", **args)["changed"]


def test_a_user_that_owns_an_index_is_not_removed(server):
    result = server.run("devpi_user", name="airgap", state="absent")
    assert result["failed"] and "prod" in result["msg"]
    assert "prod" in server.get("/airgap")["result"]["indexes"]


def test_a_wrong_login_names_the_user_and_shows_no_password(server):
    result = server.run("devpi_user", name="x", password="y", login_user="root", login_password="wrong-one")
    assert result["failed"] and "'root'" in result["msg"] and "wrong-one" not in result["msg"]


def test_a_password_file_that_others_may_read_is_refused(server, tmp_path):
    leaky = tmp_path / "password"
    leaky.write_text(ROOT_PASSWORD)
    leaky.chmod(0o640)
    result = server.run("devpi_index", name="airgap/prod", login_password_file=str(leaky))
    assert result["failed"] and "0640" in result["msg"] and "chmod 0600" in result["msg"]


def test_only_users_that_the_server_names_create_users(server):
    result = server.run("devpi_user", name="stranger", password="x", login_user="airgap", login_password=OWNER_PASSWORD)
    assert result["failed"] and "403" in result["msg"]


def test_an_index_is_created_with_closed_settings_and_stays_unchanged(server):
    config = server.get("/airgap/prod")["result"]
    assert config["bases"] == [] and config["volatile"] is False
    assert config["acl_upload"] == ["airgap"] and config["acl_toxresult_upload"] == []
    assert not server.run("devpi_index", name="airgap/prod")["changed"]


def test_an_index_gets_its_settings_and_the_diff_shows_them(server):
    args = {"name": "airgap/prod", "volatile": True, "acl_upload": ["root", "airgap"], "title": "Production"}
    planned = server.run("devpi_index", check=True, **args)
    assert planned["diff"]["before"]["volatile"] is False and planned["diff"]["after"]["volatile"] is True
    assert server.get("/airgap/prod")["result"]["volatile"] is False
    assert server.run("devpi_index", **args)["changed"]
    assert not server.run("devpi_index", **dict(args, acl_upload=["airgap", "root"]))["changed"]
    assert server.get("/airgap/prod")["result"]["title"] == "Production"


def test_an_index_without_its_user_names_the_user(server):
    result = server.run("devpi_index", name="nobody/prod")
    assert result["failed"] and "user nobody" in result["msg"]


def test_a_non_volatile_index_with_files_is_removed_only_with_force(server, tmp_path):
    server.upload([wheel(tmp_path)])
    refused = server.run("devpi_index", name="airgap/prod", state="absent")
    assert refused["failed"] and "demo" in refused["msg"] and "force" in refused["msg"]
    assert server.run("devpi_index", name="airgap/prod", state="absent", force=True)["changed"]
    assert not server.run("devpi_index", name="airgap/prod", state="absent")["changed"]


def test_an_upload_publishes_hash_and_requires_python_and_a_second_one_changes_nothing(server, tmp_path):
    files = [wheel(tmp_path), wheel(tmp_path, "other_demo", "2.0.post1", requires_python="")]
    planned = server.upload(files, check=True)
    assert planned["changed"] and planned["uploaded_count"] == 2
    assert server.get("/airgap/prod")["result"]["projects"] == []
    done = server.upload(files)
    assert done["uploaded_count"] == 2 and done["present_count"] == 0
    (listed,) = server.get("/airgap/prod/+simple/demo/", SIMPLE)["files"]
    assert listed["hashes"]["sha256"] == files[0]["sha256"] and listed["requires-python"] == ">=3.9"
    again = server.upload(files)
    assert not again["changed"] and again["uploaded"] == [] and again["present_count"] == 2


def test_an_upload_sends_everything_that_the_wheel_declares(server, tmp_path):
    extra = (
        "Summary: Ein Beispiel für alle\nAuthor-email: A <a@example.org>\n"
        "Classifier: One :: Two\nClassifier: Three :: Four\n"
        "Requires-Dist: flask>=3\nRequires-Dist: tomli; python_version<'3.11'\n"
        "Provides-Extra: web\nLicense-Expression: MIT\n"
        "License-File: LICENSE\nDescription-Content-Type: text/markdown\n\n# Title\n\nText with ünicode\n"
    )
    server.upload([wheel(tmp_path, extra=extra)])
    found = server.get("/airgap/prod/demo/1.0")["result"]
    assert found["summary"] == "Ein Beispiel für alle" and found["license_expression"] == "MIT"
    assert found["classifiers"] == ["One :: Two", "Three :: Four"] and found["license_file"] == ["LICENSE"]
    assert found["requires_dist"] == ["flask>=3", "tomli; python_version<'3.11'"]
    assert found["provides_extras"] == ["web"] and found["description"] == "# Title\n\nText with ünicode\n"
    assert found["description_content_type"] == "text/markdown" and found["author_email"] == "A <a@example.org>"


@pytest.mark.parametrize("volatile", [False, True])
def test_another_file_under_the_same_name_stops_before_anything_is_sent(server, tmp_path, volatile):
    server.run("devpi_index", name="airgap/prod", volatile=volatile)
    first = wheel(tmp_path)
    server.upload([first])
    (tmp_path / "two").mkdir()
    second = wheel(tmp_path / "two", content=b"y")
    new = wheel(tmp_path, "a_new_one")
    for check in (True, False):
        result = server.upload([new, second], check=check)
        assert result["failed"] and "demo-1.0-py3-none-any.whl" in result["msg"]
        assert first["sha256"] in result["msg"] and second["sha256"] in result["msg"]
    assert server.get("/airgap/prod")["result"]["projects"] == ["demo"]


def test_a_file_that_changed_on_disk_stops_before_anything_is_sent(server, tmp_path):
    good, bad = wheel(tmp_path, "a_good_one"), wheel(tmp_path)
    with open(bad["path"], "ab") as stream:
        stream.write(b"!")
    result = server.upload([good, bad])
    assert result["failed"] and bad["path"] in result["msg"] and bad["sha256"] in result["msg"]
    assert server.get("/airgap/prod")["result"]["projects"] == []


def test_a_wheel_under_another_name_stops_before_anything_is_sent(server, tmp_path):
    entry = wheel(tmp_path)
    renamed = tmp_path / "demo-1.1-py3-none-any.whl"
    os.rename(entry["path"], renamed)
    result = server.upload([dict(entry, path=str(renamed))])
    assert result["failed"] and "Version in its METADATA is '1.0'" in result["msg"] and "'1.1'" in result["msg"]


def test_a_file_of_a_base_is_not_treated_as_published(server, tmp_path):
    entry = wheel(tmp_path)
    server.upload([entry])
    server.run("devpi_index", name="airgap/test", bases=["airgap/prod"])
    assert server.upload([entry], index="airgap/test")["uploaded_count"] == 1
    assert not server.upload([entry], index="airgap/test")["changed"]


def test_a_relative_path_never_leads_out_of_src(server, tmp_path):
    wheel(tmp_path)
    (tmp_path / "src").mkdir()
    entry = {"path": "../demo-1.0-py3-none-any.whl", "sha256": "0" * 64}
    result = server.upload([entry], src=str(tmp_path / "src"))
    assert result["failed"] and "could lead out" in result["msg"]


def test_a_missing_index_is_an_error_but_not_in_check_mode(server, tmp_path):
    entry = wheel(tmp_path)
    assert server.upload([entry], index="airgap/new", check=True)["uploaded_count"] == 1
    result = server.upload([entry], index="airgap/new")
    assert result["failed"] and "devpi_index" in result["msg"]


def test_unusual_spellings_of_a_version_are_published_and_found_again(server, tmp_path):
    entry = wheel(tmp_path, "odd", "2024.1.5")
    with zipfile.ZipFile(entry["path"], "w") as archive:
        archive.writestr("odd-2024.1.5.dist-info/METADATA", "Name: odd\nVersion: 2024.01.05\nRequires-Python: >=3\n")
    entry["sha256"] = hashlib.sha256(pathlib.Path(entry["path"]).read_bytes()).hexdigest()
    local = wheel(tmp_path, "torchy", "2.0+cu118")
    assert server.upload([entry, local])["uploaded_count"] == 2
    assert not server.upload([entry, local])["changed"]


def test_pip_installs_what_was_published(server, tmp_path, devpi_bin):
    server.upload([wheel(tmp_path, extra="Requires-Dist: other-demo\n"), wheel(tmp_path, "other_demo")])
    done = subprocess.run(
        [devpi_bin / "pip", "--isolated", "install", "-q", "--no-cache-dir", "--target", tmp_path / "got"]
        + ["-i", server.url + "/airgap/prod/+simple/", "--trusted-host", "127.0.0.1", "demo"],
        env={"PATH": os.environ["PATH"], "PIP_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {"demo", "other_demo"} <= {entry.name for entry in (tmp_path / "got").iterdir()}


def test_a_missing_server_is_named_with_its_address(server):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = "http://127.0.0.1:%d" % probe.getsockname()[1]
    result = server.run("devpi_index", name="airgap/prod", url=url)
    assert result["failed"] and url in result["msg"] and "systemctl status devpi-server" in result["msg"]
