# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mirror with bandersnatch what locks name, and verify it."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
import typing as t
import urllib.request

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._disk_space import free_space
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import (
    make_folder,
    read_if_exists,
    write_atomic,
)
from ansible_collections.airgap.python.plugins.module_utils._folder_lock import locked_folder
from ansible_collections.airgap.python.plugins.module_utils._pip._command import Pip, interpreter_path, log_command
from ansible_collections.airgap.python.plugins.module_utils._resolve import _mirror_config, _mirror_pages
from ansible_collections.airgap.python.plugins.module_utils._resolve._lock_folder import matching_files
from ansible_collections.airgap.python.plugins.module_utils._target import _target_parser
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import Pin, normalize

ModuleResult = t.Dict[str, t.Any]
Pages = t.Dict[str, t.Optional[t.List[_mirror_pages.PageFile]]]
# The configuration of the last mirror that was complete; while bandersnatch runs, that of the new one.
CONFIG, NEW_CONFIG = "bandersnatch.conf", "bandersnatch.conf.new"
# It may hold a password.
CONFIG_MODE = 0o600
# How bandersnatch names a file that it has not completed: tempfile's random part follows the name.
INTERRUPTED = re.compile(r"\..+\.[a-z0-9_]{8}")


class State(t.NamedTuple):
    """What the mirror has: its pages, pin to path of the locks' files that are intact, and what is wrong, as sentences."""

    pages: Pages
    found: t.Dict[Pin, str]
    problems: t.List[str]


class Size(t.NamedTuple):
    """Files and their bytes."""

    files: int
    bytes: int

    def as_dict(self) -> t.Dict[str, int]:
        """Return it as data."""
        return {"files": self.files, "bytes": self.bytes}


def run_module(module: AnsibleModule) -> ModuleResult:
    """Mirror and verify; return the module's result."""
    params = module.params
    module.no_log_values.update(_secrets.passwords([params["index_url"], params["proxy"], params["upstream"]]))
    job = MirrorJob(module)
    module.no_log_values.update(job.secrets())
    with locked_folder(params["path"], module.check_mode):
        return job.run()


class MirrorJob:
    """One run: what may be mirrored, and from where."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.params = module.params
        self.path: str = self.params["path"]
        self.web = os.path.join(self.path, "web")
        self.pip = Pip(interpreter_path(self.params), self.params, self.params["log"])
        targets, dummy = _target_parser.parse_all(self.params["targets"])
        exempt = {normalize(name) for name in self.params["exempt"]}
        pins = {
            Pin(normalize(one["name"]), one["version"], one["sha256"], one["filename"], 0, one["origin"] or "")
            for one in self.params["files"]
        }
        # What was built here has no upstream.
        self.others = sorted({pin.filename for pin in pins if pin.name in exempt or pin.origin.startswith("built:")})
        self.pins = sorted(pin for pin in pins if pin.filename not in self.others)
        self.allowed = _mirror_config.allowlist(self.pins)
        self.projects = _mirror_config.projects(self.allowed)
        self.excluded = _mirror_config.excluded_platforms(targets, [pin.filename for pin in self.pins])
        self.upstream = (self.params["upstream"] or "").rstrip("/") or _mirror_config.upstream_of(
            self.pip.settings.get("index-url", "")
        )
        settings = _mirror_config.Settings(
            self.upstream,
            _mirror_config.choose_proxy(
                self.upstream,
                self.pip.settings.get("proxy", ""),
                urllib.request.getproxies(),
                lambda host: bool(urllib.request.proxy_bypass(host)),
            ),
            self.pip.settings.get("timeout", ""),
            self.params["processes"],
        )
        self.proxy = settings.proxy
        self.config = _mirror_config.render(self.path, settings, self.allowed, self.excluded)

    def secrets(self) -> t.Dict[str, str]:
        """Return the passwords in the settings, each with what is shown in its place."""
        return dict(self.pip.secrets(), **_secrets.masks(_secrets.passwords([self.upstream, self.proxy])))

    def run(self) -> ModuleResult:
        """Mirror what is missing; return the module's result."""
        before = (read_if_exists(self.config_path(CONFIG)) or b"").decode("utf-8")
        state = self.read()
        needed = self.params["refresh"] or before != self.config or bool(state.problems)
        removed: t.List[str] = []
        if needed and not self.module.check_mode:
            state = self.mirror()
        if not self.module.check_mode:
            removed = self.remove_unused(state)
        web, unused = self.sizes(state)
        return {
            "changed": needed or bool(removed),
            "mirrored": needed,
            "config": self.config_path(CONFIG),
            "projects": self.projects,
            "excluded": self.excluded,
            "others": self.others,
            "removed": removed,
            "packages": os.path.join(self.web, "packages"),
            "mirror": web.as_dict(),
            "unused": unused.as_dict(),
            "locked": size_of(state.found.values()).as_dict(),
            "diff": {
                "before_header": self.config_path(CONFIG),
                "after_header": self.config_path(CONFIG),
                "before": before,
                "after": self.config,
            },
        }

    def config_path(self, name: str) -> str:
        """Return the path of a configuration."""
        return os.path.join(self.path, name)

    def read(self) -> State:
        """Read the pages of the projects, and verify each file that one of them or a lock names."""
        pages: Pages = {}
        problems = []
        for project in self.projects:
            text = read_if_exists(os.path.join(self.web, _mirror_pages.page_path(project)))
            pages[project] = None
            if text is None:
                problems.append("%s has no page" % project)
                continue
            try:
                pages[project] = _mirror_pages.parse_page(text.decode("utf-8", "replace"), project)
            except AirgapError as error:
                problems.append(str(error))
        problems += _mirror_pages.differences(self.pins, pages)
        files = {
            Pin(project, "", one.sha256, one.filename, 0): os.path.join(self.web, one.path)
            for project, page in pages.items()
            for one in page or ()
        }
        intact = matching_files(files.items())
        problems += ["%s is missing or damaged" % one.filename for one in sorted(files) if one not in intact]
        found = {}
        for pin in self.pins:
            path = intact.get(Pin(pin.name, "", pin.sha256, pin.filename, 0))
            if path:
                found[pin] = path
        return State(pages, found, problems)

    def mirror(self) -> State:
        """Run bandersnatch, and return what the mirror has then; raises AirgapError unless it is whole."""
        make_folder(self.path)
        remove_interrupted(self.web)
        write_atomic(self.config_path(NEW_CONFIG), self.config.encode("utf-8"), CONFIG_MODE)
        before = self.page_identities()
        rc, out = self.run_bandersnatch()
        output = _mirror_pages.parse_output(out)
        state = self.read()
        # It ends with 0 after most errors, and leaves the old page of a project.
        after = self.page_identities()
        problems = state.problems + [
            "the page of %s was not renewed" % one for one in after if after[one] == before[one]
        ]
        if problems or rc != 0:
            raise AirgapError(
                *_mirror_pages.explain(
                    _secrets.without_secrets(self.upstream),
                    output,
                    problems or ["it ended with status %d" % rc],
                    free_space(self.path),
                    self.params["log"],
                )
            )
        os.rename(self.config_path(NEW_CONFIG), self.config_path(CONFIG))
        return state

    def page_identities(self) -> t.Dict[str, t.Tuple[int, int]]:
        """Return for each project's page what changes when it is written, even with the same content."""
        found = {}
        for project in self.projects:
            found[project] = (0, 0)
            with contextlib.suppress(FileNotFoundError):
                status = os.stat(os.path.join(self.web, _mirror_pages.page_path(project)))
                found[project] = (status.st_ino, status.st_mtime_ns)
        return found

    def environment(self) -> t.Dict[str, str]:
        """Return the environment of bandersnatch: the proxy is in its configuration, or there is none."""
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.lower().endswith("_proxy") and not key.startswith(("PIP_", "PYTHON"))
        }
        if self.pip.settings.get("cert"):
            kept["SSL_CERT_FILE"] = self.pip.settings["cert"]
        kept.update({"LC_ALL": "C.UTF-8", "PYTHONUTF8": "1", "PYTHONNOUSERSITE": "1", "PYTHONUNBUFFERED": "1"})
        return kept

    def run_bandersnatch(self) -> t.Tuple[int, str]:
        """Run bandersnatch for these projects; return its status, and its output without secrets."""
        command = [self.params["program"], "-c", self.config_path(NEW_CONFIG), "sync", *self.projects]
        started, lines, files, pages = time.time(), [], 0, 0
        self.show_progress("asking for %d projects", len(self.projects))
        try:
            with subprocess.Popen(
                command,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            ) as process:
                for line in process.stdout or ():
                    lines.append(line.decode("utf-8", "replace"))
                    files += b"INFO: Downloading: " in line
                    pages += b"INFO: Storing index page" in line
                    self.show_progress("%d of %d projects, %d files", pages, len(self.projects), files)
        except OSError as error:
            raise AirgapError("%s cannot be run: %s." % (command[0], error.strerror or error)) from error
        out = "".join(lines)
        log_command(command, process.returncode, time.time() - started, out, self.params["log"], self.secrets())
        return process.returncode, _secrets.hide(out, self.secrets())

    def show_progress(self, text: str, *figures: t.Any) -> None:
        """Write a line about the current step to the progress file."""
        if self.params["progress"]:
            with contextlib.suppress(OSError), open(self.params["progress"], "w", encoding="utf-8") as stream:
                stream.write("mirroring: %s\n" % (text % figures))

    def named_paths(self, state: State) -> t.Set[str]:
        """Return the paths of all files and folders of pages that belong to these projects."""
        found = {os.path.join(self.web, one.path) for page in state.pages.values() for one in page or ()}
        # PEP 658, from bandersnatch 8.
        return found | {path + ".metadata" for path in found}

    def unused(self, state: State) -> t.List[str]:
        """Return the paths of the files of other projects and versions."""
        named, found = self.named_paths(state), []
        for folder, _folders, names in os.walk(os.path.join(self.web, "packages")):
            found += [path for path in (os.path.join(folder, name) for name in names) if path not in named]
        simple = os.path.join(self.web, "simple")
        for project in sorted(os.listdir(simple)) if os.path.isdir(simple) else []:
            folder = os.path.join(simple, project)
            if project not in self.projects and os.path.isdir(folder):
                found += [os.path.join(folder, name) for name in os.listdir(folder)]
        return sorted(found)

    def remove_unused(self, state: State) -> t.List[str]:
        """Remove the files of other projects and versions, if the site wants that; return their paths."""
        if not self.params["prune"]:
            return []
        paths = self.unused(state)
        for path in paths:
            os.unlink(path)
            # Other files may be in the folder, or in those above it.
            with contextlib.suppress(OSError):
                os.removedirs(os.path.dirname(path))
        make_folder(os.path.join(self.web, "packages"))
        return [os.path.relpath(path, self.web) for path in paths]

    def sizes(self, state: State) -> t.Tuple[Size, Size]:
        """Return the size of everything in the mirror, and of what belongs to other projects and versions."""
        everything = [os.path.join(folder, name) for folder, _folders, names in os.walk(self.web) for name in names]
        return size_of(everything), size_of(self.unused(state))


def size_of(paths: t.Iterable[str]) -> Size:
    """Return the number of files, and their bytes."""
    sizes = [os.lstat(path).st_size for path in set(paths)]
    return Size(len(sizes), sum(sizes))


def remove_interrupted(web: str) -> None:
    """Remove what a run of bandersnatch left behind that was killed, or whose disk was full."""
    for folder, _folders, names in os.walk(web):
        for name in names:
            if INTERRUPTED.fullmatch(name):
                os.unlink(os.path.join(folder, name))
