# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promotion: versions that are on one index of a devpi-server are copied to another one, by the server itself."""

from __future__ import annotations

import os
import re
import typing as t
from urllib.parse import quote, unquote, urljoin, urlsplit

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _login, _names, _settings, _uploads
from ansible_collections.airgap.python.plugins.module_utils._index._client import SIMPLE_JSON, Client, Json, Listed
from ansible_collections.airgap.python.plugins.module_utils._versions import canonical
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import normalize
from ansible_collections.airgap.python.plugins.module_utils._wheels._wheel import Wheel

_ASKED = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*==\s*([A-Za-z0-9!+._*-]+)\s*\Z")
MOST_NAMED = _uploads.MOST_NAMED


class Visible(t.NamedTuple):
    """A file as an index shows it, and the index that holds it."""

    holder: str
    listed: Listed


class Version(t.NamedTuple):
    """A version as an index holds it; name and version as they were registered, and the metadata for an upload form."""

    holder: str
    project: str
    name: str
    version: str
    fields: t.Tuple[t.Tuple[str, str], ...]
    files: t.Tuple[str, ...]


class File(t.NamedTuple):
    """A file to promote."""

    filename: str
    sha256: str
    requires_python: str


class Promotion(t.NamedTuple):
    """A version, and which of its files the other index lacks and has."""

    version: Version
    missing: t.Tuple[File, ...]
    present: t.Tuple[File, ...]


def parse_versions(asked: t.Iterable[str]) -> t.Dict[str, t.Set[str]]:
    """Return the versions of each project in a list of NAME==VERSION."""
    found: t.Dict[str, t.Set[str]] = {}
    for text in asked:
        match = _ASKED.match(text)
        if not match or "*" in text:
            raise AirgapError("%r is not a version. Write NAME==VERSION, such as demo==1.0." % text)
        found.setdefault(normalize(match.group(1)), set()).add(match.group(2))
    return found


def files_by_index(page: Json, url: str, root: str) -> t.Dict[str, Visible]:
    """Return the files of a simple page (PEP 691) by name, with the index that their address shows."""
    found: t.Dict[str, Visible] = {}
    for entry in page.get("files", []):
        path = unquote(urlsplit(urljoin(url, str(entry.get("url", "")))).path)
        match = re.match(re.escape(unquote(root)) + r"/([^/]+/[^/]+)/\+[ef]/", path)
        if match:
            sha256 = str((entry.get("hashes") or {}).get("sha256", "")).lower()
            listed = Listed(sha256, str(entry.get("requires-python") or ""))
            found.setdefault(str(entry.get("filename")), Visible(match.group(1), listed))
    return found


def versions_of(index: str, project: str, document: Json) -> t.List[Version]:
    """Return the versions in devpi's document of a project on an index."""
    found = []
    for version in sorted(document):
        data = document[version]
        files = [
            unquote(urlsplit(str(link.get("href", ""))).path).rpartition("/")[2]
            for link in data.get("+links") or []
            if link.get("rel") == "releasefile"
        ]
        fields: t.List[t.Tuple[str, str]] = [("name", str(data.get("name", project))), ("version", version)]
        for key in sorted(data):
            if key.startswith("+") or key in ("name", "version"):
                continue
            values = data[key] if isinstance(data[key], list) else [data[key]]
            fields += [(key, str(value)) for value in values if value not in ("", None)]
        found.append(Version(index, project, fields[0][1], version, tuple(fields), tuple(sorted(files))))
    return found


def choose(source: str, project: str, asked: t.Set[str], versions: t.Sequence[Version]) -> t.List[Version]:
    """Return the versions that are asked for; raises AirgapError, with those that exist, if one of them has no file."""
    chosen = []
    for text in sorted(asked):
        found = [one for one in versions if one.files and canonical(one.version) == canonical(text)]
        if not found:
            exist = sorted({one.version for one in versions if one.files}) or ["none"]
            raise AirgapError(
                "Index %s has no file of %s %s. Versions that it has: %s. Nothing was promoted. Publish that version there first."
                % (source, project, text, ", ".join(exist))
            )
        chosen += found
    return chosen


def check_source(source: str, wanted: t.Mapping[str, str], visible: t.Mapping[str, Visible]) -> None:
    """Raise AirgapError unless an index shows each of the wanted files with its SHA-256."""
    wrong = []
    for filename in sorted(wanted):
        if filename not in visible:
            wrong.append("%s is not there" % filename)
        elif visible[filename].listed.sha256 != wanted[filename]:
            there = visible[filename].listed.sha256 or "(none)"
            wrong.append("%s has sha256 %s there and %s in the bundle" % (filename, there, wanted[filename]))
    if wrong:
        raise AirgapError(
            "Index %s does not have the files of the bundle: %s. Nothing was promoted. Publish the bundle there first."
            % (source, "; ".join(wrong[:MOST_NAMED]))
        )


def compare(
    version: Version,
    visible: t.Mapping[str, Visible],
    there: t.Mapping[str, Visible],
    mirrors: t.Collection[str],
) -> t.Tuple[Promotion, t.List[str]]:
    """Return what is missing on the other index of a version, and the conflicts of its files there.

    A file that the other index inherits counts as its own, unless it inherits it from where it is promoted from, or from a
    mirror, whose files are hidden by what is published inside.
    """
    missing, present, conflicts = [], [], []
    for filename in version.files:
        listed = visible[filename].listed
        file = File(filename, listed.sha256, listed.requires_python)
        found = there.get(filename)
        if found is not None and (found.holder in mirrors or found.holder == version.holder):
            found = None
        if found is not None and found.listed.sha256 != listed.sha256:
            conflicts.append(
                "%s (sha256 on %s %s, on %s %s)"
                % (filename, version.holder, listed.sha256, found.holder, found.listed.sha256 or "not given")
            )
        elif found is not None:
            present.append(file)
        else:
            missing.append(file)
    return Promotion(version, tuple(missing), tuple(present)), conflicts


class Server:
    """The indexes of one server, as far as a promotion needs them."""

    def __init__(self, client: Client) -> None:
        self.client = client
        users = (client.request("GET", "/") or {}).get("result", {})
        self.kinds = {
            "%s/%s" % (user, name): _settings.KINDS.get(str(config.get("type")), "")
            for user, found in users.items()
            for name, config in (found.get("indexes") or {}).items()
        }
        self.mirrors = {name for name, kind in self.kinds.items() if kind == _settings.MIRROR}

    def visible(self, index: str, project: str) -> t.Dict[str, Visible]:
        """Return the files of a project that an index shows, its own and those that it inherits."""
        path = "%s/+simple/%s/" % (_names.index_path(index), quote(project, safe=""))
        page = self.client.request("GET", path, missing_ok=True, accept=SIMPLE_JSON)
        return files_by_index(page or {}, self.client.url(path), self.client.root)

    def versions(self, index: str, project: str) -> t.List[Version]:
        """Return the versions of a project that an index holds itself."""
        path = "%s/%s?ignore_bases=" % (_names.index_path(index), quote(project, safe=""))
        document = (self.client.request("GET", path, missing_ok=True) or {}).get("result") or {}
        return versions_of(index, project, document)

    def push(self, version: Version, target: str) -> None:
        """Let the server copy all files of a version."""
        path = _names.index_path(version.holder)
        body = {"name": version.name, "version": version.version, "targetindex": target}
        response = self.client.send_json("POST", path, body)
        # The former one of two equal requests may have copied them; what the index lists afterwards decides.
        if response.status == 409 and response.repeated:
            return
        self.client.document("POST", path, response)

    def copy(self, version: Version, file: File, target: str, folder: str) -> None:
        """Copy one file of a version over this host: devpi copies no version of which the other index has a file."""
        path = os.path.join(folder, "promoted")
        place = "%s/+f/%s/%s/%s" % (
            _names.index_path(version.holder),
            file.sha256[:3],
            file.sha256[3:16],
            quote(file.filename),
        )
        try:
            found = self.client.download(place, path)
            if found != file.sha256:
                raise AirgapError(
                    "Index %s lists %s with sha256 %s and sends a file with %s. It was not promoted. Check the disk of the "
                    "index host." % (version.holder, file.filename, file.sha256, found)
                )
            self.client.upload(
                target,
                Wheel(
                    path,
                    file.filename,
                    file.sha256,
                    version.project,
                    version.version,
                    file.requires_python,
                    version.fields,
                ),
            )
        finally:
            if os.path.exists(path):
                os.unlink(path)


def plan(server: Server, source: str, target: str, wanted: t.Mapping[str, t.Any]) -> t.List[Promotion]:
    """Compare the two indexes; raises AirgapError if a file is not on the one, or is another one on the other.

    ``wanted`` has for each project a set of versions, or the files of a bundle with their SHA-256. The unit is a version.
    """
    promotions: t.List[Promotion] = []
    conflicts: t.List[str] = []
    for project in sorted(wanted):
        asked = wanted[project]
        visible = {
            name: one for name, one in server.visible(source, project).items() if one.holder not in server.mirrors
        }
        holders = sorted({one.holder for one in visible.values()})
        versions = [one for index in holders for one in server.versions(index, project)]
        # Of a file on several of the indexes, the one that clients see is promoted.
        versions = [
            one._replace(
                files=tuple(name for name in one.files if name in visible and visible[name].holder == one.holder)
            )
            for one in versions
        ]
        if isinstance(asked, dict):
            check_source(source, asked, visible)
            chosen = [one for one in versions if set(one.files) & set(asked)]
        else:
            chosen = choose(source, project, asked, versions)
        there = server.visible(target, project) if target in server.kinds else {}
        for version in chosen:
            if version.holder == target:
                continue
            promotion, found = compare(version, visible, there, server.mirrors)
            promotions.append(promotion)
            conflicts += found
    if conflicts:
        raise AirgapError(
            "Index %s shows other files under the same names: %s. Nothing was promoted. A published file is never replaced: "
            "give the new one a new version." % (target, "; ".join(conflicts[:MOST_NAMED]))
        )
    return promotions


def check_promoted(server: Server, target: str, promotions: t.Iterable[Promotion]) -> t.List[Promotion]:
    """Return the promotions with the files that the other index still lacks, after it was read again.

    Raises AirgapError if it lists a file with another SHA-256 or another Requires-Python.
    """
    left = []
    wrong = []
    listings: t.Dict[str, t.Dict[str, Listed]] = {}
    for one in promotions:
        project = one.version.project
        if project not in listings:
            listings[project] = server.client.list_files(target, project)
        for file in one.missing:
            found = listings[project].get(file.filename)
            if found is not None and found.sha256 != file.sha256:
                wrong.append("%s has sha256 %s instead of %s" % (file.filename, found.sha256 or "(none)", file.sha256))
            elif found is not None and found.requires_python != file.requires_python:
                wrong.append(
                    "%s has Requires-Python %r instead of %r"
                    % (file.filename, found.requires_python, file.requires_python)
                )
        lacking = tuple(file for file in one.missing if file.filename not in listings[project])
        if lacking:
            left.append(one._replace(missing=lacking))
    if wrong:
        raise AirgapError(
            "Index %s received these files and lists something else: %s. Do not install from it; check the disk and the log of "
            "devpi-server." % (target, "; ".join(wrong[:MOST_NAMED]))
        )
    return left


def wanted_files(params: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
    """Return for each project the versions, or the files of the bundle with their SHA-256, that the options ask for."""
    if params["versions"] is not None:
        return dict(parse_versions(params["versions"]))
    found: t.Dict[str, t.Any] = {}
    known = set()
    for entry in _uploads.files_of_bundle(params["src"], params["bundle_id"]):
        sets = {str(use.get("set")) for use in entry.get("used_by") or []}
        known |= sets
        if params["sets"] is None or sets & set(params["sets"]):
            files = found.setdefault(normalize(str(entry["name"])), {})
            files[os.path.basename(str(entry["path"]))] = str(entry["sha256"])
    unknown = sorted(set(params["sets"] or []) - known)
    if unknown:
        raise AirgapError(
            "The bundle has no set %s; its sets are %s. Correct sets." % (", ".join(unknown), ", ".join(sorted(known)))
        )
    return found


def promote(module: AnsibleModule, client: Client) -> Json:
    """Plan, promote unless in check mode, read the other index again, and return the result."""
    params = module.params
    source, target = params["from_index"], params["to_index"]
    for name in (source, target):
        _names.split_index(name)
    wanted = wanted_files(params)
    if not module.check_mode:
        _login.log_in(client, params)
    server = Server(client)
    if source == target:
        raise AirgapError("from_index and to_index are both %s. Name two indexes." % source)
    if server.kinds.get(source) != _settings.STAGE:
        raise AirgapError("Index %s does not exist, or is a mirror. Correct from_index." % source)
    _uploads.check_index(target, client.get_index(target), module.check_mode)
    promotions = plan(server, source, target, wanted)
    todo = [one for one in promotions if one.missing]
    if todo and not module.check_mode:
        for one in todo:
            if not one.present:
                server.push(one.version, target)
        for one in check_promoted(server, target, todo):
            for file in one.missing:
                server.copy(one.version, file, target, module.tmpdir)
        left = [file.filename for one in check_promoted(server, target, todo) for file in one.missing]
        if left:
            raise AirgapError(
                "Index %s does not list what was promoted to it: %s. Check the log of devpi-server, and run this again."
                % (target, ", ".join(left[:MOST_NAMED]))
            )
    promoted = [file for one in todo for file in one.missing]
    lines = ["%s sha256:%s\n" % (file.filename, file.sha256) for file in promoted]
    return {
        "changed": bool(promoted),
        "promoted": [file.filename for file in promoted],
        "promoted_versions": ["%s==%s" % (one.version.name, one.version.version) for one in todo],
        "promoted_count": len(promoted),
        "present_count": sum(len(one.present) for one in promotions),
        "diff": {"before_header": target, "after_header": target, "before": "", "after": "".join(lines)},
    }
