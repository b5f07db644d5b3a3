# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engines that resolve a set for a target: pip, which the runner makes evaluate the target's markers, and uv."""

from __future__ import annotations

import inspect
import json
import os
import time
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._files import read_if_exists
from ansible_collections.airgap.python.plugins.module_utils._pip import _index_pages, _settings
from ansible_collections.airgap.python.plugins.module_utils._pip._command import Pip, log_command, run_logged
from ansible_collections.airgap.python.plugins.module_utils._resolve import (
    _no_wheel,
    _pip_resolution,
    _pip_runner,
    _resolve_error,
    _uv,
)
from ansible_collections.airgap.python.plugins.module_utils._resolve._inputs import EngineInputs
from ansible_collections.airgap.python.plugins.module_utils._target import _target
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

# The folder in the scratch folder through which pip's resolutions share pages and files.
SHARED = "shared"
# Of each target: name, version, extra, and the extras that the project has, if the engine reports them.
UnknownExtras = t.Dict[_target.Target, t.List[t.Tuple[str, str, str, t.Optional[t.List[str]]]]]


class PipEngine:
    """Resolves with pip, which the runner makes evaluate the target's markers."""

    def __init__(self, pip: Pip) -> None:
        self.pip = pip
        self.name = "pip " + pip.version
        self.unknown_extras: UnknownExtras = {}
        # Read once and here: resolutions run in parallel, and inspect is not thread-safe.
        self.runner = inspect.getsource(_pip_runner)

    def resolve(
        self,
        target: _target.Target,
        inputs: EngineInputs,
        folder: str,
    ) -> t.Tuple[t.List[_lock.Pin], t.List[str]]:
        """Return the pins and warnings; ``folder`` is used by this resolution only."""
        rc, out = self.run(target, inputs, folder, {})
        pages = read_if_exists(os.path.join(folder, _pip_runner.PAGES))
        if pages:
            noted = json.loads(pages.decode("utf-8"))
            noted["unread"].update(_index_pages.ignored_by_pip(out))
            refuse_unread(self.pip, _index_pages.Pages(noted["unread"], frozenset(noted["answered"])), target)
        if rc != 0:
            message = _pip_resolution.why_unresolved(
                out, target, "the requirements cannot be resolved", self.pip.log or ""
            )
            raise _pip_resolution.parse_refusal(out) or _resolve_error.ResolveError(message, out)
        with open(os.path.join(folder, "report.json"), encoding="utf-8") as stream:
            report = json.load(stream)
        warnings = [
            "target %s: %s was yanked from its index. The requirements or the lock pin it; upgrade moves it."
            % (target.name, one)
            for one in _pip_resolution.yanked_versions(out)
        ]
        known = {_lock.normalize(one["metadata"]["name"]): one["metadata"] for one in report.get("install", [])}
        self.unknown_extras[target] = [
            (name, version, extra, known.get(name, {}).get("provides_extra", []))
            for name, version, extra in _pip_resolution.unknown_extras(out)
        ]
        return _pip_resolution.read_report(report, target), warnings

    def run(
        self,
        target: _target.Target,
        inputs: EngineInputs,
        folder: str,
        variables: t.Mapping[str, str],
    ) -> t.Tuple[int, str]:
        """Run pip with the target's markers; return its status and its output."""
        runner = os.path.join(folder, "runner.py")
        with open(runner, "w", encoding="utf-8") as stream:
            stream.write(self.runner)
        environment = os.path.join(folder, "environment.json")
        with open(environment, "w", encoding="utf-8") as stream:
            json.dump(target.markers(), stream)
        arguments = _pip_resolution.resolve_arguments(target, inputs, folder)
        shared = os.path.join(os.path.dirname(folder), SHARED)
        return self.pip.run_with_retries(
            arguments, dict(variables, **{_pip_runner.SHARED: shared}), (runner, environment)
        )

    def unmet_requirements(
        self,
        target: _target.Target,
        inputs: EngineInputs,
        folder: str,
    ) -> t.List[str]:
        """Return the requirements that no file of the index meets, without resolving."""
        dummy, out = self.run(target, inputs, folder, {_pip_runner.LOOK: "1"})
        lines = out.splitlines()
        return [line[len(_pip_runner.NONE) :] for line in lines if line.startswith(_pip_runner.NONE)]


def refuse_unread(pip: Pip, pages: _index_pages.Pages, target: _target.Target) -> None:
    """Raise UnreadError if an index gave no answer about a project."""
    unread = _index_pages.unread_pages(pages, lambda: _no_wheel.indexes_forbidding_unknown(pip))
    if unread:
        raise _resolve_error.UnreadError("target %s: %s" % (target.name, _index_pages.unread_message(unread)))


class UvEngine:
    """Resolves with uv."""

    def __init__(self, pip: Pip, uv: str) -> None:
        self.pip = pip
        self.uv = uv
        self.unknown_extras: UnknownExtras = {}
        rc, out = run_logged([uv, "--version"], dict(os.environ), None, {})
        if rc != 0:
            raise _resolve_error.ResolveError(
                "%s does not run: %s. Install uv there, or name it in uv." % (uv, out.strip()[-200:])
            )
        self.name = out.strip()

    def resolve(
        self,
        target: _target.Target,
        inputs: EngineInputs,
        folder: str,
    ) -> t.Tuple[t.List[_lock.Pin], t.List[str]]:
        """Return the pins and warnings; ``folder`` is used by this resolution only."""
        arguments = _uv.resolve_arguments(target, inputs, folder)
        environment = _uv.variables(self.pip.settings, target, os.environ)
        command = [self.uv] + arguments + ["--python", self.pip.python]
        started = time.time()
        rc, out = run_logged(command, environment, None, {})
        pages = _index_pages.pages_of_uv(
            out, [url for key in _settings.INDEXES for url in self.pip.settings.get(key, "").split()]
        )
        out = _uv.without_trace(out)
        log_command(command, rc, time.time() - started, out, self.pip.log, self.pip.secrets())
        out = _secrets.hide(out, self.pip.secrets())
        refuse_unread(self.pip, pages, target)
        if rc != 0:
            raise _uv.parse_refusal(out) or _resolve_error.ResolveError(_uv.why_unresolved(out, target), out)
        self.unknown_extras[target] = [one + (None,) for one in _pip_resolution.unknown_extras(out)]
        rc, out = self.pip.call(["-c", READ_TOML, os.path.join(folder, "pylock.toml")], os.environ)
        if rc != 0:
            raise _resolve_error.ResolveError(
                "target %s: uv's lock cannot be read: %s" % (target.name, out.strip()[-300:])
            )
        from ansible_collections.airgap.python.plugins.module_utils._wheels import _packaging

        # check_requirements() has already found it.
        packaging = _packaging.load([self.pip.folder])
        return _uv.read_lock(packaging, json.loads(out), target, folder), []


# tomllib came with Python 3.11; on older versions, pip's vendored copy is used.
READ_TOML = """
import json, sys
try:
    import tomllib
except ImportError:
    from pip._vendor import tomli as tomllib
with open(sys.argv[1], "rb") as stream:
    print(json.dumps(tomllib.load(stream), default=str))
"""
