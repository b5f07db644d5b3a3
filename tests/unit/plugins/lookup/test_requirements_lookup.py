# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the files of a site require, as the role asks for it; what counts nowhere is never dropped in silence."""

from __future__ import annotations

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

    ask.folder = tmp_path
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


def test_source_beside_a_name_is_refused_unless_the_site_builds_it(site):
    with pytest.raises(AnsibleError, match=r"pyproject.toml.* takes six from git\+https"):
        site("pyproject.toml", {"pyproject.toml": PROJECT + GIT})
    build = [{"name": "six", "vcs": "git+https://git.example/six.git@" + "0" * 40}]
    assert site("pyproject.toml", build=build) == ["six"]


def test_constraints_of_uv_in_a_project_constrain(site):
    assert site("pyproject.toml", {"pyproject.toml": PROJECT}, kind="constraints") == ["six<2"]
