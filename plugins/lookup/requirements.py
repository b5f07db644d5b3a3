# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: requirements
short_description: Read what a file on the control host requires
version_added: 0.1.0
description:
  - Returns the requirements in a file, one a line, with their hashes and markers, and those of the files that it names.
  - Reads requirements files, with C(-r) and C(-c), C(pyproject.toml) with extras and dependency groups, and C(pylock.toml).
  - The name of the project itself in its extras and groups stands for what it means there. It is no requirement.
  - Of C(uv.lock), C(poetry.lock) and their like it says which command writes them as a requirements file.
  - An option in a requirements file, such as C(--index-url), is an error that says where its place is. None is dropped.
author:
  - airgap.python authors (@airgap-python)
options:
  _terms:
    description: Paths on the control host. A relative path begins at the folder of the inventory, or that of the playbook.
    type: list
    elements: path
    required: true
  kind:
    description: V(requirements), or V(constraints), which a requirements file names by C(-c).
    type: str
    choices: [requirements, constraints]
    default: requirements
  extras:
    description: Extras of the project in C(pyproject.toml) or C(pylock.toml).
    type: list
    elements: str
    default: []
  groups:
    description:
      - Dependency groups in C(pyproject.toml) (PEP 735) or C(pylock.toml), of which the default groups always count.
    type: list
    elements: str
    default: []
  origin:
    description: Add to each line, as a comment, the file and line where it stands. M(airgap.python.pip_download) names these.
    type: bool
    default: false
  build:
    description:
      - The entries of C(stage_build). What C(pylock.toml), or a tool's table in C(pyproject.toml) such as
        C([tool.uv.sources]), takes from a commit, a folder or a URL is refused unless one of them makes it from a source
        of the site's own.
    type: list
    elements: dict
    default: []
  indexes:
    description:
      - The indexes that the site stages from. Others that C(pyproject.toml) names are refused.
      - An empty one, or none, is pip's own default, if the control host has a pip that tells which that is.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Show what a project requires
  ansible.builtin.debug:
    msg: "{{ query('airgap.python.requirements', 'pyproject.toml', groups=['test']) }}"
"""

RETURN = r"""
_raw:
  description: The requirements, each on its line.
  type: list
  elements: str
"""

import os

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible.utils.display import Display
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._resolve import (
    _project_files,
    _requirement,
    _requirements_file,
    _sources,
)
from ansible_collections.airgap.python.plugins.module_utils._text import shown
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import project_of
from ansible_collections.airgap.python.plugins.plugin_utils import _site_files


class LookupModule(LookupBase):
    """Read requirements where a set names a file."""

    def run(self, terms, variables=None, **kwargs):
        """Return the lines of all files in their order."""
        self.set_options(var_options=variables, direct=kwargs)
        folders = _site_files.folders(variables)
        lines = []
        try:
            for term in terms:
                path = _site_files.find(str(term), folders, file_of, "Name a file that is on the control host.")
                lines += [self.render(line, folders) for line in self.lines(path)]
        except AirgapError as error:
            raise AnsibleError(str(error)) from error
        return lines

    def lines(self, path):
        """Return the lines of one file."""
        name = os.path.basename(path)
        if name in _project_files.EXPORTS:
            raise AirgapError(
                "%s is a lock of a tool's own. Beside it, run '%s', and name that file."
                % (path, _project_files.EXPORTS[name])
            )
        if self.get_option("kind") == "constraints":
            if name == "pyproject.toml":
                where = path + ", constraint-dependencies"
                return [_requirement.parse_requirement(one, where) for one in _sources.constraints(toml(path))]
            return [] if name.endswith(".toml") else parse(path).constraints
        if name == "pyproject.toml":
            return self.pyproject(path)
        if name.startswith("pylock.") and name.endswith(".toml"):
            choice = [self.get_option(name) for name in ("extras", "groups", "build")]
            return _project_files.pylock(toml(path), path, *choice)
        return parse(path).requirements

    def render(self, line, folders):
        """Return a requirement as pip reads it, with all that its URL has, and where it stands as a user would call that."""
        text = _requirement.whole(line) + "".join(" --hash=" + one for one in line.hashes)
        if not self.get_option("origin"):
            return text
        near = [line.where[len(folder) + 1 :] for folder in folders if line.where.startswith(folder + os.sep)]
        return text + _requirements_file.ORIGIN + shown((near or [line.where])[0])

    def pyproject(self, path):
        """Return what a project requires; warns of what counts for nothing."""
        document = toml(path)
        found = _project_files.pyproject(document, self.get_option("extras"), self.get_option("groups"), path)
        names = [project_of(line.text) for line in found]
        # An index that is not named is pip's own default.
        indexes = [one or default_index() for one in self.get_option("indexes") or [""]]
        for warning in _sources.judge(document, names, self.get_option("build"), indexes, path):
            Display().warning(warning)
        return found


def default_index():
    """Return the index that pip takes where none is named, "" where the control host has no pip that tells."""
    try:
        from pip._internal.models.index import PyPI
    except ImportError:
        return ""
    return str(getattr(PyPI, "simple_url", ""))


def parse(path):
    """Return what a requirements file and those that it names hold; refuses options that count nowhere."""
    parsed = _requirements_file.parse([], [path], [], _requirements_file.read_file, {})
    _requirements_file.refuse_options(parsed)
    return parsed


def file_of(path):
    """Return the path of a file, or None where there is none."""
    return path if os.path.isfile(path) else None


def toml(path):
    """Return what a TOML file holds; the control host has Python 3.11 or newer, which reads it."""
    import tomllib

    try:
        with open(path, "rb") as stream:
            return tomllib.load(stream)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise AirgapError("%s is no TOML: %s." % (path, error)) from error
