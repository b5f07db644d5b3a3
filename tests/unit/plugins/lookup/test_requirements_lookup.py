# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the files of a site require, as the role asks for it; what counts nowhere is never dropped in silence."""

from __future__ import annotations

import tarfile
import typing as t

import pytest
import yaml
from ansible.errors import AnsibleError
from ansible_collections.airgap.python.plugins.lookup import requirements

DEFAULTS = {name: one.get("default") for name, one in yaml.safe_load(requirements.DOCUMENTATION)["options"].items()}


@pytest.fixture(name="site")
def fixture_site(tmp_path):
    """Return a function that writes files into the inventory's folder, and asks for the requirements in one of them."""

    def ask(term, files=None, **options):
        for name, content in (files or {}).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        lookup = requirements.LookupModule()
        lookup.set_options = lambda **dummy: None
        lookup.get_option = dict(DEFAULTS, **options).__getitem__
        return lookup.run([term], {"inventory_dir": str(tmp_path)})

    return ask


PROJECT = """
[project]
name = "chatbot"
dependencies = ["six"]
[project.optional-dependencies]
web = ["attrs"]
all = ["chatbot[web]"]
[tool.uv]
constraint-dependencies = ["six<2"]
"""
GIT = '[tool.uv.sources]\nsix = {git = "https://git.example/six.git"}\n'


def test_project_never_requires_itself(site):
    assert site("pyproject.toml", {"pyproject.toml": PROJECT}, extras=["all"]) == ["six", "attrs"]


def test_source_of_a_name_is_refused_unless_the_site_builds_it(site):
    with pytest.raises(AnsibleError, match=r"pyproject.toml.* takes six from git\+https"):
        site("pyproject.toml", {"pyproject.toml": PROJECT + GIT})
    build = [{"name": "six", "vcs": "git+https://git.example/six.git@" + "0" * 40}]
    assert site("pyproject.toml", build=build) == ["six"]


def test_index_that_is_pips_default_is_accepted_in_a_project_of_a_site_that_names_none(site):
    default = pytest.importorskip("pip._internal.models.index").PyPI.simple_url
    source = '[[tool.pdm.source]]\nname = "any"\nurl = "%s/"\n'
    files = {"pyproject.toml": PROJECT + source % default}
    assert site("pyproject.toml", files) == ["six"]
    assert site("pyproject.toml", indexes=[""]) == ["six"]
    with pytest.raises(AnsibleError, match="names the index any"):
        site("pyproject.toml", indexes=["https://mirror.example/simple"])
    with pytest.raises(AnsibleError, match="names the index any .*private.example.*stage_index_url"):
        site("pyproject.toml", {"pyproject.toml": PROJECT + source % "https://private.example/simple"}, indexes=[""])


def test_constraints_of_uv_in_a_project_constrain(site):
    assert site("pyproject.toml", {"pyproject.toml": PROJECT}, kind="constraints") == ["six<2"]


def test_each_line_has_its_place_on_request(site, tmp_path):
    files = {"reqs/base.txt": "six>=1\n-r more.txt\n", "reqs/more.txt": "\nattrs==1 --hash=sha256:aa\n-c limits.txt\n"}
    files["reqs/limits.txt"] = "six<2\n"
    assert site("reqs/base.txt", files, origin=True) == [
        "six>=1  # airgap: reqs/base.txt, line 1",
        "attrs==1 --hash=sha256:aa  # airgap: reqs/more.txt, line 2",
    ]
    assert site("reqs/base.txt", origin=True, kind="constraints") == ["six<2  # airgap: reqs/limits.txt, line 1"]
    assert site("pyproject.toml", {"pyproject.toml": PROJECT}, extras=["web"], origin=True) == [
        "six  # airgap: pyproject.toml, [project] dependencies",
        "attrs  # airgap: pyproject.toml, extra web",
    ]
    assert site(str(tmp_path / "reqs/limits.txt"), origin=True) == ["six<2  # airgap: reqs/limits.txt, line 1"]


def test_file_in_quotes_and_in_the_encodings_that_pip_reads_is_read(site):
    files: t.Dict[str, t.Union[str, bytes]] = {"r.txt": '-r "my reqs/base file.txt"\n-c my\\ reqs/limits.txt\n'}
    files["my reqs/base file.txt"] = "six>=1 # caf\u00e9\r\n-r latin.txt\r\n".encode("utf-16")
    files["my reqs/latin.txt"] = "# -*- coding: latin-1 -*-\nattrs # caf\u00e9\n".encode("latin-1")
    files["my reqs/limits.txt"] = "\ufeffsix<2\n".encode("utf-16-be")
    assert site("r.txt", files) == ["six>=1", "attrs"]
    assert site("r.txt", kind="constraints") == ["six<2"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"six # caf\xe9\n", "r.txt cannot be read: .*UTF-8"),
        (b"# coding: nonsense\nsix\n", "r.txt cannot be read: unknown encoding"),
        (b'-r "a.txt\n', "r.txt, line 1: .*quot"),
        (b"-r my reqs.txt\n", "r.txt, line 1: .*quotes"),
    ],
)
def test_file_that_cannot_be_read_is_named_with_the_fix(site, content, said):
    with pytest.raises(AnsibleError, match=said):
        site("r.txt", {"r.txt": content})


def test_requirements_of_a_checkout_and_of_a_release_archive_are_read(site, tmp_path):
    assert site("kubespray", {"kubespray/requirements.txt": "netaddr==1.3.0"}) == ["netaddr==1.3.0"]
    with tarfile.open(tmp_path / "kubespray.tar.gz", "w:gz") as stream:
        stream.add(tmp_path / "kubespray", "kubespray-2.31.1")
    lines = site("kubespray.tar.gz", origin=True)
    assert lines == ["netaddr==1.3.0  # airgap: kubespray.tar.gz, line 1"]
    assert site("kubespray.tar.gz", kind="constraints") == []
    with tarfile.open(tmp_path / "other.tar.gz", "w:gz") as stream:
        stream.add(tmp_path / "kubespray", "empty", recursive=False)
    with pytest.raises(AnsibleError, match="other.tar.gz has no requirements.txt"):
        site("other.tar.gz")
