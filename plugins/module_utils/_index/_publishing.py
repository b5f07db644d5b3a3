# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publishing a bundle to devpi-server, all or nothing: an index for the bundle, every file on it and read back, the switch.

Until the switch, nothing that nodes see changes, so a run that fails or is killed leaves what was served. The next run
continues with what is there.
"""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import os
import typing as t
from urllib.parse import quote

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._access import other_writers
from ansible_collections.airgap.python.plugins.module_utils._bundle import _ledger
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import open_plain
from ansible_collections.airgap.python.plugins.module_utils._folder_lock import locked_folder
from ansible_collections.airgap.python.plugins.module_utils._index import (
    _bundle_indexes,
    _login,
    _names,
    _settings,
    _unchanged,
    _uploads,
)
from ansible_collections.airgap.python.plugins.module_utils._index._bundle_indexes import BundleIndex, Files
from ansible_collections.airgap.python.plugins.module_utils._index._client import SIMPLE_JSON, Client, Json
from ansible_collections.airgap.python.plugins.module_utils._secret_file import write_secret
from ansible_collections.airgap.python.plugins.module_utils._wheels import _metadata, _wheel
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import normalize
from ansible_collections.airgap.python.plugins.module_utils._wheels._wheel import Wheel

# How many wheels are opened and read ahead of the one that is sent.
AHEAD = 16
# How many seconds a run waits for another one that publishes to the same index.
PATIENCE = 600
Version = t.Tuple[str, str]
# The options of the module devpi_publish, besides those of every module that talks to devpi-server, and their rules.
OPTIONS: Json = {
    "index": {"type": "str", "required": True},
    "src": {"type": "path"},
    "bundle_id": {"type": "str"},
    "rollback": {"type": "str"},
    "bases": {"type": "list", "elements": "str", "default": []},
    "acl_upload": {"type": "list", "elements": "str"},
    "keep": {"type": "int", "default": 2},
    "password_file": {"type": "path", "required": True, "no_log": False},
    "password": {"type": "str", "no_log": True},
    "withdrawn": {"type": "list", "elements": "dict", "default": [], "options": _ledger.WITHDRAWN},
    "memory": {"type": "path"},
    "files_dir": {"type": "path"},
}
RULES: Json = {
    "required_one_of": [["bundle_id", "rollback"]],
    "mutually_exclusive": [["bundle_id", "rollback"]],
    "required_by": {"bundle_id": ["src"]},
}


class File(t.NamedTuple):
    """A file of the bundle: ``version`` is its version as its name has it."""

    filename: str
    path: str
    sha256: str
    project: str
    version: str


class Plan(t.NamedTuple):
    """What to do to the server; everything empty if it is as it should be.

    ``settings`` and ``serving`` are the settings to change of the bundle's index and of the one that nodes use.
    """

    create: bool
    settings: Json
    delete: t.Tuple[str, ...]
    upload: t.Tuple[File, ...]
    copy: t.Tuple[File, ...]
    create_serving: bool
    serving: Json
    remove: t.Tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not any(self)


class Steady:
    """Whether the server changed only as this run changed it, since its files were read."""

    def __init__(self) -> None:
        self.is_so = True
        self._serial: t.Optional[int] = None

    def read(self, client: Client) -> None:
        """Note a response to a request that changes nothing."""
        if self._serial is None:
            self._serial = client.serial
        self.is_so = self.is_so and client.serial == self._serial

    def wrote(self, client: Client) -> None:
        """Note a response to a request that made at most one change."""
        if self._serial is not None:
            self.is_so = self.is_so and client.serial - self._serial in (0, 1)
            self._serial = client.serial


def version_in(filename: str) -> str:
    """Return the version in the name of a wheel, an empty text for another file."""
    parts = filename.split("-")
    return parts[1] if len(parts) > 2 else ""


def files_of(entries: t.Iterable[t.Mapping[str, t.Any]], src: str) -> t.List[File]:
    """Return the files that the manifest of a bundle names."""
    entries = list(entries)
    projects = {os.path.basename(str(entry["path"])): normalize(str(entry["name"])) for entry in entries}
    found = []
    for path, sha256 in _uploads.locate(entries, src):
        name = os.path.basename(path)
        found.append(File(name, path, sha256, projects[name], version_in(name)))
    return found


def differing(current: Json, wanted: Json) -> Json:
    """Return the wanted settings that an index does not have; its type cannot be changed."""
    return {
        key: value
        for key, value in wanted.items()
        if key != "type" and not _settings.is_same(key, current.get(key), value)
    }


def compare(files: t.Sequence[File], listed: Files) -> t.Tuple[t.List[File], t.List[str]]:
    """Return the files that the bundle's index lacks, and those on it that are not the bundle's, by name."""
    wanted = {one.filename: one.sha256 for one in files}
    foreign = sorted(name for name, (sha256, dummy) in listed.items() if wanted.get(name) != sha256)
    lacking = [one for one in files if one.filename not in listed or one.filename in foreign]
    return lacking, foreign


def versions_to_copy(lacking: t.Sequence[File], source: Files) -> t.Dict[str, Version]:
    """Return which files another index has, by name: the project and version to copy.

    devpi copies all files of a version. So a version of which that index holds any other file is not copied.
    """
    wanted = {one.filename: one for one in lacking}
    groups: t.Dict[Version, t.List[str]] = {}
    for name in source:
        groups.setdefault((normalize(name.split("-")[0]), version_in(name)), []).append(name)
    found = {}
    for version, names in groups.items():
        if all(name in wanted and wanted[name].sha256 == source[name][0] for name in names):
            found.update({name: version for name in names})
    return found


def check_names(kept: str, lacking: t.Sequence[File], others: Files) -> None:
    """Raise AirgapError if a bundle that was published has another file under the name of one of this bundle."""
    conflicts = [
        "%s (sha256 here %s, there %s)" % (one.filename, one.sha256, others[one.filename][0])
        for one in lacking
        if one.filename in others and others[one.filename][0] != one.sha256
    ]
    if conflicts:
        raise AirgapError(
            "Index %s, of a bundle that was published, holds other files under the same names: %s. Nothing was changed. A "
            "published file is never replaced, because nodes have its hash: give the new one a new version, or stage the one "
            "that was published." % (kept, "; ".join(conflicts[: _uploads.MOST_NAMED]))
        )


def check_read_back(
    name: str, files: t.Sequence[File], listed: Files, declared: t.Mapping[Version, t.Set[str]]
) -> None:
    """Raise AirgapError unless the index lists exactly these files, each with its SHA-256 and its Requires-Python.

    The server computes the SHA-256 of what it received, and takes the metadata from the form. devpi keeps one
    Requires-Python for all files of a version.
    """
    wrong = []
    for one in files:
        sha256, requires_python = listed.get(one.filename, ("", ""))
        if one.filename not in listed:
            wrong.append("%s is not listed" % one.filename)
        elif sha256 != one.sha256:
            wrong.append("%s has sha256 %s instead of %s" % (one.filename, sha256 or "(none)", one.sha256))
        elif requires_python not in declared[(one.project, one.version)]:
            wrong.append("%s has Requires-Python %r, which is not its own" % (one.filename, requires_python))
    names = {one.filename for one in files}
    wrong += ["%s is not in the bundle" % name for name in sorted(listed) if name not in names]
    if wrong:
        raise AirgapError(
            "Index %s does not list what was sent to it: %s. Nodes still get what was served before. Check the disk and the "
            "log of devpi-server, transfer the bundle again, and publish it again."
            % (name, "; ".join(wrong[: _uploads.MOST_NAMED]))
        )


class Publication:
    """One run on one index of one server."""

    def __init__(self, module: AnsibleModule, client: Client) -> None:
        self.module = module
        self.params = module.params
        self.client = client
        self.index: str = self.params["index"]
        self.owner = _names.split_index(self.index)[0]
        self.steady = Steady()
        self.has_user = False
        self.has_password = False
        self.indexes: t.Dict[str, Json] = {}
        self.before: t.Mapping[str, Json] = {}
        self.own: t.Dict[str, t.Tuple[str, str]] = {}

    # What the server has.

    def read_indexes(self) -> None:
        """Read the settings of all indexes."""
        users = (self.client.request("GET", "/") or {}).get("result", {})
        self.steady.read(self.client)
        self.has_user = self.owner in users
        self.indexes = {
            "%s/%s" % (user, name): config
            for user, found in users.items()
            for name, config in (found.get("indexes") or {}).items()
        }
        self.before = dict(self.indexes)

    def read_files(self, name: str, projects: t.Iterable[str] = ()) -> Files:
        """Return the files that an index holds itself, of all its projects and of those named."""
        if name not in self.indexes:
            return {}
        page = self.client.request("GET", _names.index_path(name) + "/+simple/", accept=SIMPLE_JSON) or {}
        listed = {str(one.get("name")) for one in page.get("projects") or []}
        found: t.Dict[str, t.Tuple[str, str]] = {}
        for project in sorted(listed | set(projects)):
            for filename, one in self.client.list_files(name, project).items():
                found[filename] = (one.sha256, one.requires_python)
            self.steady.read(self.client)
        return found

    def read_own(self, files: t.Sequence[File]) -> None:
        """Read the files that the served index holds itself; raises AirgapError if they hide files of the bundle."""
        if self.index not in self.indexes:
            return
        found = self.client.get_index(self.index, projects=True) or {}
        for project in found.get("projects") or []:
            for filename, one in self.client.list_files(self.index, str(project)).items():
                self.own[filename] = (one.sha256, one.requires_python)
        self.steady.read(self.client)
        hidden = [
            "%s (sha256 there %s, in the bundle %s)" % (one.filename, self.own[one.filename][0], one.sha256)
            for one in files
            if self.own.get(one.filename, (one.sha256,))[0] != one.sha256
        ]
        if hidden:
            raise AirgapError(
                "Index %s itself holds other files under the names of files of the bundle, and would serve those: %s. Nothing "
                "was changed. Remove them from %s, or give the new files a new version."
                % (self.index, "; ".join(hidden[: _uploads.MOST_NAMED]), self.index)
            )
        strange = sorted(set(self.own) - {one.filename for one in files})
        if strange and files:
            self.module.warn(
                "Index %s holds %d files itself that are not the bundle's, and nodes see them too: %s%s. Remove them if nobody "
                "is meant to publish there."
                % (self.index, len(strange), ", ".join(strange[:5]), ", ..." if len(strange) > 5 else "")
            )

    # What it should have.

    def is_withdrawn(self, project: str, version: str) -> bool:
        """Return whether a version is withdrawn; raises AirgapError for one that is only yanked."""
        for one in self.params["withdrawn"]:
            if (normalize(one["name"]), one["version"]) == (normalize(project), version):
                if not one["gone"]:
                    raise AirgapError(
                        "%s==%s is yanked, and devpi-server cannot serve a version as yanked. Withdraw it with withdraw_how=gone, "
                        "restore it with withdraw_how=restored, or set airgap_index_kind to static."
                        % (project, version)
                    )
                return True
        return False

    def serving(self, name: str) -> Json:
        """Return the settings of the index that nodes use, when it serves a bundle's index."""
        options = {
            "type": "stage",
            "bases": [name, *self.params["bases"]],
            "volatile": False,
            "acl_upload": self.params["acl_upload"],
            "acl_toxresult_upload": [],
        }
        return _settings.wanted(options, self.owner, self.client.version)

    def plan_settings(self, name: str, identity: str, listing: t.Optional[str], remove: bool) -> Plan:
        """Return what to change of the settings of all indexes; ``listing`` is None where the files were not read."""
        missing = [base for base in self.params["bases"] if base not in self.indexes]
        if missing:
            raise AirgapError(
                "Index %s cannot inherit from %s, which does not exist on the server. Nothing was changed. Create it, or "
                "correct publish_bases." % (self.index, ", ".join(missing))
            )
        found = _bundle_indexes.find(self.index, self.indexes)
        if name in self.indexes and (name not in found or found[name].id != identity):
            raise AirgapError(
                "Index %s exists and is not that of bundle %s. Remove it, or rename it; its name is used for that bundle."
                % (name, identity)
            )
        kind = _settings.type_name(_settings.STAGE, self.client.version)
        wanted = _bundle_indexes.settings(identity, kind, self.params["login_user"])
        number = _bundle_indexes.next_number(found, name)
        digest = listing if listing is not None else (found[name].listing if name in found else "")
        wanted["custom_data"] = _bundle_indexes.custom_data(identity, number, digest)
        current = self.indexes.get(self.index)
        if current is not None and _settings.KINDS.get(str(current.get("type"))) != _settings.STAGE:
            raise AirgapError(
                "Index %s is of type %s and cannot serve a bundle. Set publish_index to another name, or remove it first."
                % (self.index, current.get("type"))
            )
        serving = self.serving(name)
        spare: t.List[str] = []
        if remove:
            spare, used = _bundle_indexes.superfluous(self.index, self.indexes, name, self.params["keep"])
            if used:
                self.module.warn(
                    "%s: not removed, because other indexes inherit from it. Change their bases." % ", ".join(used)
                )
        return Plan(
            name not in self.indexes,
            wanted if name not in self.indexes else differing(self.indexes[name], wanted),
            (),
            (),
            (),
            current is None,
            serving if current is None else differing(current, serving),
            tuple(spare),
        )

    # How it gets it.

    def log_in(self) -> None:
        """Log in, unless this run has."""
        if not self.client.user:
            _login.log_in(self.client, self.params)

    def ensure_owner(self, check_mode: bool) -> bool:
        """Create the user that owns the index, or give it its password; return whether that changed, or would change, something."""
        path = self.params["password_file"]
        changed = write_secret(path, self.params["password"], os.geteuid(), os.getegid(), check_mode)
        if check_mode and (changed or not self.has_user):
            return True
        password = _login.read_password_file(path)
        self.module.no_log_values.add(password)
        if self.has_user and self.client.has_password(self.owner, password):
            return changed
        if check_mode:
            return True
        self.log_in()
        if self.has_user:
            self.client.request("PATCH", _names.user_path(self.owner), {"password": password})
        else:
            self.client.create(_names.user_path(self.owner), {}, {"password": password})
        self.has_user = True
        return True

    def copy(self, source: str, name: str, project: str, version: str) -> bool:
        """Let the server copy a version from one index to another; return whether it did."""
        body = {"name": project, "version": version, "targetindex": name}
        response = self.client.send_json("POST", _names.index_path(source), body)
        return response.status == 200

    def fill(
        self, name: str, files: t.Sequence[File], plan: Plan, source: str, copied: t.Mapping[str, Version]
    ) -> t.Dict[Version, t.Set[str]]:
        """Bring the missing files onto the bundle's index; return the Requires-Python that each version declares.

        While one wheel is sent, the next ones are opened and their metadata are read.
        """
        declared: t.Dict[Version, t.Set[str]] = {}
        missing = {one.filename for one in plan.upload + plan.copy}
        done: t.Set[Version] = set()
        first = [one for one in files if one.filename in missing]
        rest = [one for one in files if one.filename not in missing]
        with contextlib.closing(described([*first, *rest])) as wheels:
            for one, wheel in wheels:
                declared.setdefault((one.project, one.version), set()).add(wheel.requires_python)
                if one.filename not in missing:
                    continue
                version = copied.get(one.filename)
                if version is not None and version not in done:
                    form = dict(wheel.fields)
                    if self.copy(source, name, form["name"], form["version"]):
                        done.add(version)
                if version is None or version not in done:
                    self.client.upload(name, wheel, hashed=False)
        return declared

    def change_settings(self, name: str, create: bool, settings: Json) -> None:
        """Create an index, or change its settings, in one transaction."""
        if create:
            self.client.create(_names.index_path(name), settings)
        elif settings:
            self.client.request("PATCH", _names.index_path(name), settings)
        self.steady.wrote(self.client)

    def remove(self, names: t.Iterable[str]) -> None:
        """Remove indexes with their files, and the empty folders that devpi leaves on disk."""
        for name in names:
            # devpi deletes volatile indexes only.
            self.change_settings(name, False, {"volatile": True})
            self.client.delete(_names.index_path(name))
            self.steady.wrote(self.client)
            if self.params["files_dir"]:
                remove_empty(os.path.join(self.params["files_dir"], *_names.split_index(name)))

    def remember(self, identity: str) -> None:
        """Remember for the next run that everything is right, unless something else changed the server meanwhile."""
        if self.steady.is_so:
            _unchanged.remember(self.params["memory"], self.state(identity))

    def state(self, identity: str) -> _unchanged.State:
        """Return what is remembered if everything is right."""
        password = _unchanged.password_state(self.params["password_file"])
        withdrawn = sorted("%s==%s" % (one["name"], one["version"]) for one in self.params["withdrawn"])
        return _unchanged.state(
            self.client.uuid, self.client.serial, self.index, " ".join([identity, *withdrawn]), password
        )

    def is_unchanged(self, name: str, identity: str, remove: bool) -> bool:
        """Return whether nothing has changed since a run in which everything was right, and nothing else is wanted now."""
        if self.params["password"] is not None:
            # It is compared with the file when the owner's turn comes.
            current = _login.read_password_file(self.params["password_file"]) if self.state("")["password"] else ""
            if current != self.params["password"]:
                return False
        if not _unchanged.is_same(self.params["memory"], self.state(identity)):
            return False
        return self.plan_settings(name, identity, None, remove).is_empty

    # The two things to do.

    def publish(self) -> Json:
        """Serve the bundle in a folder."""
        src, identity = self.params["src"], self.params["bundle_id"]
        entries = _uploads.files_of_bundle(src, identity)
        files = files_of((one for one in entries if not self.is_withdrawn(one["name"], one["version"])), src)
        name = _bundle_indexes.name_of(self.index, identity)
        check_mode = self.module.check_mode
        self.read_indexes()
        former = _bundle_indexes.served(self.index, self.indexes)
        if self.is_unchanged(name, identity, True):
            return self.result(identity, former, files, Plan(False, {}, (), (), (), False, {}, ()), False)
        listed = self.read_files(name, {one.project for one in files})
        self.read_own(files)
        lacking, foreign = compare(files, listed)
        source = ""
        copied: t.Dict[str, Version] = {}
        for kept in self.kept(name, former) if lacking else ():
            others = self.read_files(kept)
            check_names(kept, lacking, others)
            # Probably, the bundle that is served has most of the files.
            if not source:
                source, copied = kept, versions_to_copy(lacking, others)
        final = None if lacking or foreign else _bundle_indexes.digest(listed)
        plan = self.plan_settings(name, identity, final, True)._replace(
            delete=(*foreign, *self.own_withdrawn()),
            upload=tuple(one for one in lacking if one.filename not in copied),
            copy=tuple(one for one in lacking if one.filename in copied),
        )
        if check_mode:
            changed = self.ensure_owner(True)
            return self.result(identity, former, files, plan, changed)
        changed = self.ensure_owner(False)
        if not plan.is_empty:
            self.log_in()
            listed = self.make_whole(name, identity, files, plan, source, copied, listed)
            self.switch(name, identity, plan, _bundle_indexes.digest(listed))
        elif changed:
            self.steady.is_so = False
        self.remember(identity)
        return self.result(identity, former, files, plan, changed)

    def kept(self, name: str, former: t.Optional[BundleIndex]) -> t.List[str]:
        """Return the indexes of the other bundles that were served, first the one that is served now.

        Before them, this bundle where another index of the server serves it, such as a staging: it has every file.
        """
        found = _bundle_indexes.newest_first(_bundle_indexes.find(self.index, self.indexes))
        names = _bundle_indexes.elsewhere(name, self.params["bundle_id"], self.indexes)
        names += [former.name] if former is not None and former.number else []
        return [one for one in dict.fromkeys(names + [one.name for one in found]) if one != name]

    def make_whole(
        self,
        name: str,
        identity: str,
        files: t.Sequence[File],
        plan: Plan,
        source: str,
        copied: t.Mapping[str, Version],
        listed: Files,
    ) -> Files:
        """Make the bundle's index hold exactly the bundle, and return what it lists when it is read back."""
        if plan.create:
            start = dict(plan.settings, custom_data=_bundle_indexes.custom_data(identity))
            self.change_settings(name, True, start)
            self.indexes[name] = start
        else:
            own = {key: value for key, value in plan.settings.items() if key != "custom_data"}
            self.change_settings(name, False, own)
            self.indexes[name] = dict(self.indexes[name], **own)
        for filename in plan.delete:
            if filename in listed:
                self.delete_file(name, filename, listed[filename][0])
        self.remove_own_withdrawn()
        if plan.upload or plan.copy or plan.delete:
            declared = self.fill(name, files, plan, source, copied)
            self.steady = Steady()
            listed = self.read_files(name, {one.project for one in files})
            check_read_back(name, files, listed, declared)
        return listed

    def own_withdrawn(self) -> t.List[str]:
        """Return the files that the served index holds itself, of versions that are withdrawn."""
        return [name for name in sorted(self.own) if self.is_withdrawn(name.split("-")[0], version_in(name))]

    def remove_own_withdrawn(self) -> None:
        """Remove the files that the served index holds itself, of versions that are withdrawn."""
        for filename in self.own_withdrawn():
            self.delete_file(self.index, filename, self.own[filename][0])

    def delete_file(self, name: str, filename: str, sha256: str) -> None:
        """Remove a file that must not be served from an index."""
        path = "%s/+f/%s/%s/%s" % (_names.index_path(name), sha256[:3], sha256[3:16], quote(filename))
        response = self.client.send("DELETE", path + "?force")
        if response.status not in (200, 404, 410):
            raise self.client.refusal("DELETE", path, response)

    def switch(self, name: str, identity: str, plan: Plan, listing: str) -> None:
        """Make the index that nodes use serve a bundle's index that is complete, and remove what is not kept."""
        number = _bundle_indexes.next_number(_bundle_indexes.find(self.index, self.indexes), name)
        custom = {"custom_data": _bundle_indexes.custom_data(identity, number, listing)}
        self.change_settings(name, False, differing(self.indexes[name], custom))
        self.change_settings(self.index, plan.create_serving, plan.serving)
        self.remove(plan.remove)

    def roll_back(self) -> Json:
        """Serve a bundle again that was served before and is kept."""
        self.read_indexes()
        target = _bundle_indexes.by_id(self.index, self.indexes, self.params["rollback"])
        former = _bundle_indexes.served(self.index, self.indexes)
        nothing = Plan(False, {}, (), (), (), False, {}, ())
        if self.is_unchanged(target.name, target.id, False):
            return self.result(target.id, former, (), nothing, False)
        listed = self.read_files(target.name)
        withdrawn = [one for one in listed if self.is_withdrawn(one.split("-")[0], version_in(one))]
        listing = _bundle_indexes.digest({name: one for name, one in listed.items() if name not in withdrawn})
        # A run that was killed may have removed some of the withdrawn files.
        if not target.listing or target.listing not in (_bundle_indexes.digest(listed), listing):
            raise AirgapError(
                "Index %s, bundle %s, no longer has the files that it had when it was served. Nothing was changed. Transfer that "
                "bundle again and publish it with publish_older: true, which puts the index right."
                % (target.name, target.id)
            )
        self.read_own(())
        plan = self.plan_settings(target.name, target.id, listing, False)._replace(
            delete=(*withdrawn, *self.own_withdrawn())
        )
        if not self.module.check_mode:
            if not plan.is_empty:
                self.log_in()
                own = {key: value for key, value in plan.settings.items() if key != "custom_data"}
                if withdrawn:
                    own["custom_data"] = _bundle_indexes.custom_data(target.id, target.number, listing)
                self.change_settings(target.name, False, own)
                self.indexes[target.name] = dict(self.indexes[target.name], **own)
                for filename in withdrawn:
                    self.delete_file(target.name, filename, listed[filename][0])
                self.remove_own_withdrawn()
                self.switch(target.name, target.id, plan, listing)
                self.steady.is_so = self.steady.is_so and not withdrawn
            self.remember(target.id)
        return self.result(target.id, former, (), plan, False)

    def result(
        self, identity: str, former: t.Optional[BundleIndex], files: t.Sequence[File], plan: Plan, changed: bool
    ) -> Json:
        """Return the result of the module."""
        before: Json = {}
        after: Json = {}
        own = _bundle_indexes.name_of(self.index, identity)
        for name, create, wanted in (
            (own, plan.create, plan.settings),
            (self.index, plan.create_serving, plan.serving),
        ):
            if wanted:
                before[name] = {} if create else {key: self.before.get(name, {}).get(key) for key in wanted}
                after[name] = wanted
        files_before = ["%s: not the bundle's" % name for name in plan.delete]
        files_after = ["%s sha256:%s" % (one.filename, one.sha256) for one in plan.upload + plan.copy]
        if files_before or files_after:
            before["files"], after["files"] = files_before, files_after
        if plan.remove:
            before["kept"], after["kept"] = list(plan.remove), []
        return {
            "changed": changed or not plan.is_empty,
            "answers": True,
            "switched": changed or not plan._replace(remove=()).is_empty,
            "bundle_id": identity,
            "former_bundle_id": former.id if former else "",
            "uploaded": [one.filename for one in plan.upload],
            "uploaded_count": len(plan.upload),
            "uploaded_bytes": sum(os.path.getsize(one.path) for one in plan.upload),
            "present_count": len(files) - len(plan.upload),
            "corrected": list(plan.delete),
            "removed": list(plan.remove),
            "own_count": len(self.own),
            "diff": {"before": before, "after": after},
        }


def described(files: t.Sequence[File]) -> t.Generator[t.Tuple[File, Wheel], None, None]:
    """Return each file with what it declares, in order; the next ones are read meanwhile.

    Raises AirgapError for all files together that are not as they should be, at the first of them.
    """
    packaging = _uploads.packaging_for((one.path, one.sha256) for one in files if one.project == "pip")

    def describe(one: File) -> Wheel:
        try:
            with open_plain(one.path) as stream:
                reason = other_writers(os.fstat(stream.fileno()))
                if reason:
                    raise AirgapError(
                        "%s can be changed by others: %s. Copy it to a folder of your own." % (one.path, reason)
                    )
                return _wheel.describe(packaging, one.path, one.sha256, _metadata.read(one.path, stream))
        except OSError as error:
            raise AirgapError("%s cannot be read: %s." % (one.path, error.strerror or error)) from error

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting: t.Deque[t.Tuple[File, concurrent.futures.Future[Wheel]]] = collections.deque()
        try:
            for one in files:
                waiting.append((one, pool.submit(describe, one)))
                if len(waiting) > AHEAD:
                    file, future = waiting.popleft()
                    yield file, future.result()
            while waiting:
                file, future = waiting.popleft()
                yield file, future.result()
        except AirgapError as error:
            raise AirgapError(
                "%s Nodes still get what was served before. Transfer the bundle again." % error
            ) from error
        finally:
            for _file, future in waiting:
                future.cancel()


def remove_empty(folder: str) -> None:
    """Remove a folder and all those in it, as far as they are empty."""
    for parent, _folders, _files in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(parent)


def run(module: AnsibleModule, client: Client) -> Json:
    """Publish or roll back, unless no server answers yet in check mode."""
    params = module.params
    for one in [params["index"], *params["bases"]]:
        _names.split_index(one)
    if params["keep"] < 1:
        raise AirgapError("keep is %d. The bundle that is served is always kept, so set 1 or more." % params["keep"])
    publication = Publication(module, client)
    if module.check_mode and not (os.path.exists(params["login_password_file"] or "/") and answers(client)):
        return {"changed": True, "answers": False, "switched": True, "bundle_id": params["bundle_id"] or ""}
    lock = os.path.dirname(params["memory"]) if params["memory"] else None
    with locked_folder(lock, module.check_mode, PATIENCE) if lock else contextlib.nullcontext():
        return publication.publish() if params["rollback"] is None else publication.roll_back()


def answers(client: Client) -> bool:
    """Return whether a server answers."""
    try:
        client.request("GET", "/+api")
    except AirgapError:
        return False
    return True
