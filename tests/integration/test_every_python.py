# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs on a node runs with Python 3.8 to 3.13, wherever such interpreters are found.

They are looked for on the PATH and under ~/.pyenv/versions; one that is not there is skipped by name.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import textwrap

import ansible
import pytest
from ansible.module_utils import basic
from ansible_collections.airgap.python.plugins.module_utils import _interpreter, _target

from tests.integration import small_bundle

ROOT = pathlib.Path(__file__).resolve().parents[2]
MINORS = (8, 9, 10, 11, 12, 13)
# The oldest Python that this ansible-core ships modules to.
OLDEST = basic._PY_MIN


def find(minor):
    """Return a CPython 3.MINOR of this machine that runs; None where there is none."""
    named = [shutil.which("python3.%d" % minor), shutil.which("python3")]
    kept = sorted(pathlib.Path("~/.pyenv/versions").expanduser().glob("3.%d.*/bin/python" % minor))
    # A pyenv without that version answers by a shim that fails.
    for path in [*kept, *filter(None, named)]:
        code = "import sys, venv; print(sys.implementation.name, *sys.version_info[:2], sys.base_prefix == sys.prefix)"
        done = subprocess.run(
            [str(path), "-I", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
        )
        if done.returncode == 0 and done.stdout.decode().split() == ["cpython", "3", str(minor), "True"]:
            return os.path.abspath(str(path))
    return None


FOUND = {minor: find(minor) for minor in MINORS}


@pytest.fixture(name="python", params=MINORS, ids=["3.%d" % minor for minor in MINORS])
def python_fixture(request):
    """Return an interpreter of each version."""
    if FOUND[request.param] is None:
        pytest.skip("this machine has no CPython 3.%d" % request.param)
    return FOUND[request.param]


def target_of(python):
    """Return an interpreter as an entry of airgap_targets, by what it says of itself."""
    with open(_interpreter.__file__, encoding="utf-8") as stream:
        text = stream.read().replace("from __future__ import annotations\n", "")
    answer = json.loads(subprocess.run([python, "-I", "-c", text], stdout=subprocess.PIPE, check=True).stdout)
    return dict(_target.suggestion(_target.from_answer(answer)[0]), name="here")


def pip_of(python):
    """Return the name and the bytes of the wheel of pip that an interpreter came with; the newest no longer knows 3.8."""
    code = "import ensurepip, os; print(os.path.join(os.path.dirname(ensurepip.__file__), '_bundled'))"
    done = subprocess.run([python, "-I", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    folders = [pathlib.Path(done.stdout.decode().strip()), pathlib.Path("/usr/share/python-wheels")]
    wheels = [wheel for folder in folders for wheel in folder.glob("pip-*.whl")]
    if not wheels:
        pytest.skip("%s has no wheel of pip" % python)
    newest = max(wheels, key=lambda wheel: [int(part) for part in wheel.name.split("-")[1].split(".")])
    return newest.name, newest.read_bytes()


@pytest.fixture(name="bundle")
def bundle_fixture(python, tmp_path):
    """Return a bundle with pip and a set for the interpreter."""
    root = tmp_path / "bundle"
    sets = {"airgap-pip": {"here": [pip_of(python)]}, "base": {"here": small_bundle.application()}}
    small_bundle.write(root, sets, [target_of(python)])
    return root


def version_of(venv):
    """Return which application an environment holds, and the Python that it has."""
    code = "import sys, importlib.metadata as m; print(m.version('app'), m.version('part'), '%d.%d' % sys.version_info[:2])"
    done = subprocess.run([str(venv / "bin/python"), "-I", "-c", code], stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().split()


def test_every_module_can_be_loaded(python, tmp_path):
    """Ansible sends a module with its own module_utils and ours: nothing else of the control host is there."""
    if [int(part) for part in target_of(python)["python"].split(".")[:2]] < list(OLDEST):
        pytest.skip("this ansible-core sends modules to Python %d.%d or newer" % OLDEST)
    for package in ("ansible", "ansible_collections", "ansible_collections/airgap"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
    (tmp_path / "ansible/module_utils").symlink_to(pathlib.Path(ansible.__file__).parent / "module_utils")
    (tmp_path / "ansible/release.py").symlink_to(pathlib.Path(ansible.__file__).parent / "release.py")
    (tmp_path / "ansible_collections/airgap/python").symlink_to(ROOT)
    code = textwrap.dedent(
        """
        import importlib, pathlib, sys
        folder, plugins = sys.argv[1:]
        sys.path.insert(0, folder)
        sys.dont_write_bytecode = True
        names = [
            path.relative_to(plugins).with_suffix("").as_posix().replace("/", ".")
            for kind in ("modules", "module_utils")
            for path in sorted(pathlib.Path(plugins, kind).rglob("*.py"))
        ]
        failed = []
        for name in names:
            try:
                importlib.import_module("ansible_collections.airgap.python.plugins." + name)
            except Exception as error:
                failed.append("%s: %r" % (name, error))
        print(len(names))
        sys.exit("\\n".join(failed) or 0)
        """
    )
    command = [python, "-I", "-c", code, str(tmp_path), str(ROOT / "plugins")]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert done.stderr.decode() == ""
    assert done.returncode == 0 and int(done.stdout) > 10


def test_ansible_tells_its_target_and_keeps_an_environment(python, bundle, tmp_path):
    """As on a node: Ansible sends the modules, and this interpreter runs them."""
    target = target_of(python)
    if [int(part) for part in target["python"].split(".")[:2]] < list(OLDEST):
        pytest.skip("this ansible-core sends modules to Python %d.%d or newer" % OLDEST)
    venv = tmp_path / "venv"
    install = {
        "path": str(venv),
        "python": python,
        "lock_content": (bundle / "locks/base/here.txt").read_text(),
        "pip_wheel": str(next((bundle / "wheels").glob("pip-*.whl"))),
        "no_index": True,
        "find_links": [str(bundle / "wheels")],
    }
    steps = [
        ("told", {"airgap.python.python_target_info": {"python": python, "targets": [target]}}),
        ("settings", {"airgap.python.pip_settings_info": {"index_url": "http://127.0.0.1:1/"}}),
        ("first", {"airgap.python.locked_venv": install}),
        ("second", {"airgap.python.locked_venv": install}),
    ]
    play = [dict(task, register=name, ignore_errors=True) for name, task in steps]
    results = "{{ {%s} | to_json }}" % ", ".join("'%s': %s" % (name, name) for name, _task in steps)
    play.append({"ansible.builtin.copy": {"dest": str(tmp_path / "results.json"), "content": results}})
    (tmp_path / "play.yml").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": play}]))
    command = [sys.executable, "-m", "ansible", "playbook", "-i", "node,", "-c", "local", str(tmp_path / "play.yml")]
    done = subprocess.run(
        [*command, "-e", "ansible_python_interpreter=" + python],
        env=dict(os.environ, ANSIBLE_CONFIG=str(ROOT / "ansible.cfg")),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert (tmp_path / "results.json").exists(), done.stdout.decode()
    answers = json.loads((tmp_path / "results.json").read_text())
    assert not [one["msg"] for one in answers.values() if one.get("failed")]
    assert answers["told"]["target"] == "here"
    assert (answers["first"]["changed"], answers["second"]["changed"]) == (True, False)
    assert version_of(venv) == ["1.0", "2.0", target["python"].rpartition(".")[0]]


def test_install_sh_installs(python, bundle, tmp_path):
    command = ["sh", str(bundle / "install.sh"), "--python", python, "base", "--venv", str(tmp_path / "venv")]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout.decode()
    assert version_of(tmp_path / "venv") == ["1.0", "2.0", target_of(python)["python"].rpartition(".")[0]]
