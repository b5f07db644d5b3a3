# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules run on hosts with Python 3.8 to 3.14, wherever such interpreters are found; one that is not is skipped by name."""

from __future__ import annotations

import base64
import json
import os
import pathlib
import subprocess
import sys
import textwrap
import typing as t

import ansible
import pytest
from ansible.module_utils import basic

from tests.integration import interpreters
from tests.integration.simple_index import SimpleIndex

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The oldest Python to which this ansible-core sends modules.
OLDEST = basic._PY_MIN


def interpreter(version):
    """Return an interpreter of a version, if this ansible-core sends modules to it."""
    if [int(part) for part in version.split(".")] < list(OLDEST):
        pytest.skip("this ansible-core sends modules to Python %d.%d or newer" % OLDEST)
    return interpreters.find(version)


def version_of(venv):
    """Return which application an environment holds, and the Python that it has."""
    code = "import sys, importlib.metadata as m; print(m.version('app'), m.version('part'), '%d.%d' % sys.version_info[:2])"
    done = subprocess.run([str(venv / "bin/python"), "-I", "-c", code], stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().split()


@pytest.mark.parametrize("version", interpreters.VERSIONS)
def test_every_module_can_be_loaded(version, tmp_path):
    """Ansible sends a module with its own module_utils and ours: nothing else of the control host is there."""
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
    command = [interpreter(version), "-I", "-c", code, str(tmp_path), str(ROOT / "plugins")]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert done.stderr.decode() == ""
    assert done.returncode == 0 and int(done.stdout) > 10


@pytest.mark.parametrize("version", interpreters.each())
def test_ansible_tells_its_target_and_keeps_an_environment(version, tmp_path):
    """As on a node: Ansible sends the modules, and this interpreter runs them."""
    python = interpreter(version)
    target, bundle = interpreters.target(python), tmp_path / "bundle"
    interpreters.bundle(bundle, python)
    venv = tmp_path / "venv"
    install = {
        "path": str(venv),
        "python": python,
        "lock_content": (bundle / "locks/base/here.txt").read_text(),
        "pip_wheel": str(next((bundle / "wheels").glob("pip-*.whl"))),
        "no_index": True,
        "find_links": [str(bundle / "wheels")],
    }
    settings: t.Dict[str, t.Any] = {
        name: str(tmp_path / name) for name in ("path", "uv_path", "ca_path", "hosts_path", "environment_path")
    }
    settings.update(index_url="http://127.0.0.1:1/", request=False, only=["pip", "uv", "ca", "hosts"])
    index = SimpleIndex()
    index.files.update({path.name: path.read_bytes() for path in (bundle / "wheels").iterdir()})
    locks = [
        {
            "set": name,
            "target": "here",
            "content": base64.b64encode((bundle / "locks" / name / "here.txt").read_bytes()).decode(),
        }
        for name in ("airgap-pip", "base")
    ]
    sets = {
        "path": str(tmp_path / "opt"),
        "sets": ["base"],
        "python": python,
        "targets": {python: "here"},
        "locks": locks,
    }
    steps = [
        ("told", {"airgap.python.python_target_info": {"python": python, "targets": [target]}}),
        ("settings", {"airgap.python.client_settings": settings}),
        ("settings_again", {"airgap.python.client_settings": settings}),
        ("first", {"airgap.python.locked_venv": install}),
        ("second", {"airgap.python.locked_venv": install}),
        ("set", {"airgap.python.requirement_sets": dict(sets, index_url=index.url, compile=False)}),
        ("set_again", {"airgap.python.requirement_sets": dict(sets, index_url="http://127.0.0.1:1/")}),
        ("rolled_back", {"airgap.python.requirement_sets": {"path": str(tmp_path / "opt"), "rollback": ["base"]}}),
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
    index.stop()
    assert (tmp_path / "results.json").exists(), done.stdout.decode()
    answers = json.loads((tmp_path / "results.json").read_text())
    assert "There is no former environment of the set base" in answers.pop("rolled_back")["msg"]
    assert not [one["msg"] for one in answers.values() if one.get("failed")]
    assert answers["told"]["target"] == "here"
    assert (answers["settings"]["changed"], answers["settings_again"]["changed"]) == (True, False)
    assert (answers["first"]["changed"], answers["second"]["changed"]) == (True, False)
    assert (answers["set"]["changed"], answers["set_again"]["changed"]) == (True, False)
    assert version_of(tmp_path / "opt/base") == version_of(venv)
    assert version_of(venv) == ["1.0", "2.0", target["python"].rpartition(".")[0]]
