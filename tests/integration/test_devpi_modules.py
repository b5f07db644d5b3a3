# SPDX-License-Identifier: GPL-3.0-or-later
"""The devpi modules against a real devpi-server on a loopback port, of the current and of the next version.

Leave these tests out with ``-m "not devpi_server"``.
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
import zipfile

import pytest

from tests.integration.devpi_server import (  # noqa: F401  # pylint: disable=unused-import
    NEXT,
    OWNER_PASSWORD,
    ROOT_PASSWORD,
    VERSION,
    VERSIONS,
    Server,
    devpi_bin,
    next_process,
    process,
)

SIMPLE = "application/vnd.pypi.simple.v1+json"

pytestmark = pytest.mark.devpi_server


@pytest.fixture(params=VERSIONS)
def server(request):
    """A server of each version, with the user airgap and the empty index airgap/prod."""
    found = request.getfixturevalue("process" if request.param == VERSION else "next_process")
    found.clear()
    found.create_index("airgap/prod")
    return found


def is_next(server):
    return NEXT in str(server.commands)


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


def test_everything_that_devpi_stores_of_a_user_is_set_and_compared(server):
    args = {
        "name": "other",
        "password": "first-secret",
        "title": "Publisher",
        "description": "Builds our packages",
        "custom_data": {"team": "build"},
    }
    assert server.run("devpi_user", **args)["user"]["custom_data"] == {"team": "build"}
    assert not server.run("devpi_user", **args)["changed"]
    assert server.get("/other")["result"]["description"] == "Builds our packages"
    changed = server.run("devpi_user", **dict(args, title="", custom_data={"team": "other"}))
    assert changed["diff"]["before"]["title"] == "Publisher" and changed["diff"]["after"]["title"] == ""
    assert "title" not in server.get("/other")["result"]


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
    assert server.run("devpi_index", name="airgap/prod", state="absent")["changed"]
    assert server.run("devpi_index", name="airgap/prod")["changed"]
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


def test_every_setting_of_an_index_is_set_compared_and_shown(server):
    args = {
        "name": "airgap/prod",
        "volatile": True,
        "acl_upload": [":authenticated:"],
        "acl_toxresult_upload": ["airgap"],
        "title": "Production",
        "description": "What nodes install",
        "custom_data": {"owner": ["olga", 1]},
    }
    if is_next(server):
        args.update(project_inheritance_rules=["allow all"], trust_inheritance_rules_from="type:not remote")
    else:
        args.update(mirror_whitelist=["Some.Project", "*"], mirror_whitelist_inheritance="union")
    assert server.run("devpi_index", **args)["changed"]
    again = server.run("devpi_index", **args)
    assert not again["changed"], again["diff"]
    stored = server.get("/airgap/prod")["result"]
    assert stored["acl_upload"] == [":AUTHENTICATED:"] and stored["custom_data"] == {"owner": ["olga", 1]}
    one = server.run("devpi_index", **dict(args, title="", custom_data={"owner": []}))
    assert {key for key, value in one["diff"]["before"].items() if one["diff"]["after"][key] != value} == {
        "title",
        "custom_data",
    }
    assert not server.get("/airgap/prod")["result"].get("title")


def test_a_mirror_has_the_name_and_the_settings_that_the_server_knows(server):
    args = {
        "name": "airgap/upstream",
        "type": "mirror",
        "mirror_url": "http://reader:upstream-secret@127.0.0.1:9/simple/",
        "mirror_cache_expiry": 600,
        "mirror_no_project_list": True,
        "mirror_use_external_urls": False,
        "mirror_web_url_fmt": "http://127.0.0.1:9/project/{name}/",
        "title": "Upstream",
    }
    planned = server.run("devpi_index", check=True, **args)
    assert planned["changed"] and planned["index"]["type"] == ("remote" if is_next(server) else "mirror")
    done = server.run("devpi_index", **args)
    assert done["changed"] and "upstream-secret" not in json.dumps(done)
    again = server.run("devpi_index", **args)
    assert not again["changed"], again["diff"]
    stored = server.get("/airgap/upstream?no_projects=")["result"]
    assert stored["remote_refresh_delay" if is_next(server) else "mirror_cache_expiry"] == 600
    refused = server.run("devpi_index", **dict(args, type="stage"))
    assert refused["failed"] and "mirror_cache_expiry is not a setting of an index of type stage" in refused["msg"]
    refused = server.run("devpi_index", name="airgap/upstream")
    assert refused["failed"] and "devpi cannot change that" in refused["msg"]
    assert server.run("devpi_index", name="airgap/upstream", type="remote", state="absent")["changed"]


def test_a_setting_that_the_server_does_not_know_is_refused_before_anything_changes(server):
    foreign = "mirror_whitelist" if is_next(server) else "project_inheritance_rules"
    refused = server.run("devpi_index", name="airgap/new", **{foreign: ["x"]})
    assert refused["failed"]
    assert "%s is not a setting of devpi-server %s" % (foreign, NEXT if is_next(server) else VERSION) in refused["msg"]
    refused = server.run("devpi_index", name="airgap/new", acl_uplaod=["x"])
    assert refused["failed"] and "acl_uplaod" in refused["msg"]
    assert "new" not in server.get("/airgap")["result"]["indexes"]


def test_the_words_of_devpi_are_in_the_error(server, tmp_path):
    refused = server.run("devpi_index", name="airgap/prod", bases=["airgap/none"])
    assert refused["failed"] and "base index 'airgap/none' does not exist" in refused["msg"]
    server.create_index("other/dev")
    refused = server.upload([wheel(tmp_path)], login_user="other")
    assert refused["failed"] and "(no permission to submit)" in refused["msg"] and "acl_upload" in refused["msg"]


def test_a_token_is_enough_to_log_in_and_a_dead_one_is_refused_by_name(server, tmp_path):
    client = server.client()
    tokens = {"airgap": client._new_token("airgap", OWNER_PASSWORD), "root": client._new_token("root", ROOT_PASSWORD)}
    client.close()
    done = server.upload([wheel(tmp_path)], login_password=None, login_token=tokens["airgap"])
    assert done["uploaded_count"] == 1 and tokens["airgap"] not in json.dumps(done).split('"invocation"')[0]
    assert server.run("devpi_index", name="airgap/prod", title="By token", login_token=tokens["root"])["changed"]
    assert server.run("devpi_user", name="airgap", title="By token", login_token=tokens["root"])["changed"]
    dead = server.run("devpi_index", name="airgap/prod", login_user="airgap", login_token="not-a-token-at-all")
    assert dead["failed"] and "does not accept this token of user 'airgap'" in dead["msg"]
    assert "not-a-token-at-all" not in dead["msg"]


@pytest.mark.parametrize("hard", [False, True])
def test_a_restart_of_the_server_in_the_middle_is_survived(server, tmp_path, hard):
    files = [wheel(tmp_path, "demo%d" % number, content=os.urandom(300_000)) for number in range(60)]
    running = server.begin(
        "devpi_upload", index="airgap/prod", files=files, login_user="airgap", login_password=OWNER_PASSWORD
    )
    while len(server.get("/airgap/prod")["result"]["projects"]) < 5:
        assert running.poll() is None, running.communicate()
    server.stop(hard)
    server.start()
    done = json.loads(running.communicate(timeout=100)[0])
    assert done.get("uploaded_count") == 60, done
    assert len(server.get("/airgap/prod")["result"]["projects"]) == 60


def test_changes_survive_a_restart_that_forgets_all_tokens(server):
    client = server.client()
    server.stop()
    (server.folder / "secret").write_text(os.urandom(32).hex())
    server.start(wait=False)
    client.create("/airgap/one", {"bases": [], "volatile": True})
    server.stop(hard=True)
    server.start(wait=False)
    client.delete("/airgap/one")
    client.close()
    assert list(server.get("/airgap")["result"]["indexes"]) == ["prod"]


def test_the_whole_server_is_read(server, tmp_path):
    server.run("devpi_user", name="olga", password="olgas-secret", title="Publisher", email="olga@example.org")
    server.create_index("olga/dev", bases=["airgap/prod"])
    file, other = wheel(tmp_path), wheel(tmp_path, version="1.1rc1", requires_python="")
    server.upload([file, other])
    nobody = {"login_password": None}
    found = server.run("devpi_info", gather=["users", "indexes", "versions", "files", "replica"], **nobody)
    assert found["answers"] and not found["changed"] and found["version"] == (NEXT if is_next(server) else VERSION)
    users = {user["name"]: user for user in found["users"]}
    assert set(users) == {"root", "airgap", "olga"}
    assert (users["olga"]["title"], users["olga"]["indexes"]) == ("Publisher", ["olga/dev"])
    indexes = {index["name"]: index for index in found["indexes"]}
    assert indexes["olga/dev"]["settings"]["bases"] == ["airgap/prod"]
    assert {index["type"] for index in indexes.values()} == {"stage"}
    assert found["versions"] == [{"index": "airgap/prod", "project": "demo", "versions": ["1.0", "1.1rc1"]}]
    assert [(one["filename"], one["version"], one["sha256"], one["requires_python"]) for one in found["files"]] == [
        ("demo-1.0-py3-none-any.whl", "1.0", file["sha256"], ">=3.9"),
        ("demo-1.1rc1-py3-none-any.whl", "1.1rc1", other["sha256"], ""),
    ]
    assert found["replica"]["role"] == "primary" and found["replica"]["in_sync"]
    assert found["replica"]["serial"] == found["serial"]
    one = server.run("devpi_info", index="olga/dev", gather=["indexes", "files"], **nobody)
    assert [index["name"] for index in one["indexes"]] == ["olga/dev"] and one["files"] == []
    missing = server.run("devpi_info", index="olga/none", gather=["files"], **nobody)
    assert missing["failed"] and "olga/none does not exist" in missing["msg"]


def test_the_state_of_a_replica_is_read_on_both_sides(server, tmp_path, tmp_path_factory):
    files = [wheel(tmp_path)]
    # A new one: where files were removed before, a replica of 7.0.0b4 responds to /+status with status 500 (it cannot
    # write the errors that it has as JSON).
    primary = Server(server.commands, tmp_path_factory.mktemp("primary"), "--offline-mode", "--role", "primary")
    primary.create().start()
    primary.create_index("airgap/prod")
    primary.upload(files)
    replica = Server(server.commands, tmp_path_factory.mktemp("replica"), "--role", "replica")
    replica.options += ("--primary-url", primary.url)
    (replica.folder / "secret").write_bytes((primary.folder / "secret").read_bytes())
    for path in (replica.folder, replica.folder / "secret"):
        path.chmod(0o700)
    subprocess.run(
        [server.commands / "devpi-init", "--serverdir", replica.folder / "data", *replica.options], check=True
    )
    try:
        replica.start()
        nobody = {"login_password": None, "gather": ["replica", "files"]}
        for _attempt in range(60):
            copy = replica.run("devpi_info", **nobody)
            assert "replica" in copy, copy
            if copy["replica"]["in_sync"]:
                break
            time.sleep(0.5)
        state = copy["replica"]
        assert (state["role"], state["in_sync"], state["errors"]) == ("replica", True, []), state
        assert state["primary_url"].rstrip("/") == primary.url and state["serial"] == state["primary_serial"]
        assert [one["sha256"] for one in copy["files"]] == [files[0]["sha256"]]
        watched = primary.run("devpi_info", **nobody)["replica"]
        assert watched["role"] == "primary" and [one["address"] for one in watched["replicas"]] == ["127.0.0.1"]
    finally:
        replica.stop()
        primary.stop()


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


def test_pip_installs_what_was_published(server, tmp_path):
    server.upload([wheel(tmp_path, extra="Requires-Dist: other-demo\n"), wheel(tmp_path, "other_demo")])
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--isolated", "install", "-q", "--no-cache-dir", "--target", tmp_path / "got"]
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
