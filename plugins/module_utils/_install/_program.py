# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What install.sh starts: verify a bundle, choose a lock, make the virtual environment.

It has the steps and their messages; the rules are those of the modules that it
imports. All of them are imported before anything is verified, so that nothing is
loaded later. It needs the standard library alone, and runs on the interpreter that
is to get the packages. Nothing in a bundle is used before it was verified, and
nothing in a bundle is changed. It may run as root, so that what is used are copies
that were hashed while they were made, in folders that nobody else can write to.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import typing as t
import zipfile

from ansible_collections.airgap.python.plugins.module_utils import _access, _disk_space, _files, _hashes
from ansible_collections.airgap.python.plugins.module_utils._bundle import _folder, _layout, _signature, _verify
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import _environment, _venv
from ansible_collections.airgap.python.plugins.module_utils._pip import _failure
from ansible_collections.airgap.python.plugins.module_utils._target import (
    _fit,
    _interpreter,
    _survey,
    _target,
    _target_parser,
)
from ansible_collections.airgap.python.plugins.module_utils._text import shown
from ansible_collections.airgap.python.plugins.module_utils._versions import release
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock, _wheel_name

FETCH_AGAIN = "Fetch the bundle again."


class Bundle(t.NamedTuple):
    """A bundle that was verified.

    ``sums`` are those of all its files, ``held`` the paths of the files that are
    there, ``bases`` folders of bundles that it adds to.
    """

    root: str
    manifest: t.Dict[str, t.Any]
    sums: t.Dict[str, str]
    held: t.FrozenSet[str]
    bases: t.Tuple[str, ...] = ()

    @property
    def base(self) -> str:
        """The id of the bundle that this one adds to, or a word for it."""
        return str(self.manifest["base"] or "that it adds to")

    def has_lock(self, set_name: str, target: str) -> bool:
        """Say whether there is a lock of a set for a target."""
        return _layout.lock_path(set_name, target) in self.sums

    def lock(self, set_name: str, target: str) -> str:
        """Return the text of a lock that is there; it still has the sum that was verified."""
        path = _layout.lock_path(set_name, target)
        text = _folder.read_text(os.path.join(self.root, path))
        check_sum(os.path.join(self.root, path), _hashes.sha256_bytes(text.encode("utf-8")), self.sums[path])
        return text

    def pins(self, set_name: str, target: str) -> t.List[_lock.Pin]:
        """Return the pins of a lock that is there."""
        where = os.path.join(self.root, _layout.lock_path(set_name, target))
        return _lock.parse_pins(self.lock(set_name, target), where)

    def find(self, filename: str, sha256: str) -> str:
        """Return where a wheel lies: here or in a base that was named; "" if it is in neither."""
        path = "%s/%s" % (_layout.POOL, filename)
        if path in self.held:
            return os.path.join(self.root, path)
        for base in self.bases:
            place = os.path.join(base, path)
            if os.path.isfile(place) and not os.path.islink(place):
                check_sum(place, _hashes.sha256_file(place), sha256)
                return place
        return ""

    def require(self, pins: t.Iterable[_lock.Pin]) -> t.List[str]:
        """Return where the wheels of pins lie; raises AirgapError for those that only a base has."""
        places = {pin.filename: self.find(pin.filename, pin.sha256) for pin in pins}
        missing = sorted(name for name, path in places.items() if not path)
        if missing:
            raise AirgapError(
                "This bundle does not carry %s%s: the bundle %s, to which it adds, has what is missing. "
                "Name its folder with --base."
                % (", ".join(missing[:5]), " and %d more" % (len(missing) - 5) if len(missing) > 5 else "", self.base)
            )
        return list(places.values())

    def copy(self, pin: _lock.Pin, folder: str) -> str:
        """Copy the wheel of a pin into a folder of ours and return the copy, which has the pin's sum."""
        (source,) = self.require([pin])
        path = os.path.join(folder, pin.filename)
        check_sum(source, _hashes.copy_hashed(source, path), pin.sha256)
        return path


def check_sum(path: str, real: str, wanted: str) -> None:
    """Raise AirgapError unless a file has the sum that it should have."""
    if real != wanted:
        raise AirgapError(
            "%s has sha256 %s and should have %s: it was damaged or changed. %s" % (path, real, wanted, FETCH_AGAIN)
        )


# --- verify -----------------------------------------------------------------------------------------------------------


def read_list(path: str) -> t.List[str]:
    """Return the lines of a list of keys, which is the user's own: a link is followed."""
    if not os.path.isfile(path):
        raise AirgapError("%s does not exist. Name the file that you have from your officers." % path)
    with open(path, "rb") as stream:
        return stream.read(_folder.LARGEST_TEXT).decode("utf-8", "surrogateescape").split("\n")


def check_signatures(
    where: str, sums: bytes, blocks: t.Optional[t.Sequence[_signature.Block]], options: argparse.Namespace
) -> t.List[str]:
    """Return who of the allowed signers signed the sums; raises AirgapError when they are too few."""
    if not options.allowed_signers:
        return []
    path = options.allowed_signers
    try:
        allowed = _signature.allowed_signers(read_list(path))
        path = options.revoked
        revoked = _signature.revoked_lines(read_list(path)) if path else []
    except AirgapError as error:
        raise AirgapError(str(error) if str(error).startswith(path) else "%s: %s" % (path, error)) from error
    signers, rejected = _signature.check(sums, blocks or [], allowed, revoked)
    _signature.require(
        where,
        options.required or 1,
        signers,
        rejected,
        blocks is not None,
        "Have this bundle signed, and bring it again.",
    )
    return sorted("%s (%s)" % (one.principal, one.key) for one in signers)


def verify(root: str, options: argparse.Namespace) -> t.Tuple[Bundle, t.List[str]]:
    """Verify a bundle and its signatures; return it, and who signed it."""
    if not os.path.isdir(root):
        raise AirgapError("%s is not a folder. Name that of the bundle with --bundle." % root)
    # From here on nobody else can change what is read.
    _folder.check_owners(root)
    data, blocks = _folder.read_signatures(root)
    signers = check_signatures(os.path.join(root, _layout.SIGNATURE), data, blocks, options)
    manifest, entries = _verify.verify(root)
    sums = {entry.path: entry.sha256 for entry in entries}
    # What was signed is what was parsed.
    check_sum(os.path.join(root, _layout.SUMS), sums[_layout.SUMS], _hashes.sha256_bytes(data))
    bases = tuple(os.path.abspath(base) for base in options.base)
    return Bundle(root, manifest, sums, frozenset(sums), bases), signers


def say_what_was_verified(bundle: Bundle, signers: t.Sequence[str]) -> None:
    """Print what is known of the bundle now."""
    held = len(bundle.held - {_layout.SUMS, _layout.SIGNATURE})
    report("Bundle %s: the sums of %d files are right." % (bundle.manifest["id"], held))
    if signers:
        report("Verified: signed by %s." % ", ".join(signers))
    else:
        report(
            "UNVERIFIED: no signature was checked, so anyone may have made this bundle. Name those who may sign with "
            "--allowed-signers."
        )
    waiting = [entry for entry in bundle.manifest["files"] if entry["path"] not in bundle.held]
    if waiting:
        report("It adds to the bundle %s, which has %d of its files." % (bundle.base, len(waiting)))


# --- choose -----------------------------------------------------------------------------------------------------------


def misfit(bundle: Bundle, set_name: str, target: _target.Target, here: _target.Target) -> str:
    """Say why this interpreter cannot install a lock; "" if it can."""
    reason = _fit.misfit(target, here)
    accepted = set(here.tags())
    for pin in [] if reason else bundle.pins(set_name, target.name):
        if not accepted.intersection(_wheel_name.tags_of(pin.filename)):
            return "%s is for another interpreter" % pin.filename
    return reason


def choose(bundle: Bundle, set_name: str, wanted: str, here: _target.Target) -> str:
    """Return the target whose lock of a set this interpreter installs: the closest that fits."""
    fitting = []
    reasons = {}
    for raw in bundle.manifest["targets"]:
        name = raw["name"]
        if not bundle.has_lock(set_name, name):
            continue
        try:
            target = _target_parser.parse(raw)[0]
            reason = misfit(bundle, set_name, target, here)
        except AirgapError as error:
            reason = str(error).rstrip(".")
        if reason:
            reasons[name] = "%s (%s)" % (name, reason)
        else:
            fitting.append(target)
    names = [target.name for target in fitting]
    if wanted in names:
        return wanted
    if wanted in reasons:
        raise AirgapError(
            "Target %s does not fit the interpreter %s. Those of the set %s that fit: %s."
            % (reasons[wanted], sys.executable, set_name, ", ".join(names) or "none")
        )
    if wanted:
        raise AirgapError(
            "The set %s has no target %s. It has %s." % (set_name, wanted, ", ".join(names + list(reasons)) or "none")
        )
    best = _fit.best_fit(fitting, here)
    if best is None:
        raise AirgapError(
            "No target of the set %s fits %s (Python %s, %s, %s, %s). It has: %s. Name another interpreter with --python, "
            "or stage the set for this one."
            % (
                set_name,
                sys.executable,
                here.python,
                here.os,
                here.arch,
                here.libc or here.os_version,
                ", ".join(reasons.values()) or "none",
            )
        )
    return best.name


def show(bundle: Bundle, here: _target.Target) -> None:
    """Print the sets, their targets, and the one that this interpreter would take."""
    for one in bundle.manifest["sets"]:
        names = [target["name"] for target in bundle.manifest["targets"]]
        targets = [name for name in names if bundle.has_lock(one["name"], name)]
        try:
            fit = "here: %s" % choose(bundle, one["name"], "", here)
        except AirgapError:
            fit = "none fits here"
        report("%s  for %s  (%s)" % (one["name"], ", ".join(targets) or "no target", fit))


def pip_of(bundle: Bundle, folder: str) -> t.Tuple[_lock.Pin, str]:
    """Return the newest pip of the pool that this interpreter can run, and our copy of it in a folder."""
    best = None
    found = []
    for entry in bundle.manifest["files"]:
        if entry["name"] != "pip":
            continue
        pin = _lock.Pin(
            entry["name"], entry["version"], entry["sha256"], os.path.basename(entry["path"]), entry["size"]
        )
        found.append(pin)
        if not bundle.find(pin.filename, pin.sha256):
            continue
        copy = bundle.copy(pin, folder)
        if _environment.oldest_python(copy) > sys.version_info[:3]:
            continue
        if best is None or release(pin.version) > release(best[0].version):
            best = pin, copy
    if best is None and found:
        bundle.require(pin for pin in found if not bundle.find(pin.filename, pin.sha256))
    if best is None:
        targets = ["%s (python %s)" % (one["name"], one["python"]) for one in bundle.manifest["targets"]]
        raise AirgapError(
            "The bundle has no pip that Python %d.%d can run. It is for: %s. Name another interpreter with --python, or "
            "stage for this one." % (sys.version_info[:2] + (", ".join(targets) or "none",))
        )
    return best


def uv_of(bundle: Bundle, target: str) -> _lock.Pin:
    """Return the uv of the bundle; raises AirgapError when there is none."""
    if not bundle.has_lock("airgap-uv", target):
        raise AirgapError(
            "The bundle carries no uv for target %s. Stage it with stage_tools: [uv], or leave --uv out." % target
        )
    if sys.version_info < (3, 10) and not has_distutils():
        raise AirgapError(
            "uv asks Python %d.%d for distutils, which is not here. Install it (Debian: python3-distutils), or leave --uv "
            "out: pip installs the same." % sys.version_info[:2]
        )
    uv = [pin for pin in bundle.pins("airgap-uv", target) if pin.name == "uv"]
    if not uv:
        raise AirgapError("The lock of airgap-uv for target %s does not name uv. Leave --uv out." % target)
    bundle.require(uv)
    return uv[0]


def has_distutils() -> bool:
    """Say whether the interpreter has all of distutils; Debian ships most of it apart."""
    try:
        return importlib.util.find_spec("distutils.dist") is not None
    except ImportError:
        return False


# --- install ----------------------------------------------------------------------------------------------------------


def run(argv: t.List[str]) -> t.Tuple[int, str]:
    """Run a command without any setting of the host's; return its code and its output."""
    done = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        env=_venv.clean_environment(os.environ),
        check=False,
    )
    return done.returncode, done.stdout.decode("utf-8", "replace")


class FromBundle(_environment.Environment):
    """An environment that is filled from a bundle, by its pip or its uv."""

    def __init__(
        self, path: str, pip_wheel: str, bundle: Bundle, pins: t.Sequence[_lock.Pin], uv: t.Optional[_lock.Pin]
    ) -> None:
        """Remember what is to be copied out of the bundle when the environment is there."""
        super().__init__(path, sys.executable, pip_wheel, _venv.PipOptions(), run)
        self.bundle = bundle
        self.pins = pins
        self.uv = uv
        self.uv_program = ""

    def change_packages(self, plan: _venv.Plan, python: _venv.Python, lock_text: str) -> None:
        """Copy the wheels and install them: pip hashes a file and opens it again, so only copies come before it."""
        copies = os.path.join(self.folder, _layout.POOL)
        os.mkdir(copies)
        for pin in self.pins:
            self.bundle.copy(pin, copies)
        self.options = _venv.PipOptions(no_index=True, find_links=(copies,))
        if self.uv:
            self.uv_program = unpack_uv(self.bundle.copy(self.uv, self.folder), self.folder)
        super().change_packages(plan, python, lock_text)

    def install_pip(self) -> None:
        """Install pip from its own wheel."""
        if self.uv_program:
            self.run_uv("--no-deps", self.pip_wheel)
        else:
            super().install_pip()

    def install_lock(self, lock_text: str, reinstall: bool = False) -> None:
        """Let pip or uv install a lock."""
        if not self.uv_program:
            super().install_lock(lock_text, reinstall)
            return
        lock = os.path.join(self.folder, "lock.txt")
        with open(lock, "w", encoding="utf-8") as stream:
            stream.write(lock_text)
        self.run_uv("--find-links=" + self.options.find_links[0], "--only-binary=:all:", "--require-hashes", "-r", lock)

    def run_uv(self, *more: str) -> None:
        """Let uv install something; raises AirgapError with the end of its output."""
        argv = [self.uv_program, "pip", "install", "--python=" + self.python]
        argv += ["--cache-dir=" + os.path.join(self.folder, "cache")]
        argv += ["--no-config", "--offline", "--no-index", "--no-progress", "--compile-bytecode", *more]
        rc, output = self.run(argv)
        if rc == 0:
            return
        if _failure.is_full_disk(output):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        lines = [line.rstrip() for line in output.splitlines() if line.strip()]
        raise AirgapError("uv failed with code %d:" % rc, *("  " + line for line in lines[-12:]))


def unpack_uv(wheel: str, folder: str) -> str:
    """Put the program out of uv's wheel into a folder; return its path."""
    path = os.path.join(folder, "uv")
    with zipfile.ZipFile(wheel) as archive:
        inside = [name for name in archive.namelist() if re.match(r"[^/]+\.data/scripts/uv\Z", name)]
        if not inside:
            raise AirgapError("%s holds no program uv. Stage another version of it." % wheel)
        with archive.open(inside[0]) as source, open(path, "wb") as target:
            shutil.copyfileobj(source, target)
    os.chmod(path, 0o755)
    return path


def look(path: str) -> _venv.Found:
    """Return what lies at the path of the environment; raises AirgapError where it is not ours to write."""
    fix = "Name another place with --venv, or run this as the user to whom it belongs."
    _access.check_folders_above(path, fix)
    reason = _access.other_writers(os.lstat(path)) if os.path.isdir(path) else ""
    if reason:
        raise AirgapError("Others can change %s: %s. %s" % (path, reason, fix))
    found = _environment.look(path, run)
    if found.kind in ("venv", "other"):
        is_folder = os.path.isdir(path) and not os.path.islink(path)
        raise AirgapError(
            "%s exists and %s. Move it away, or name another folder with --venv."
            % (path, "was not made by us" if is_folder else "is not a folder")
        )
    return found


def check_space(path: str, wheels: t.Sequence[str]) -> None:
    """Raise AirgapError, before anything is changed, where the unpacked files do not fit on the disk."""
    needed = 0
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            needed += sum(item.file_size for item in archive.infolist()) + os.path.getsize(wheel)
    place = path
    while not os.path.isdir(place):
        place = os.path.dirname(place)
    total, dummy, free = shutil.disk_usage(place)
    # A file system of the kernel's has no size; writing there fails for another reason.
    if total and needed > free:
        raise AirgapError(
            "The disk of %s is full: %.1f MiB are free and at least %.1f are needed. Free some space, or name a folder on "
            "another disk with --venv." % (place, free / 2**20, needed / 2**20)
        )


def install(
    bundle: Bundle, set_name: str, target: str, path: str, pip: _lock.Pin, pip_wheel: str, with_uv: bool
) -> None:
    """Make an environment hold what a lock says, unless it does; ``pip_wheel`` is our copy."""
    text = bundle.lock(set_name, target)
    pins = bundle.pins(set_name, target)
    python = _venv.Python(sys.version_info[:3], os.path.realpath(sys.executable))
    uv = uv_of(bundle, target) if with_uv else None
    wheels = bundle.require(pins)
    found = look(path)
    plan = _venv.plan(path, found, python, pins, pip.version)
    if not plan.changed and found.recorded == tuple(pins):
        report("Already installed: set %s for target %s in %s." % (set_name, target, path))
        return
    check_space(path, wheels + [pip_wheel])
    report("Installing set %s for target %s into %s ..." % (set_name, target, path))
    # A strict umask of root's would make an environment that nobody else can use.
    os.umask(0o022)
    if found.kind == "ours":
        # It is always made anew: whoever installs by hand wants what the bundle says, and not what was there.
        plan = _venv.plan(path, _venv.Found("ours"), python, pins, pip.version)
    environment = FromBundle(path, pip_wheel, bundle, pins, uv)
    with environment.claim():
        environment.apply(plan, python, text)
        environment.verify(python, pins, pip.version)
        environment.mark_complete(text)
    report("Installed into %s (Python %s):" % (path, _venv.dotted(python.version)))
    for line in plan.after:
        report("  %s" % line.split("  ")[0].replace("==", " "))
    report("Use it: %s" % environment.python)


# --- the command ------------------------------------------------------------------------------------------------------


def report(text: str) -> None:
    """Print a line."""
    sys.stdout.write(shown(text) + "\n")
    sys.stdout.flush()


class Parser(argparse.ArgumentParser):
    """A parser whose errors are as short as ours; the shell part has the usage."""

    def error(self, message: str) -> t.NoReturn:
        """End with what is wrong."""
        self.exit(2, "install.sh: %s. 'sh install.sh --help' shows what there is.\n" % shown(message))


def parse(arguments: t.Sequence[str]) -> argparse.Namespace:
    """Return the options."""
    parser = Parser(prog="install.sh", add_help=False, allow_abbrev=False)
    parser.add_argument("set", nargs="?", default="")
    for name in ("python", "venv", "target", "bundle", "allowed-signers", "revoked"):
        parser.add_argument("--" + name, default="")
    parser.add_argument("--required", type=int)
    parser.add_argument("--base", action="append", default=[])
    for name in ("uv", "list", "verify-only"):
        parser.add_argument("--" + name, action="store_true")
    options = parser.parse_args(arguments)
    if (options.required is not None or options.revoked) and not options.allowed_signers:
        parser.error("--required and --revoked count together with --allowed-signers only")
    if options.required is not None and options.required < 1:
        parser.error("--required must be 1 or more")
    if bool(options.set) + options.list + options.verify_only > 1:
        parser.error("name a set, or --list, or --verify-only, and not two of them")
    return options


def main(root: str, arguments: t.Sequence[str]) -> None:
    """Verify the bundle, then do what was asked for; raises AirgapError.

    Args:
        root: The bundle, where no other is named.
        arguments: Those of install.sh.
    """
    options = parse(arguments)
    bundle, signers = verify(os.path.realpath(options.bundle or root), options)
    say_what_was_verified(bundle, signers)
    if options.verify_only:
        return
    names = [one["name"] for one in bundle.manifest["sets"]]
    if not options.list and options.set not in names:
        asked = "There is no set %s in this bundle." % options.set if options.set else "Name a set."
        raise AirgapError("%s It has: %s." % (asked, ", ".join(names) or "none"))
    here = _survey.target_of(_interpreter.report())[0]
    if options.list:
        show(bundle, here)
        return
    target = choose(bundle, options.set, options.target, here)
    # pip is needed before it is known where the environment goes.
    with tempfile.TemporaryDirectory(prefix=_files.TEMPORARY_PREFIX) as folder:
        _access.check_folders_above(folder, "Let TMPDIR name a folder of your own.")
        with disk_errors(folder, "Free some space, or let TMPDIR name a folder on another disk."):
            pip, pip_wheel = pip_of(bundle, folder)
        path = os.path.abspath(options.venv or "/opt/airgap/" + options.set)
        with disk_errors(path, "Free some space and run again; it begins anew."):
            install(bundle, options.set, target, path, pip, pip_wheel, options.uv)


@contextlib.contextmanager
def disk_errors(path: str, fix: str) -> t.Iterator[None]:
    """Say of a disk that is full, or that cannot be written, which one it is and what to do."""
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


def end(*_signal: t.Any) -> t.NoReturn:
    """End as an error does, so that no copy is left behind."""
    raise SystemExit(143)


def start(arguments: t.Sequence[str]) -> int:
    """Run as install.sh does and return its exit code; the first argument is the folder of install.sh."""
    for output in (sys.stdout, sys.stderr):
        # A name may have letters that the terminal's encoding has not.
        output.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGHUP, end)
    try:
        main(arguments[0], arguments[1:])
    except AirgapError as error:
        sys.stderr.write("install.sh: %s\n" % error)
        return 1
    except (OSError, zipfile.BadZipFile) as error:
        sys.stderr.write("install.sh: %s\n" % shown(str(error)))
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("install.sh: interrupted. Run it again; it begins anew.\n")
        return 130
    return 0
