# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the tools' tables of a pyproject.toml take a project from: a commit, a folder, a URL, an index.

By its name alone, the project would come from the site's index, where someone
else may own the name. So each of these is refused, with what to do. Tables are those of
uv ("Managing dependencies"), Poetry ("Dependency specification", "Repositories")
and PDM ("Configure the Project"). No I/O happens here.
"""

from __future__ import annotations

import fnmatch
import os
import re
import typing as t
import urllib.parse

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._resolve._build_advice import build_advice
from ansible_collections.airgap.python.plugins.module_utils._secrets import without_secrets, without_user
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import normalize

INDEX_FIX = "Name it in stage_index_url (if it also serves the public projects) or stage_extra_index_urls"


class Index(t.NamedTuple):
    """An index in a pyproject.toml; ``names`` are patterns of the names that come from it, None means all names."""

    table: str
    name: str
    url: str
    names: t.Optional[t.Tuple[str, ...]]

    def shown(self) -> str:
        """Return the index as messages show it."""
        return " ".join(part for part in (self.name, "(%s)" % without_secrets(self.url) if self.url else "") if part)


def _tool(document: t.Mapping[str, t.Any], *keys: str) -> t.Any:
    """Return a table below [tool], or an empty one."""
    found: t.Any = document.get("tool", {})
    for key in keys:
        found = found.get(key, {}) if isinstance(found, dict) else {}
    return found


def _listed(value: t.Any) -> t.List[t.Any]:
    """Return a value that may be a list or a single element as a list."""
    return value if isinstance(value, list) else [value] if value else []


def _indexes(document: t.Mapping[str, t.Any]) -> t.List[Index]:
    """Return the indexes that the tools' tables name."""
    found = []
    for one in _listed(_tool(document, "uv", "index")):
        found.append(Index("[tool.uv]", one.get("name", ""), one.get("url", ""), () if one.get("explicit") else None))
    for key in ("index-url", "extra-index-url"):
        found += [Index("[tool.uv]", "", url, None) for url in _listed(_tool(document, "uv", key))]
    for one in _listed(_tool(document, "poetry", "source")):
        names = () if one.get("priority") == "explicit" else None
        found.append(Index("[tool.poetry]", one.get("name", ""), one.get("url", ""), names))
    for one in _listed(_tool(document, "pdm", "source")):
        names = tuple(one["include_packages"]) if one.get("include_packages") else None
        found.append(Index("[tool.pdm]", one.get("name", ""), one.get("url", ""), names))
    return found


def _sources(document: t.Mapping[str, t.Any]) -> t.Iterator[t.Tuple[str, str, t.Mapping[str, t.Any]]]:
    """Yield (table, normalized name, source) of the entries for single names."""
    tables = [("[tool.uv.sources]", _tool(document, "uv", "sources"))]
    tables.append(("[tool.poetry.dependencies]", _tool(document, "poetry", "dependencies")))
    for group in _tool(document, "poetry", "group"):
        table = _tool(document, "poetry", "group", group, "dependencies")
        tables.append(("[tool.poetry.group.%s.dependencies]" % group, table))
    for where, table in tables:
        for name, value in table.items():
            for one in _listed(value):
                if isinstance(one, dict):
                    yield where, normalize(name), one


def _reference(source: t.Mapping[str, t.Any], where: str) -> str:
    """Return a source as the URL or path of a requirement; "" for an index or a version."""
    if source.get("git"):
        url = str(source["git"])
        if not re.match(r"^[a-z+]+://", url):
            # git's own short form, as of scp(1).
            url = "ssh://" + url.replace(":", "/", 1)
        ref = source.get("rev") or source.get("tag") or source.get("branch") or ""
        fragment = "#subdirectory=%s" % source["subdirectory"] if source.get("subdirectory") else ""
        return "%s%s%s" % (url if url.startswith("git+") else "git+" + url, "@%s" % ref if ref else "", fragment)
    if source.get("url"):
        return str(source["url"])
    if source.get("path"):
        return os.path.normpath(os.path.join(os.path.dirname(where), str(source["path"])))
    return "FOLDER" if source.get("workspace") else ""


def _plain(url: str) -> str:
    """Return a URL in the form in which URLs are compared."""
    parts = urllib.parse.urlsplit(without_user(url))
    return "%s://%s%s" % (parts.scheme.lower(), parts.netloc.lower(), parts.path.rstrip("/"))


def check_sources(
    document: t.Mapping[str, t.Any],
    names: t.Iterable[str],
    build: t.Iterable[t.Mapping[str, t.Any]],
    indexes: t.Iterable[str],
    where: str,
) -> t.List[str]:
    """Return warnings about the sources of the wanted names in a pyproject.toml; raises AirgapError with all refusals.

    ``build`` are the entries of stage_build: a project with a vcs or source there
    comes from nowhere else. ``indexes`` are the URLs that the site stages from.
    """
    wanted = list(dict.fromkeys(normalize(name) for name in names))
    own = {normalize(str(one.get("name", ""))) for one in build if one.get("vcs") or one.get("source")}
    site = [_plain(url) for url in indexes if url]
    refused, warnings = [], []

    def from_index(table: str, name: str, index: Index) -> None:
        if _plain(index.url) not in site:
            refused.append(
                "%s takes %s from the index %s, but only the site's indexes are used, where %s may be someone else's. "
                "%s, or build it: %s" % (table, name, index.shown(), name, INDEX_FIX, build_advice(name, "FOLDER"))
            )
        elif len(site) > 1:
            warnings.append(
                "%s: %s takes %s from the index %s only. Here all indexes are equal, and the highest version wins: "
                "check where %s comes from, or name one index that serves everything."
                % (where, table, name, index.shown(), name)
            )

    known = _indexes(document)
    for table, name, source in _sources(document):
        if name not in wanted or name in own:
            continue
        reference = _reference(source, where)
        label = source.get("index") or source.get("source")
        if reference:
            refused.append(
                "%s takes %s from %s, but here it would come from the index, where it may be someone else's. %s"
                % (table, name, without_secrets(reference), build_advice(name, reference))
            )
        elif label and normalize(str(label)) != "pypi":
            named = [one for one in known if one.name == label] or [Index(table, str(label), "", ())]
            from_index(table, name, named[0])
    for index in known:
        if index.names is None:
            if index.url and _plain(index.url) not in site:
                refused.append(
                    "%s names the index %s, but a file cannot set an index. %s, or remove it from the file."
                    % (index.table, index.shown(), INDEX_FIX)
                )
            continue
        for name in wanted:
            if name not in own and any(fnmatch.fnmatchcase(name, normalize_pattern(one)) for one in index.names):
                from_index(index.table, name, index)
    if refused:
        raise AirgapError("%s: %s" % (where, " ".join(dict.fromkeys(refused))))
    for table, value in (
        ("override-dependencies of [tool.uv]", _tool(document, "uv", "override-dependencies")),
        ("overrides of [tool.pdm.resolution]", _tool(document, "pdm", "resolution", "overrides")),
    ):
        if value:
            warnings.append(
                "%s: %s are ignored: the projects' own requirements apply. Write versions that fit them as constraints of "
                "the set." % (where, table)
            )
    return warnings


def normalize_pattern(text: str) -> str:
    """Return a pattern of names in the form of normalized names."""
    return re.sub(r"[-_.]+", "-", text).lower()


def constraints(document: t.Mapping[str, t.Any]) -> t.List[str]:
    """Return the constraints in uv's table."""
    return [str(one) for one in _listed(_tool(document, "uv", "constraint-dependencies"))]
