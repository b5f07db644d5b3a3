# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that install.sh starts: verify a bundle, choose a lock, create the virtual environment.

It has the steps and their messages; the rules are in the modules that it imports.
All of them are imported before anything is verified, so that nothing is loaded
later. It needs only the standard library, and runs on the interpreter that gets
the packages. Nothing in a bundle is used before it is verified, and nothing in a
bundle is changed. Because it may run as root, it uses copies that were hashed
while they were written, in folders that no one else can write to.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import signal
import sys
import tempfile
import typing as t
import zipfile

from ansible_collections.airgap.python.plugins.module_utils import _access, _disk_space, _files
from ansible_collections.airgap.python.plugins.module_utils._bundle import _layout, _manifest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install._bundle_venv import install, report
from ansible_collections.airgap.python.plugins.module_utils._install._lock_choice import choose, pip_of
from ansible_collections.airgap.python.plugins.module_utils._install._verified_bundle import Bundle, verify
from ansible_collections.airgap.python.plugins.module_utils._target import _interpreter, _survey, _target
from ansible_collections.airgap.python.plugins.module_utils._text import shown


def report_verified(bundle: Bundle, signers: t.Sequence[str]) -> None:
    """Print what was verified."""
    held = len(bundle.held - {_layout.SUMS, _layout.SIGNATURE})
    report("Bundle %s: the sums of %d files are correct." % (bundle.manifest["id"], held))
    if signers:
        report("Verified: signed by %s." % ", ".join(signers))
    else:
        report(
            "UNVERIFIED: no signature was checked, so anyone may have created this bundle. Name those who may sign it with "
            "--allowed-signers."
        )
    if bundle.index_url:
        report("Wheels are downloaded from %s; each must have the sum in its lock." % bundle.index_url)
        return
    missing = [entry for entry in _manifest.entries(bundle.manifest) if entry["path"] not in bundle.held]
    if missing:
        report("It adds to the bundle %s, which has %d of its files." % (bundle.base, len(missing)))


def report_sets(bundle: Bundle, here: _target.Target) -> None:
    """Print the sets, their targets, and the target that fits this interpreter."""
    for one in bundle.manifest["sets"]:
        names = [target["name"] for target in bundle.manifest["targets"]]
        targets = [name for name in names if bundle.has_lock(one["name"], name)]
        try:
            fit = "here: %s" % choose(bundle, one["name"], "", here)
        except AirgapError:
            fit = "none fits here"
        report("%s  for %s  (%s)" % (one["name"], ", ".join(targets) or "no target", fit))


class Parser(argparse.ArgumentParser):
    """A parser with short errors; install.sh has the usage."""

    def error(self, message: str) -> t.NoReturn:
        """Exit with the error."""
        self.exit(2, "install.sh: %s. 'sh install.sh --help' shows the options.\n" % shown(message))


def parse(arguments: t.Sequence[str]) -> argparse.Namespace:
    """Return the options."""
    parser = Parser(prog="install.sh", add_help=False, allow_abbrev=False)
    parser.add_argument("set", nargs="?", default="")
    for name in ("python", "venv", "target", "bundle", "allowed-signers", "revoked", "index", "ca"):
        parser.add_argument("--" + name, default="")
    parser.add_argument("--required", type=int)
    parser.add_argument("--base", action="append", default=[])
    for name in ("uv", "list", "verify-only"):
        parser.add_argument("--" + name, action="store_true")
    options = parser.parse_args(arguments)
    if (options.required is not None or options.revoked) and not options.allowed_signers:
        parser.error("--required and --revoked need --allowed-signers")
    if options.required is not None and options.required < 1:
        parser.error("--required must be 1 or more")
    if options.index and (options.bundle or options.base):
        parser.error("--index cannot be given with --bundle or --base")
    if options.ca and not options.index:
        parser.error("--ca needs --index")
    if bool(options.set) + options.list + options.verify_only > 1:
        parser.error("give only one of a set, --list and --verify-only")
    return options


def main(root: str, arguments: t.Sequence[str]) -> None:
    """Verify the bundle, then do what was requested; raises AirgapError.

    Args:
        root: The bundle, unless the arguments name another; with an index, a private folder with what it serves of its bundle.
        arguments: The arguments of install.sh.
    """
    options = parse(arguments)
    bundle, signers = verify(os.path.realpath(options.bundle or root), options)
    report_verified(bundle, signers)
    if options.verify_only:
        return
    names = [one["name"] for one in bundle.manifest["sets"]]
    if not options.list and options.set not in names:
        problem = "There is no set %s in this bundle." % options.set if options.set else "Name a set."
        raise AirgapError("%s It has: %s." % (problem, ", ".join(names) or "none"))
    here = _survey.target_of(_interpreter.report())[0]
    if options.list:
        report_sets(bundle, here)
        return
    target = choose(bundle, options.set, options.target, here)
    # pip is copied before the path of the environment is checked.
    with tempfile.TemporaryDirectory(prefix=_files.TEMPORARY_PREFIX) as folder:
        _access.check_folders_above(folder, "Set TMPDIR to a folder of your own.")
        with disk_errors(folder, "Free some space, or set TMPDIR to a folder on another disk."):
            pip, pip_wheel = pip_of(bundle, folder)
        path = os.path.abspath(options.venv or "/opt/airgap/" + options.set)
        with disk_errors(path, "Free some space and run again; it starts from the beginning."):
            install(bundle, options.set, target, path, pip, pip_wheel, options.uv)


@contextlib.contextmanager
def disk_errors(path: str, fix: str) -> t.Iterator[None]:
    """Turn the error of a disk that is full or cannot be written into one that names it and the fix."""
    try:
        yield
    except OSError as error:
        if _disk_space.is_disk_full(error):
            raise AirgapError("The disk of %s is full: %s. %s" % (path, _disk_space.free_space(path), fix)) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise AirgapError(
                "%s cannot be written: %s. Run as a user who may, or name another folder with --venv."
                % (error.filename or path, error.strerror)
            ) from error
        raise


def terminate(*_signal: t.Any) -> t.NoReturn:
    """Exit as after an error, so that no copy is left behind."""
    raise SystemExit(143)


def start(arguments: t.Sequence[str]) -> int:
    """Run as install.sh does and return its exit code; the first argument is the folder of install.sh."""
    for output in (sys.stdout, sys.stderr):
        # A name may have characters that the terminal's encoding lacks.
        output.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    signal.signal(signal.SIGTERM, terminate)
    signal.signal(signal.SIGHUP, terminate)
    try:
        main(arguments[0], arguments[1:])
    except AirgapError as error:
        sys.stderr.write("install.sh: %s\n" % error)
        return 1
    except (OSError, zipfile.BadZipFile) as error:
        sys.stderr.write("install.sh: %s\n" % shown(str(error)))
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("install.sh: interrupted. Run it again; it starts from the beginning.\n")
        return 130
    return 0
