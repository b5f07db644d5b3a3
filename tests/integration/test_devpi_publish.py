# SPDX-License-Identifier: GPL-3.0-or-later
"""What devpi_publish promises, against a real devpi-server on loopback: a bundle is served wholly or not at all."""

from __future__ import annotations

import http.client
import os
import pwd
import random
import resource
import subprocess
import sys
import threading
import time
import typing as t

import pytest
from ansible_collections.airgap.python.plugins.module_utils._index import _bundle_indexes
from ansible_collections.airgap.python.plugins.module_utils._index._client import Client
from ansible_collections.airgap.python.plugins.module_utils._install import _index_file

from tests.integration.devpi_server import NEXT, ROOT_PASSWORD, devpi_bin, install  # noqa: F401  # pylint: disable=unused-import
from tests.integration.published import SIMPLE, Bundle, Site
from tests.integration.test_closure import run

pytestmark = pytest.mark.devpi_server
# How many times a run is killed, and how many times the server; `make kills` does 20 of each.
KILLS = int(os.environ.get("KILL_PLACES", "5"))


def seed():
    """Return the seed of the places where something is killed, and print it."""
    found = int(os.environ.get("AIRGAP_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
    print("AIRGAP_SEED=%d" % found)
    return found


@pytest.fixture(name="site")
def site_fixture(devpi_bin, tmp_path):  # noqa: F811
    """Return a server with nothing on it."""
    os.umask(0o022)
    folder = tmp_path / "site"
    folder.mkdir()
    site = Site(devpi_bin, folder)
    yield site
    site.stop()


@pytest.fixture(name="next_site")
def next_site_fixture(tmp_path):
    """Return a server of the next version with nothing on it."""
    if sys.version_info < (3, 11):
        pytest.skip("devpi-server 7 needs Python 3.11")
    os.umask(0o022)
    folder = tmp_path / "site"
    folder.mkdir()
    site = Site(install(NEXT), folder)
    yield site
    site.stop()


@pytest.fixture(name="bundle")
def bundle_fixture(tmp_path):
    """Return a function that makes a bundle: of common wheels, and of those with a number of its own."""
    os.umask(0o022)

    def make(number, common=8, own=4, payload=b""):
        wheels = [("common%d" % one, "1.0", b"") for one in range(common)]
        wheels += [("own%dx%d" % (number, one), "1.0", payload) for one in range(own)]
        wheels += [("always", "%d.0" % number, b"")]
        return Bundle(tmp_path / ("bundle%d" % number), wheels)

    return make


class Poller(threading.Thread):
    """A client that reads the index all the time; ``seen`` are the different answers, in order."""

    def __init__(self, site):
        super().__init__(daemon=True)
        self.site = site
        self.seen = []
        self.wrong = []
        self.ended = threading.Event()

    def run(self):
        while not self.ended.is_set():
            try:
                names = self.site.names()
                page = self.site.get("/airgap/prod/+simple/always/", SIMPLE)
                versions = [one["filename"].split("-")[1] for one in page["files"]]
            except (OSError, http.client.HTTPException):
                continue
            if len(versions) != 1:
                self.wrong.append(versions)
            if not self.seen or self.seen[-1] != names:
                self.seen.append(names)

    def stop(self):
        self.ended.set()
        self.join()


def test_client_sees_one_bundle_or_the_other_and_pip_never_fails(site, bundle, tmp_path):
    first, second = bundle(1), bundle(2)
    assert site.publish_ok(first)["uploaded_count"] == 13
    before = site.names()
    poller = Poller(site)
    poller.start()
    pips: t.List[t.Any] = []
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir", "always"]
    pip += ["--index-url", site.url + "/airgap/prod/+simple/", "--dest", str(tmp_path / "pip"), "--isolated"]
    publishing = site.start_publishing(second)
    while publishing.poll() is None or len(pips) < 3:
        pips.append(subprocess.run(pip, capture_output=True, check=False, env={**os.environ, "PIP_FIND_LINKS": ""}))
    poller.stop()
    assert [done.stderr for done in pips if done.returncode] == []
    after = site.names()
    assert poller.seen == [before, after] and before != after
    assert poller.wrong == []
    assert site.seen() == second.files


def test_same_bundle_again_takes_one_request_and_writes_nothing(site, bundle):
    first = bundle(1)
    assert site.publish_ok(first)["changed"]
    memory = (site.folder / "publishing/devpi.json").stat().st_mtime_ns
    site.requests()
    again = site.publish_ok(first)
    assert (again["changed"], again["switched"], again["present_count"]) == (False, False, 13)
    assert site.requests() == 1
    assert (site.folder / "publishing/devpi.json").stat().st_mtime_ns == memory
    # Another variable is seen, although the server has not changed.
    assert site.publish_ok(first, check=True, acl_upload=["airgap", "root"])["changed"]
    # Without the memory, everything is compared, and nothing is found.
    (site.folder / "publishing/devpi.json").unlink()
    assert not site.publish_ok(first)["changed"]
    assert site.requests() > 13
    assert not site.publish_ok(first)["changed"]
    assert site.requests() == 1


def test_files_that_the_server_has_are_not_sent_again(site, bundle):
    first, second = bundle(1), bundle(2)
    site.publish_ok(first)
    result = site.publish_ok(second)
    assert (result["uploaded_count"], result["present_count"]) == (5, 8)
    assert site.seen() == second.files
    page = site.get("/airgap/prod/+simple/common1/", SIMPLE)
    assert page["files"][0]["requires-python"] == ">=3.8"


def test_bundle_that_another_index_serves_is_copied_on_the_server(site, bundle):
    first = bundle(1)
    site.publish_ok(first, index="airgap/staging")
    done = site.publish_ok(first)
    assert (done["uploaded_count"], done["present_count"]) == (0, len(first.files))
    assert site.seen() == site.seen("airgap/staging") == first.files


def test_check_mode_changes_nothing_and_says_what_it_would_do(site, bundle):
    first, second = bundle(1), bundle(2)
    planned = site.publish_ok(first, check=True)
    assert planned["changed"] and planned["uploaded_count"] == 13
    assert "airgap" not in site.get("/")["result"] and not (site.folder / "airgap.password").exists()
    site.publish_ok(first)
    serial = site.get("/+status")["result"]["serial"]
    planned = site.publish_ok(second, check=True)
    assert (planned["switched"], planned["uploaded_count"], planned["present_count"]) == (True, 5, 8)
    assert "always-2.0-py3-none-any.whl" in str(planned["diff"]["after"])
    assert site.get("/+status")["result"]["serial"] == serial
    assert (planned["bundle_id"], planned["former_bundle_id"]) == (second.id, first.id)


def root(site, method, path, body=None):
    """Change something by hand, as root."""
    client = site.client()
    if method == "DELETE":
        client.delete(path)
    else:
        client.request(method, path, body)
    client.close()


@pytest.mark.parametrize(
    "change",
    ["bases", "volatile", "acl", "title", "own bases", "file removed", "file added", "file replaced", "index removed"],
)
def test_change_by_hand_is_shown_in_check_mode_and_put_right(site, bundle, change):
    first, second = bundle(1, own=1), bundle(2, own=1)
    site.publish_ok(first)
    site.publish_ok(second)
    path = "/" + second.index
    file = path + "/+f/%s/%s/%s?force"
    if change == "bases":
        root(site, "PATCH", "/airgap/prod", {"bases": [first.index]})
    elif change == "volatile":
        root(site, "PATCH", "/airgap/prod", {"volatile": True})
    elif change == "acl":
        root(site, "PATCH", path, {"acl_upload": ["airgap"]})
    elif change == "title":
        root(site, "PATCH", path, {"title": "mine"})
    elif change == "own bases":
        root(site, "PATCH", path, {"bases": [first.index]})
    elif change == "index removed":
        root(site, "PATCH", path, {"volatile": True})
        root(site, "DELETE", path)
    elif change == "file added":
        root(site, "POST", "/" + first.index, {"name": "own1x0", "version": "1.0", "targetindex": second.index})
    else:
        name = "always-2.0-py3-none-any.whl"
        sha256 = second.files[name]
        root(site, "DELETE", file % (sha256[:3], sha256[3:16], name))
        if change == "file replaced":
            other = Bundle(site.folder / "other", [("always", "2.0", b"changed")])
            entry = {"path": str(other.folder / "wheels" / name), "sha256": other.files[name]}
            site.run("devpi_upload", index=second.index, files=[entry])
            assert site.seen()[name] == other.files[name]
    before = site.get("/+status")["result"]["serial"]
    planned = site.publish_ok(second, check=True)
    assert planned["changed"] and planned["switched"] and planned["diff"]["before"] != planned["diff"]["after"]
    assert site.get("/+status")["result"]["serial"] == before
    assert site.publish_ok(second)["changed"]
    assert site.seen() == second.files
    config = site.indexes()
    assert config["prod"]["bases"] == [second.index] and not config["prod"]["volatile"]
    assert config[second.index.split("/")[1]]["acl_upload"] == ["root"]
    site.requests()
    assert not site.publish_ok(second)["changed"]
    assert site.requests() == 1


def test_node_without_pip_gets_a_file_of_the_bundle_that_is_served(site, bundle, tmp_path):
    first = bundle(1)
    site.publish_ok(first)
    name = "always-1.0-py3-none-any.whl"
    options = {"index_url": site.url + "/airgap/prod/+simple/", "project": "always", "dest": str(tmp_path / name)}
    options.update(filename=name, sha256=first.files[name], ca_path=None, timeout=15, attempts=1)
    assert _index_file.fetch(options)["changed"]
    assert (tmp_path / name).read_bytes() == (first.folder / "wheels" / name).read_bytes()


def test_password_that_was_changed_on_the_server_or_in_the_site_is_put_right(site, bundle):
    first = bundle(1)
    site.publish_ok(first)
    root(site, "PATCH", "/airgap", {"password": "by-hand-1"})
    assert site.publish_ok(first, check=True)["changed"]
    assert site.publish_ok(first)["changed"]
    assert not site.publish_ok(first)["changed"]
    assert site.publish_ok(first, password="from-the-site-1", check=True)["changed"]
    assert site.publish_ok(first, password="from-the-site-1")["changed"]
    assert (site.folder / "airgap.password").read_text() == "from-the-site-1\n"
    site.publish_ok(first, password="from-the-site-1")
    site.requests()
    assert not site.publish_ok(first, password="from-the-site-1")["changed"]
    assert site.requests() == 1


def rotate_owner(site, first, password):
    """Return the process of a run that changes the owner's password, and what completes it."""
    options = site.publishing(src=str(first.folder), bundle_id=first.id, password=password)
    return site.begin("devpi_publish", **options), lambda: site.publish_ok(first, password=password)


def rotate_root(site, _first, password):
    """Return the process of a run that changes root's password, as the role devpi does, and what completes it."""
    options = {"name": "root", "password": password, "login_password_file": str(site.folder / "root.password")}

    def complete():
        assert "msg" not in site.run("devpi_user", **options)
        assert "msg" not in run(
            "secret_file",
            path=str(site.folder / "root.password"),
            content=password,
            owner=pwd.getpwuid(os.geteuid()).pw_name,
        )

    return site.begin("devpi_user", **options), complete


@pytest.mark.parametrize(
    ("rotate", "user"), [(rotate_owner, "airgap"), pytest.param(rotate_root, "root", marks=pytest.mark.long)]
)
def test_rotation_of_a_password_that_is_killed_is_completed_by_the_next_run(site, bundle, rotate, user):
    rng = random.Random(seed())
    first = bundle(1)
    started = time.monotonic()
    site.publish_ok(first)
    longest = time.monotonic() - started
    for number in range(KILLS):
        password = "rotated-%d-secret" % number
        running, complete = rotate(site, first, password)
        time.sleep(rng.uniform(0.3, longest))
        running.kill()
        running.communicate()
        complete()
        assert (site.folder / (user + ".password")).read_text().strip() == password
        client = Client(site.url)
        client.log_in(user, password)
        client.close()
        assert not site.publish_ok(first, **({"password": password} if user == "airgap" else {}))["changed"]


def test_server_at_rest_with_362_wheels_needs_less_than_150_mb(site, bundle):
    first = bundle(1, common=300, own=61)
    assert len(first.files) == 362
    site.publish_ok(first)
    site.stop()
    site.start()
    assert site.seen() == first.files
    with open("/proc/%d/status" % site.running.pid, encoding="ascii") as stream:
        (used,) = [int(line.split()[1]) for line in stream if line.startswith("VmRSS:")]
    assert used < 150 * 1000


def projects(bundle):
    """Return the names of a bundle's projects."""
    return {name.split("-")[0] for name in bundle.files}


def on_disk(site, bundle):
    """Return whether anything of a bundle's index is on the server's disk."""
    return (site.files / bundle.index).exists()


def test_former_bundle_is_served_again_in_one_step(site, bundle):
    first, second, third = bundle(1), bundle(2), bundle(3)
    site.publish_ok(first)
    site.publish_ok(second)
    planned = site.roll_back(first.id[:12], check=True)
    assert planned["changed"] and site.seen() == second.files
    poller = Poller(site)
    poller.start()
    result = site.roll_back(first.id[:12])
    poller.stop()
    assert (result["bundle_id"], result["former_bundle_id"]) == (first.id, second.id)
    assert site.seen() == first.files
    assert len(poller.seen) <= 2 and poller.wrong == []
    site.requests()
    assert not site.roll_back(first.id)["changed"]
    assert site.requests() == 1
    # What was served last is kept, not what was published last.
    assert site.publish_ok(third)["removed"] == [second.index]
    assert not on_disk(site, second) and on_disk(site, first)
    result = site.roll_back(second.id)
    assert first.id[:12] in result["msg"] and "publish_older" in result["msg"]
    assert site.seen() == third.files


@pytest.mark.parametrize("text", ["", "abc", "../x", "zzzzzzzzzzzz"])
def test_rollback_to_something_that_is_not_an_id_names_those_that_can_be_served(site, bundle, text):
    first = bundle(1)
    site.publish_ok(first)
    message = site.roll_back(text)["msg"]
    assert first.id[:12] in message and "first 6 or more digits" in message


def test_rollback_to_an_index_that_someone_changed_is_refused(site, bundle):
    first, second = bundle(1), bundle(2)
    site.publish_ok(first)
    site.publish_ok(second)
    name = "always-1.0-py3-none-any.whl"
    sha256 = first.files[name]
    root(site, "DELETE", "/%s/+f/%s/%s/%s?force" % (first.index, sha256[:3], sha256[3:16], name))
    assert "no longer has the files" in site.roll_back(first.id)["msg"]
    assert site.seen() == second.files
    # Publishing that bundle again puts its index right.
    assert site.publish_ok(first)["uploaded_count"] == 1
    assert site.seen() == first.files


def test_withdrawn_version_does_not_come_back_with_a_rollback_even_if_one_was_killed(site, bundle):
    first, second = bundle(1), bundle(2)
    site.publish_ok(first)
    site.publish_ok(second)
    withdrawn = [{"name": "own1x0", "version": "1.0", "gone": True}, {"name": "own1x1", "version": "1.0", "gone": True}]
    left = {name: sha for name, sha in first.files.items() if name.split("-")[0] not in ("own1x0", "own1x1")}
    # What a killed run leaves: one of the two files is removed, and the index says what it has in the end.
    name = "own1x0-1.0-py3-none-any.whl"
    listing = _bundle_indexes.digest({one: (sha, ">=3.8") for one, sha in left.items()})
    root(site, "PATCH", "/" + first.index, {"custom_data": _bundle_indexes.custom_data(first.id, 1, listing)})
    sha256 = first.files[name]
    root(site, "DELETE", "/%s/+f/%s/%s/%s?force" % (first.index, sha256[:3], sha256[3:16], name))
    options = site.publishing(rollback=first.id, withdrawn=withdrawn)
    result = site.run("devpi_publish", **options)
    assert "msg" not in result, result["msg"]
    assert site.seen() == left
    assert site.run("devpi_publish", **options)["changed"] is False


def test_older_bundles_are_removed_from_disk_and_the_number_is_a_variable(site, bundle):
    bundles = [bundle(number, common=2, own=1) for number in range(1, 6)]
    for one in bundles[:3]:
        site.publish_ok(one, keep=3)
    assert all(on_disk(site, one) for one in bundles[:3])
    site.publish_ok(bundles[3], keep=1)
    assert [on_disk(site, one) for one in bundles[:4]] == [False, False, False, True]
    # An index that someone inherits from is left alone, and named.
    root(site, "PUT", "/airgap/dev", {"bases": [bundles[3].index]})
    result = site.publish_ok(bundles[4], keep=1)
    assert bundles[3].index in str(result["warnings"]) and on_disk(site, bundles[3])
    assert "keep is 0" in site.publish(bundles[4], keep=0)["msg"]


def test_index_that_holds_files_itself_goes_on_serving_them(site, bundle):
    first, second = bundle(1), bundle(2)
    site.create_index("airgap/prod", "before-1")
    entries = [{"path": str(first.folder / "wheels" / name), "sha256": sha} for name, sha in first.files.items()]
    site.run("devpi_upload", index="airgap/prod", files=entries, login_user="airgap", login_password="before-1")
    result = site.publish_ok(second)
    assert site.seen() == dict(first.files, **second.files)
    assert "holds 5 files itself" in str(result["warnings"]) and result["own_count"] == 13
    # Another file under the name of one of the bundle would hide it.
    other = Bundle(site.folder / "other", [("always", "2.0", b"changed")])
    (name,) = other.files
    entry = {"path": str(other.folder / "wheels" / name), "sha256": other.files[name]}
    login = {"login_user": "airgap", "login_password_file": str(site.folder / "airgap.password")}
    site.run("devpi_upload", index="airgap/prod", files=[entry], **login)
    root(site, "PATCH", "/airgap/prod", {"bases": []})
    assert "msg" not in site.run("devpi_upload", index="airgap/prod", files=[entry], **login)
    message = site.publish(second)["msg"]
    assert name in message and other.files[name] in message and "Nothing was changed" in message


def test_wheel_that_changed_after_it_was_verified_is_not_served(site, bundle):
    first, second = bundle(1), bundle(2)
    site.publish_ok(first)
    path = second.folder / "wheels/own2x1-1.0-py3-none-any.whl"
    path.write_bytes(path.read_bytes() + b"x")
    message = site.publish(second)["msg"]
    assert "own2x1-1.0-py3-none-any.whl has sha256" in message and "Nodes still get what was served before" in message
    assert site.seen() == first.files


def test_bundle_is_published_taken_back_and_removed_on_the_next_version_too(next_site, bundle):
    site = next_site
    bundles = [bundle(number, common=3, own=2) for number in range(1, 4)]
    site.publish_ok(bundles[0])
    result = site.publish_ok(bundles[1])
    assert (result["uploaded_count"], result["present_count"]) == (3, 3)
    assert site.seen() == bundles[1].files
    assert site.roll_back(bundles[0].id)["changed"] and site.seen() == bundles[0].files
    assert site.publish_ok(bundles[2])["removed"] == [bundles[1].index]
    assert not on_disk(site, bundles[1]) and site.seen() == bundles[2].files
    site.requests()
    assert not site.publish_ok(bundles[2])["changed"]
    assert site.requests() == 1


def test_other_file_under_a_published_name_is_refused_before_anything_is_sent(site, bundle, tmp_path):
    first = bundle(1)
    site.publish_ok(first)
    serial = site.get("/+status")["result"]["serial"]
    other = Bundle(tmp_path / "other", [("always", "1.0", b"rebuilt"), ("new", "1.0", b"")])
    message = site.publish(other)["msg"]
    name = "always-1.0-py3-none-any.whl"
    for words in (name, other.files[name], first.files[name], "Nothing was changed", "a new version"):
        assert words in message
    assert site.get("/+status")["result"]["serial"] == serial


def test_base_that_does_not_exist_is_named_before_anything_is_sent(site, bundle):
    first = bundle(1)
    assert "nobody/nothing" in site.publish(first, bases=["nobody/nothing"])["msg"]
    assert "airgap" not in site.get("/")["result"]


def test_disk_that_fills_up_in_the_middle_leaves_what_was_served(site, bundle):
    first, second = bundle(1), bundle(2, payload=b"# " + os.urandom(200 << 10).hex().encode())
    site.publish_ok(first)
    before = resource.prlimit(site.running.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(site.running.pid, resource.RLIMIT_FSIZE, (256 << 10, before[1]))
    message = site.publish(second)["msg"]
    assert "status 500" in message and "a full disk" in message
    assert site.seen() == first.files
    resource.prlimit(site.running.pid, resource.RLIMIT_FSIZE, before)
    assert "msg" not in site.publish(second)
    assert site.seen() == second.files


def test_server_that_restarts_in_the_middle_is_waited_for(site, bundle):
    first = bundle(1, common=40, own=20)
    running = site.start_publishing(first)
    while site.requests() == 0 or "prod-" not in str(site.get("/")["result"].get("airgap")):
        time.sleep(0.01)
    site.stop()
    time.sleep(0.5)
    site.start()
    output = running.communicate(timeout=120)[0]
    assert '"msg"' not in output, output
    assert site.seen() == first.files


@pytest.mark.parametrize("what", ["run", "server"])
def test_whatever_is_killed_and_whenever_a_whole_bundle_is_served(site, bundle, what):
    rng = random.Random(seed())
    served = bundle(0)
    site.publish_ok(served)
    started = time.monotonic()
    served = bundle(1)
    site.publish_ok(served)
    longest = time.monotonic() - started
    for number in range(2, KILLS + 2):
        new = bundle(number)
        poller = Poller(site)
        poller.start()
        running = site.start_publishing(new)
        time.sleep(rng.uniform(0.1, longest))
        if what == "run":
            running.kill()
            running.communicate()
        else:
            site.stop(hard=True)
            # Until then, the run may also succeed.
            site.start()
        seen = site.seen()
        assert seen in (served.files, new.files), "kill %d" % number
        if what == "server":
            output = running.communicate(timeout=120)[0]
            if "Check that devpi-server runs there" in output:
                # It was stopped before the first request of the run, which waits only for a server that has responded.
                assert seen == served.files
                site.publish_ok(new)
            else:
                assert '"msg"' not in output, output
        else:
            assert "msg" not in site.publish(new)
        poller.stop()
        assert site.seen() == new.files
        assert all(names in (projects(served), projects(new)) for names in poller.seen)
        assert poller.wrong == []
        assert not site.publish_ok(new)["changed"]
        served = new
    assert len(site.indexes()) == 3


GONE = {"name": "common1", "version": "1.0", "reason": "CVE-1", "gone": True}


def test_withdrawn_version_is_not_served_and_not_on_disk_until_it_is_restored(site, bundle):
    first = bundle(1)
    site.publish_ok(first)
    wheel = "common1-1.0-py3-none-any.whl"
    assert site.publish_ok(first, check=True, withdrawn=[GONE])["switched"]
    assert wheel in site.seen()
    done = site.publish_ok(first, withdrawn=[GONE])
    assert (done["switched"], done["corrected"]) == (True, [wheel])
    assert site.seen() == {name: sha256 for name, sha256 in first.files.items() if name != wheel}
    assert list(site.files.rglob(wheel)) == []
    again = site.publish_ok(first, withdrawn=[GONE])
    assert not again["changed"]
    assert site.publish_ok(first)["uploaded"] == [wheel]
    assert site.seen() == first.files


def test_withdrawn_version_is_not_in_the_next_bundle_nor_in_a_former_one(site, bundle):
    first, second = bundle(1), bundle(2)
    site.publish_ok(first)
    site.publish_ok(second, withdrawn=[GONE])
    wheel = "common1-1.0-py3-none-any.whl"
    assert wheel not in site.seen()
    back = site.run("devpi_publish", **site.publishing(rollback=first.id, withdrawn=[GONE]))
    assert back["switched"] and wheel not in site.seen()
    assert not site.run("devpi_publish", **site.publishing(rollback=first.id, withdrawn=[GONE]))["changed"]


def test_yanked_version_is_refused_because_devpi_cannot_serve_it_as_such(site, bundle):
    result = site.publish(bundle(1), withdrawn=[dict(GONE, gone=False)])
    assert "devpi-server cannot serve a version as yanked" in result["msg"]


def test_withdrawn_version_is_removed_as_well_where_the_index_holds_it_itself(site, bundle):
    first = bundle(1)
    site.publish_ok(first)
    wheel = "common1-1.0-py3-none-any.whl"
    path = first.folder / "wheels" / wheel
    site.upload([{"path": str(path), "sha256": first.files[wheel]}], login_user="root", login_password=ROOT_PASSWORD)
    assert site.publish_ok(first, withdrawn=[GONE])["switched"]
    assert wheel not in site.seen()
