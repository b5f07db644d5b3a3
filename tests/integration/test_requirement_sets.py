# SPDX-License-Identifier: GPL-3.0-or-later
"""requirement_sets against an index on loopback: what serves is whole at any moment, and what is right costs no request."""

from __future__ import annotations

import base64
import json
import os
import random
import shutil
import subprocess
import sys
import time

import pytest
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

from tests.integration import small_bundle
from tests.integration.simple_index import SimpleIndex, make_wheel
from tests.integration.test_closure import COLLECTIONS, RUN
from tests.integration.test_signatures import run


class Node:
    """A node, the index that it uses, and the locks that its site has."""

    def __init__(self, folder, pip):
        self.index = SimpleIndex()
        self.root = folder / "opt"
        self.locks = {}
        self.python = sys.executable
        name, data = pip
        self.index.files[name] = data
        self.set_lock("airgap-pip", [(name, data)])

    def set_lock(self, name, wheels):
        """Write the lock of a set."""
        pins = [small_bundle.pin(*one) for one in wheels]
        self.locks[name] = _lock.render(pins, "here", "0" * 64)
        self.index.files.update(wheels)

    def arguments(self, **options):
        """Return the arguments of a run."""
        locks = [
            {"set": name, "target": "here", "content": base64.b64encode(text.encode()).decode()}
            for name, text in self.locks.items()
        ]
        values = {
            "path": str(self.root),
            "sets": [name for name in self.locks if name != "airgap-pip"],
            "python": self.python,
            "targets": {self.python: "here"},
            "locks": locks,
            "index_url": self.index.url,
            "compile": False,
        }
        return dict(values, **options)

    def install(self, check=False, environment=None, **options):
        """Run the module."""
        return run("requirement_sets", environment, check, **self.arguments(**options))

    def start(self, **options):
        """Start a run, and return its process."""
        command = [sys.executable, "-c", RUN, "requirement_sets", json.dumps(self.arguments(**options)), COLLECTIONS]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)

    def serves(self, name="base", project="app"):
        """Return the version of a project that a set's program reports."""
        code = "import %s; print(%s.version)" % (project, project)
        done = subprocess.run(
            [str(self.root / name / "bin/python"), "-I", "-c", code], stdout=subprocess.PIPE, check=False
        )
        return done.stdout.decode().strip()

    def environments(self, name="base"):
        """Return the environments of a set."""
        folder = self.root / ".sets" / name
        return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.exists() else []


def app(version, requires=("part",), **options):
    """Return an application with a program, and what it needs."""
    return [
        make_wheel("app", version, requires=requires, programs=["app"], **options),
        make_wheel("part", version),
    ]


@pytest.fixture(name="pip", scope="module")
def pip_fixture():
    """Return a wheel of pip."""
    return small_bundle.installed_wheel("pip")


@pytest.fixture(name="home", scope="module")
def home_fixture(tmp_path_factory, pip):
    """Return a folder with ``ready``, which is what a first run leaves: each environment names the folder it is for."""
    os.umask(0o022)
    folder = tmp_path_factory.mktemp("node")
    node = Node(folder, pip)
    node.set_lock("base", app("1.0"))
    assert action(node.install()) == "built"
    node.index.stop()
    node.root.rename(folder / "ready")
    return folder


@pytest.fixture(name="empty")
def empty_fixture(home, pip):
    """Return a node that has nothing yet; its set base has app 1.0."""
    os.umask(0o022)
    node = Node(home, pip)
    node.set_lock("base", app("1.0"))
    yield node
    node.index.stop()
    for name in ("opt", "bin"):
        shutil.rmtree(str(home / name), ignore_errors=True)


@pytest.fixture(name="node")
def node_fixture(empty, home):
    """Return a node that has the set base."""
    shutil.copytree(str(home / "ready"), str(empty.root), symlinks=True)
    return empty


def action(result, name="base"):
    """Return what was done with a set; shows why where the run failed."""
    assert not result.get("failed"), result["msg"]
    return {one["name"]: one["action"] for one in result["sets"]}[name]


def test_set_is_a_link_and_programs_in_it_name_the_link(empty):
    assert action(empty.install()) == "built"
    link = empty.root / "base"
    assert link.is_symlink() and os.readlink(str(link)).startswith(".sets/base/")
    done = subprocess.run([str(link / "bin/app")], stdout=subprocess.PIPE, check=True)
    assert done.stdout.decode() == "1.0\n"
    for path in (link / "bin").iterdir():
        if path.is_file() and not path.is_symlink():
            assert ".sets" not in path.read_text(), path
    assert ".sets" not in (link / "pyvenv.cfg").read_text()
    assert (link / "bin/app").read_text().startswith("#!%s/bin/python" % link)
    assert "(base)" in (link / "bin/activate").read_text()


def test_second_run_changes_nothing_and_asks_the_index_for_nothing(node):
    node.set_lock("other", [make_wheel("other", "1")])
    assert node.install()["changed"]
    before = len(node.index.requests)
    result = node.install()
    assert (result["changed"], len(node.index.requests)) == (False, before)
    assert not node.install(check=True)["changed"]


def test_check_mode_says_what_would_change_and_changes_nothing(empty):
    result = empty.install(check=True)
    assert action(result) == "built" and result["changed"]
    assert not empty.root.exists() and empty.index.requests == []
    empty.install()
    empty.set_lock("base", app("2.0"))
    result = empty.install(check=True)
    assert action(result) == "changed" and "app 1.0 becomes 2.0" in result["sets"][0]["changes"]
    assert empty.serves() == "1.0"


def test_change_is_made_next_to_the_former_environment_which_is_kept(node):
    first = node.environments()
    node.set_lock("base", app("2.0"))
    result = node.install()
    assert action(result) == "changed"
    assert result["sets"][0]["changes"] == ["app 1.0 becomes 2.0", "part 1.0 becomes 2.0"]
    assert node.serves() == "2.0" and len(node.environments()) == 2
    python = node.root / ".sets/base" / first[0] / "bin/python"
    done = subprocess.run([str(python), "-c", "import app; print(app.version)"], stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"1.0\n"
    node.set_lock("base", app("3.0"))
    node.install()
    assert node.serves() == "3.0" and len(node.environments()) == 2 and first[0] not in node.environments()


def test_rollback_needs_no_index_says_what_changes_and_stays_until_the_next_ordinary_run(node):
    node.set_lock("base", app("2.0"))
    node.install()
    before = len(node.index.requests)
    offline = {"sets": [], "locks": [], "rollback": ["base"]}
    result = node.install(check=True, **offline)
    assert action(result) == "rolled back" and node.serves() == "2.0"
    result = node.install(**offline)
    assert action(result) == "rolled back" and node.serves() == "1.0"
    assert result["sets"][0]["changes"] == ["app 2.0 becomes 1.0", "part 2.0 becomes 1.0"]
    result = node.install(**offline)
    assert (result["changed"], action(result), node.serves()) == (False, "", "1.0")
    assert action(node.install()) == "switched"
    assert (node.serves(), len(node.index.requests)) == ("2.0", before)
    assert not node.install()["changed"]
    assert action(node.install(**offline)) == "rolled back"


def test_former_environment_that_is_damaged_is_refused_with_the_file(node):
    (first,) = node.environments()
    node.set_lock("base", app("2.0"))
    node.install()
    changed = next((node.root / ".sets/base" / first / "lib").glob("python*/site-packages/app.py"))
    changed.write_text("version = '6.6.6'\n")
    message = node.install(rollback=["base"])["msg"]
    assert "The former environment of the set base cannot serve, and nothing was changed" in message
    assert "site-packages/app.py was changed" in message and node.serves() == "2.0"
    node.set_lock("base", app("1.0"))
    assert action(node.install()) == "changed" and node.serves() == "1.0"


def test_rollback_without_a_former_environment_is_an_error(node):
    node.set_lock("base", app("2.0"))
    node.install(keep=1)
    assert len(node.environments()) == 1
    assert "There is no former environment of the set base" in node.install(rollback=["base"])["msg"]


def test_folder_of_an_earlier_version_is_taken_over(empty):
    pip = next(name for name in empty.index.files if name.startswith("pip-"))
    (empty.root / ".pip").mkdir(parents=True)
    (empty.root / ".pip" / pip).write_bytes(empty.index.files[pip])
    plain = {"path": str(empty.root / "base"), "python": empty.python, "lock_content": empty.locks["base"]}
    result = run("locked_venv", pip_wheel=str(empty.root / ".pip" / pip), index_url=empty.index.url, **plain)
    assert result["changed"], result
    before = len(empty.index.requests)
    assert action(empty.install()) == "moved"
    assert (empty.root / "base").is_symlink() and empty.serves() == "1.0" and not (empty.root / ".pip").exists()
    assert len(empty.index.requests) == before and not empty.install()["changed"]
    empty.set_lock("base", app("2.0"))
    empty.install()
    assert action(empty.install(rollback=["base"])) == "rolled back" and empty.serves() == "1.0"


def test_damaged_environment_is_not_copied_and_repair_builds_anew(node):
    file = next((node.root / "base/lib").glob("python*/site-packages/part.py"))
    file.write_text("version = '6.6.6'\n")
    assert not node.install()["changed"]
    result = node.install(repair=["base"])
    assert action(result) == "built" and result["sets"][0]["reason"] == "a repair was asked for"
    assert node.serves(project="part") == "1.0"
    next((node.root / "base/lib").glob("python*/site-packages/part.py")).write_text("version = '6.6.6'\n")
    node.set_lock("base", [*app("2.0")[:1], make_wheel("part", "1.0")])
    result = node.install()
    assert action(result) == "built" and "part.py was changed" in result["sets"][0]["reason"]
    assert (node.serves(), node.serves(project="part")) == ("2.0", "1.0")


def test_version_that_was_withdrawn_is_found_where_it_serves_and_where_it_is_kept(node):
    node.set_lock("base", app("2.0", requires=("part==2.0",)))
    node.install()
    (kept,) = [one for one in node.environments() if one not in os.readlink(str(node.root / "base"))]
    (node.root / ".system").mkdir()
    (node.root / ".system/tools.txt").write_text(node.locks["base"])
    found = run("environments_info", path=str(node.root), versions=["app==1.0", "part==2.0"])["found"]
    assert found == [
        "%s/base has part==2.0" % node.root,
        "%s/.sets/base/%s, which is kept for a rollback of base, has app==1.0" % (node.root, kept),
        "The Python that install_system installed the set tools into has part==2.0",
    ]


def test_absent_removes_links_and_environments_and_nothing_else(node):
    node.set_lock("other", [make_wheel("other", "1")])
    node.install(bin_dir=str(node.root.parent / "bin"))
    (node.root / "foreign").mkdir()
    (node.root / "foreign/pyvenv.cfg").write_text("")
    removed = node.install(state="absent", sets=["other"], bin_dir=str(node.root.parent / "bin"))
    assert action(removed, "other") == "removed" and node.serves() == "1.0"
    assert os.listdir(str(node.root.parent / "bin")) == ["app"]
    assert "something else created" in node.install(state="absent", sets=["foreign"])["msg"]
    assert node.install(check=True, state="absent", sets=[], all=True)["changed"] and node.serves() == "1.0"
    node.install(state="absent", sets=[], all=True)
    assert sorted(os.listdir(str(node.root))) == ["foreign"] and os.listdir(str(node.root.parent / "bin")) == []
    assert not node.install(state="absent", sets=["base"], all=True)["changed"]


def test_link_that_something_else_created_is_refused(empty, tmp_path):
    empty.root.mkdir()
    (empty.root / "base").symlink_to(tmp_path)
    assert "is a link to %s, which something else created" % tmp_path in empty.install()["msg"]
    assert os.readlink(str(empty.root / "base")) == str(tmp_path) and empty.index.requests == []


def test_a_run_that_is_killed_at_any_point_leaves_what_served(node):
    seed = int(os.environ.get("AIRGAP_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
    print("AIRGAP_SEED=%d" % seed)
    chance = random.Random(seed)
    version = 1
    began = time.monotonic()
    node.set_lock("base", app("1.5"))
    node.install()
    duration = time.monotonic() - began
    served = "1.5"
    for _kill in range(int(os.environ.get("KILL_PLACES", "5"))):
        version += 1
        wanted = "%d.0" % version
        node.set_lock("base", app(wanted))
        process = node.start()
        time.sleep(chance.uniform(0, duration * 1.1))
        os.killpg(process.pid, 9)
        process.wait()
        assert node.serves() in (served, wanted)
        if chance.random() < 0.5:
            result = node.install()
            assert not result.get("failed"), result["msg"]
            assert node.serves() == wanted and not node.install()["changed"]
            assert len(node.environments()) == 2
        served = node.serves()
    node.install()
    assert node.serves() == wanted
    former = node.install(rollback=["base"])
    assert action(former) == "rolled back" and node.serves() != wanted
    assert not [path for path in (node.root / ".sets/base").iterdir() if path.name.startswith(".tmp")]


def test_failed_download_leaves_what_served_and_says_so(node):
    node.set_lock("base", app("2.0"))
    del node.index.files["app-2.0-py3-none-any.whl"]
    message = node.install()["msg"]
    assert "What was installed before still serves." in message and "%s/base is not complete" % node.root in message
    assert node.serves() == "1.0" and len(node.environments()) == 1


def test_first_run_that_fails_leaves_nothing(empty):
    del empty.index.files["app-1.0-py3-none-any.whl"]
    assert empty.install()["failed"]
    assert not empty.root.exists()


def test_additive_keeps_what_the_lock_does_not_name_and_exact_removes_it(node):
    extra, data = make_wheel("extra", "1")
    (node.root / extra).write_bytes(data)
    pip = [str(node.root / "base/bin/python"), "-m", "pip", "install", "--no-index", "-q", str(node.root / extra)]
    subprocess.run(pip, check=True)
    assert not node.install(mode="additive")["changed"]
    node.set_lock("base", app("2.0"))
    assert action(node.install(mode="additive")) == "changed"
    assert (node.serves(), node.serves(project="extra")) == ("2.0", "1")
    assert action(node.install()) == "changed" and node.serves(project="extra") == ""


def test_requirement_that_is_not_met_is_found_before_the_switch(node):
    node.set_lock("base", app("2.0", requires=("part>=9",)))
    # pip refuses the lock by itself, so what is checked is what stayed.
    assert node.install()["failed"] and node.serves() == "1.0"
    extra, data = make_wheel("extra", "1", requires=("part<2",))
    (node.root / extra).write_bytes(data)
    subprocess.run(
        [str(node.root / "base/bin/python"), "-m", "pip", "install", "--no-index", "-q", str(node.root / extra)],
        check=True,
    )
    node.set_lock("base", app("2.0"))
    message = node.install(mode="additive")["msg"]
    assert "extra 1 has requirement part<2" in message and node.serves() == "1.0"
