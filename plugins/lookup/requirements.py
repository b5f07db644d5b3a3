# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: requirements
short_description: Read the requirements in a file on the control host
version_added: 0.1.0
description:
  - Returns the requirements in a file and in the files that it includes, one per line, with their hashes and markers.
  - Reads requirements files, with C(-r) and C(-c), C(pyproject.toml) with extras and dependency groups, and C(pylock.toml).
    Of a folder, or of a project's release archive C(.tar.gz), it reads C(requirements.txt).
  - The name of the project itself in its extras and groups is replaced by what it means there. It is never a requirement.
  - For C(uv.lock), C(poetry.lock) and other locks of a single tool, the error names the command that exports them.
  - An option in a requirements file, such as C(--index-url), is an error that names the variable to use instead. No option
    is ignored.
author:
  - airgap.python authors (@airgap-python)
options:
  _terms:
    description: Paths on the control host. A relative path is relative to the folder of the inventory, or to that of the playbook.
    type: list
    elements: path
    required: true
  kind:
    description: V(requirements), or V(constraints), which a requirements file includes with C(-c).
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
      - Dependency groups in C(pyproject.toml) (PEP 735) or C(pylock.toml), of which the default groups are always included.
    type: list
    elements: str
    default: []
  origin:
    description: Add to each line, as a comment, its file and line number, which M(airgap.python.pip_download) shows in messages.
    type: bool
    default: false
  build:
    description:
      - The entries of C(stage_build). What C(pylock.toml), or a tool's table in C(pyproject.toml) such as
        C([tool.uv.sources]), takes from a commit, a folder or a URL is refused unless one of them builds it with C(vcs) or
        C(source).
    type: list
    elements: dict
    default: []
  indexes:
    description:
      - The indexes that the site stages from. Others that C(pyproject.toml) names are refused.
      - An empty one, or none, means pip's default index, if the control host has a pip that reports it.
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
import typing as t

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
from ansible_collections.airgap.python.plugins.plugin_utils import _release, _site_files


class LookupModule(LookupBase):
    """Read the requirements that a set has in a file."""

    def run(self, terms: t.Any, variables: t.Any = None, **kwargs: t.Any) -> t.List[str]:
        """Return the lines of all files in their order."""
        self.set_options(var_options=variables, direct=kwargs)
        folders = _site_files.folders(variables)
        lines: t.List[str] = []
        try:
            for term in terms:
                path = _site_files.find(str(term), folders, file_of, "Name a file on the control host.")
                lines += [self.render(line, folders) for line in self.lines(path)]
        except AirgapError as error:
            raise AnsibleError(str(error)) from error
        return lines

    def lines(self, path: str) -> t.Sequence[_requirement.Line]:
        """Return the lines of one file."""
        name = os.path.basename(path)
        if _release.is_archive(path):
            parsed = parse(path, read_release)
            return parsed.constraints if self.get_option("kind") == "constraints" else parsed.requirements
        if name in _project_files.EXPORTS:
            raise AirgapError(
                "%s is a lock of a single tool. In its folder, run '%s', and name the file that it writes."
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

    def render(self, line: _requirement.Line, folders: t.Sequence[str]) -> str:
        """Return a requirement as pip reads it, with its full URL, and its place relative to the site's folders."""
        text = _requirement.with_full_url(line) + "".join(" --hash=" + one for one in line.hashes)
        if not self.get_option("origin"):
            return text
        near = [line.where[len(folder) + 1 :] for folder in folders if line.where.startswith(folder + os.sep)]
        return text + _requirements_file.ORIGIN + shown((near or [line.where])[0])

    def pyproject(self, path: str) -> t.List[_requirement.Line]:
        """Return what a project requires; warns of settings that are ignored."""
        document = toml(path)
        found = _project_files.pyproject(document, self.get_option("extras"), self.get_option("groups"), path)
        names = [project_of(line.text) for line in found]
        # An empty index is pip's default.
        indexes = [one or default_index() for one in self.get_option("indexes") or [""]]
        for warning in _sources.check_sources(document, names, self.get_option("build"), indexes, path):
            Display().warning(warning)
        return found


def default_index() -> str:
    """Return pip's default index, or "" if the control host has no pip that reports it."""
    try:
        from pip._internal.models.index import PyPI
    except ImportError:
        return ""
    return str(getattr(PyPI, "simple_url", ""))


def parse(path: str, read: t.Callable[[str], str] = _requirements_file.read_file) -> _requirements_file.Parsed:
    """Return the content of a requirements file and of those that it includes; refuses options."""
    parsed = _requirements_file.parse([], [path], [], read, {})
    _requirements_file.refuse_options(parsed)
    return parsed


def read_release(path: str) -> str:
    """Return the requirements.txt of a release archive, which includes no other file."""
    text = _release.read_text(path, "requirements.txt") if _release.is_archive(path) else None
    if text is None:
        raise AirgapError("%s has no requirements.txt. Unpack the release, and name the file." % path)
    return text


def file_of(path: str) -> t.Optional[str]:
    """Return the path if it is that of a file, that of requirements.txt in a folder, else None."""
    path = os.path.join(path, "requirements.txt") if os.path.isdir(path) else path
    return path if os.path.isfile(path) else None


def toml(path: str) -> t.Dict[str, t.Any]:
    """Return the content of a TOML file."""
    # The control host has Python 3.11 or newer; sanity imports this on older ones.
    import tomllib

    try:
        with open(path, "rb") as stream:
            return tomllib.load(stream)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise AirgapError("%s is not valid TOML: %s." % (path, error)) from error
