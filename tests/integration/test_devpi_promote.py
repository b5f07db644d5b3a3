# SPDX-License-Identifier: GPL-3.0-or-later
"""Promotion between indexes of a real devpi-server, of the current and of the next version."""

from __future__ import annotations

import tarfile

import pytest

from tests.integration import devpi_server, small_bundle
from tests.integration.devpi_server import (  # noqa: F401  # pylint: disable=unused-import
    OWNER_PASSWORD,
    devpi_bin,
    next_process,
    process,
)
from tests.integration.simple_index import make_wheel
from tests.integration.test_devpi_modules import SIMPLE, wheel

pytestmark = pytest.mark.devpi_server


@pytest.fixture(name="server", params=devpi_server.VERSIONS)
def server_fixture(request):
    """A server of each version with the empty indexes site/dev, site/staging and site/prod."""
    found = request.getfixturevalue("process" if request.param == devpi_server.VERSION else "next_process")
    found.clear()
    for name in ("dev", "staging", "prod"):
        found.create_index("site/" + name)
    return found


def promote(server, source="site/staging", dest="site/prod", check=False, **args):
    login = {"login_user": "site", "login_password": OWNER_PASSWORD}
    return server.run("devpi_promote", check=check, from_index=source, to_index=dest, **{**login, **args})


def upload(server, files, index="site/staging"):
    done = server.upload(files, index=index, login_user="site")
    assert "msg" not in done, done


def listed(server, project, index="site/prod"):
    """Return what an index itself lists of a project."""
    client = server.client()
    try:
        return client.list_files(index, project)
    finally:
        client.close()


def test_a_version_is_promoted_once_with_its_metadata(server, tmp_path):
    new, old = wheel(tmp_path, extra="Summary: Ours\nRequires-Dist: other-demo\n"), wheel(tmp_path, version="0.9")
    upload(server, [new, old])
    planned = promote(server, versions=["Demo==1.0"], check=True)
    assert planned["changed"] and planned["promoted"] == ["demo-1.0-py3-none-any.whl"] and not listed(server, "demo")
    done = promote(server, versions=["Demo==1.0"])
    assert (done["promoted_versions"], done["promoted_count"]) == (["demo==1.0"], 1)
    assert {name: one.sha256 for name, one in listed(server, "demo").items()} == {
        "demo-1.0-py3-none-any.whl": new["sha256"]
    }
    (page,) = server.get("/site/prod/+simple/demo/", SIMPLE)["files"]
    assert page["requires-python"] == ">=3.9"
    assert server.get("/site/prod/demo/1.0")["result"]["requires_dist"] == ["other-demo"]
    again = promote(server, versions=["demo==1.0"])
    assert not again["changed"] and (again["promoted_count"], again["present_count"]) == (0, 1)


def test_a_file_that_was_added_to_a_version_later_is_promoted_as_well(server, tmp_path):
    first = wheel(tmp_path, "demo")
    upload(server, [first])
    assert promote(server, versions=["demo==1.0"])["promoted_count"] == 1
    # By name, one comes before the first file and one after it; devpi stops at the first that exists.
    (tmp_path / "more").mkdir()
    path = tmp_path / "more" / "demo-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(first["path"], arcname="demo-1.0/PKG-INFO")
    client = server.client()
    client.log_in("site", OWNER_PASSWORD)
    for name in ("demo-1.0-py2-none-any.whl", "demo-1.0.tar.gz"):
        data = path.read_bytes()
        form = (
            b'--x\r\nContent-Disposition: form-data; name=":action"\r\n\r\nfile_upload\r\n'
            b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\ndemo\r\n'
            b'--x\r\nContent-Disposition: form-data; name="version"\r\n\r\n1.0\r\n'
            b'--x\r\nContent-Disposition: form-data; name="requires_python"\r\n\r\n>=3.9\r\n'
            b'--x\r\nContent-Disposition: form-data; name="content"; filename="%s"\r\n\r\n%s\r\n--x--\r\n'
            % (name.encode(), data)
        )
        sent = client.send("POST", "/site/staging/", form, {"Content-Type": "multipart/form-data; boundary=x"})
        assert sent.status == 200, sent
    client.close()
    done = promote(server, versions=["demo==1.0"])
    assert (done.get("promoted_count"), done.get("present_count")) == (2, 1), done
    assert listed(server, "demo") == listed(server, "demo", "site/staging")
    assert not promote(server, versions=["demo==1.0"])["changed"]


def test_another_file_under_the_same_name_stops_before_anything_is_promoted(server, tmp_path):
    upload(server, [wheel(tmp_path), wheel(tmp_path, "a_new_one")])
    (tmp_path / "two").mkdir()
    other = wheel(tmp_path / "two", content=b"y")
    upload(server, [other], "site/prod")
    for check in (True, False):
        refused = promote(server, versions=["demo==1.0", "a-new-one==1.0"], check=check)
        assert refused["failed"] and other["sha256"] in refused["msg"] and "never replaced" in refused["msg"]
    assert not listed(server, "a-new-one")


def test_a_missing_version_names_those_that_exist(server, tmp_path):
    upload(server, [wheel(tmp_path)])
    refused = promote(server, versions=["demo==2.0"])
    assert refused["failed"] and "Versions that it has: 1.0" in refused["msg"]
    refused = promote(server, versions=["nothing==2.0"])
    assert refused["failed"] and "Versions that it has: none" in refused["msg"]


def test_only_a_user_that_may_publish_there_promotes(server, tmp_path):
    upload(server, [wheel(tmp_path)])
    server.create_index("other/index")
    refused = promote(server, versions=["demo==1.0"], login_user="other")
    assert refused["failed"] and "cannot upload to" in refused["msg"] and not listed(server, "demo")


def test_a_bundle_is_promoted_from_an_index_that_inherits_it(server, tmp_path):
    root = tmp_path / "bundle"
    wheels = [make_wheel(name, "1.0", requires_python=">=3.9") for name in ("demo", "other_demo", "third")]
    sets = {"small": {"here": wheels[:1]}, "large": {"here": wheels}}
    manifest = small_bundle.write(root, sets, [small_bundle.here()])
    server.create_index("site/bundle-1")
    upload(
        server,
        [{"path": str(root / one["path"]), "sha256": one["sha256"]} for one in manifest["files"]],
        "site/bundle-1",
    )
    server.client().request("PATCH", "/site/staging", {"bases": ["site/bundle-1"]})
    options = {"src": str(root), "bundle_id": manifest["id"]}
    part = promote(server, sets=["small"], **options)
    assert part["promoted_versions"] == ["demo==1.0"], part
    whole = promote(server, **options)
    assert (whole["promoted_count"], whole["present_count"]) == (2, 1), whole
    assert not promote(server, **options)["changed"]
    refused = promote(server, sets=["none"], **options)
    assert refused["failed"] and "its sets are large, small" in refused["msg"]
    refused = promote(server, "site/dev", **options)
    assert refused["failed"] and "demo-1.0-py3-none-any.whl is not there" in refused["msg"]


def test_a_promotion_survives_a_restart_of_the_server(server, tmp_path):
    upload(server, [wheel(tmp_path, "demo%d" % number) for number in range(40)])
    versions = ["demo%d==1.0" % number for number in range(40)]
    login = {"login_user": "site", "login_password": OWNER_PASSWORD}
    running = server.begin("devpi_promote", from_index="site/staging", to_index="site/prod", versions=versions, **login)
    while len(server.get("/site/prod")["result"]["projects"]) < 3:
        assert running.poll() is None, running.communicate()
    server.stop(hard=True)
    server.start()
    output = running.communicate(timeout=100)[0]
    assert '"changed": true' in output, output
    assert len(server.get("/site/prod")["result"]["projects"]) == 40
