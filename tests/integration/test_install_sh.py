# SPDX-License-Identifier: GPL-3.0-or-later
"""install.sh installs from a bundle with only a shell and Python, and refuses every damaged bundle."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import json
import os
import pathlib
import py_compile
import shutil
import subprocess
import sys
import sysconfig
import typing as t
import zipfile
from importlib.metadata import PackageNotFoundError

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._bundle import _manifest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import _bundle_venv, _program, _verified_bundle

from tests.integration import interpreters, small_bundle
from tests.integration.simple_index import SimpleIndex, make_wheel

LOCKED_VENV = """
import json, sys
from ansible.module_utils.testing import patch_module_args
from ansible_collections.airgap.python.plugins.modules.locked_venv import main
with patch_module_args(json.loads(sys.argv[1])):
    main()
"""


@pytest.fixture(name="pip", scope="module")
def pip_fixture():
    """Return the wheel of pip."""
    return small_bundle.installed_wheel("pip")


@pytest.fixture(name="bundle")
def bundle_fixture(tmp_path, pip):
    """Return a bundle with pip and one set for this interpreter and for another one."""
    root = tmp_path / "bundle"
    other = {"name": "other", "python": "3.8.1", "libc": "glibc-2.31"}
    sets = {
        "airgap-pip": {"here": [pip], "other": [pip]},
        "base": {"here": small_bundle.application(), "other": small_bundle.application()},
    }
    small_bundle.write(root, sets, [small_bundle.here(), other])
    return root


class Done(t.NamedTuple):
    """What came of a run."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def all(self) -> str:
        """Return the whole output."""
        return self.stdout + self.stderr


class Install:
    """Runs a bundle's install.sh; ``venv`` is the environment that ``set`` installs into."""

    def __init__(self, bundle, venv):
        self.program = bundle / "install.sh"
        self.venv = venv

    def __call__(self, *arguments, shell=("sh",), python=sys.executable, environment=None, **options):
        """Run it with arguments."""
        # Another folder than the bundle's, as a user may well be in.
        done = subprocess.run(
            [*shell, str(self.program), "--python", python, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            check=False,
            text=True,
            env=dict(os.environ, **(environment or {})),
            **options,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def set(self, *arguments, name="base", **options):
        """Install a set into the environment."""
        return self(name, "--venv", str(self.venv), *arguments, **options)


@pytest.fixture(name="install")
def install_fixture(bundle, tmp_path):
    """Return what runs the bundle's install.sh."""
    return Install(bundle, tmp_path / "venv")


def version_of(venv, module="app"):
    """Return the version of a module that an environment can import."""
    command = [str(venv / "bin/python"), "-c", "import %s; print(%s.version)" % (module, module)]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, cwd="/").stdout.strip()


def refused(done, *words):
    """Check that a run failed with these words in its error."""
    assert done.returncode == 1, done.all
    for word in words:
        assert word in done.stderr, done.all
    assert "Traceback" not in done.all


# --- installing -------------------------------------------------------------------------------------------------------


def test_a_set_is_installed_from_the_bundle_alone(bundle, install, tmp_path):
    """The host's settings of pip are not used, and the output names the packages and the folder."""
    before = small_bundle.snapshot(bundle)
    settings = tmp_path / "pip.conf"
    settings.write_text("[global]\nindex-url = http://127.0.0.1:9/simple\nrequire-virtualenv = true\nuser = true\n")
    hostile = {
        "PIP_CONFIG_FILE": str(settings),
        "PIP_INDEX_URL": "http://127.0.0.1:9/",
        "PIP_TARGET": str(tmp_path / "t"),
    }
    done = install.set(environment=dict(hostile, PYTHONPATH="/nowhere", PYTHONHOME="/nowhere"))
    assert done.returncode == 0, done.all
    assert version_of(install.venv) == "1.0"
    for line in (
        "  app 1.0",
        "  part 2.0",
        "Installed into %s (Python %d.%d" % ((install.venv,) + sys.version_info[:2]),
    ):
        assert line in done.stdout
    assert small_bundle.snapshot(bundle) == before
    assert not [path for path in install.venv.iterdir() if path.name.startswith(".tmp")]


def test_an_unverified_bundle_is_reported_as_unverified(install):
    """Without a list of signers, no one must believe that signatures were checked."""
    assert "UNVERIFIED: no signature was checked" in install("--verify-only").stdout


def test_files_besides_wheels_are_verified_as_well(bundle, install, pip):
    small_bundle.write(
        bundle, {"base": {"here": [*small_bundle.application(), pip]}}, [small_bundle.here()], files={"a": b"a"}
    )
    done = install("--verify-only")
    assert done.returncode == 0, done.all
    (bundle / "files/a").write_bytes(b"b")
    refused(install("--verify-only"), "files/a has sha256")


def test_a_second_run_changes_nothing(install):
    """A complete environment is not changed."""
    assert install.set().returncode == 0
    before = small_bundle.snapshot(install.venv)
    done = install.set()
    assert done.returncode == 0
    assert "Already installed: set base for target here" in done.stdout
    assert small_bundle.snapshot(install.venv) == before


@pytest.mark.parametrize(
    "shell", [("dash",), ("bash", "--posix"), ("busybox", "sh"), ("ksh",), ("zsh", "--emulate", "sh")]
)
def test_every_shell_runs_it(install, shell):
    """It uses only what POSIX defines."""
    if shutil.which(shell[0]) is None:
        pytest.skip("%s is not here" % shell[0])
    done = install("--list", shell=shell)
    assert done.returncode == 0, done.all
    assert "(here: here)" in done.stdout


def test_a_missing_package_is_installed_again(install):
    """The environment itself is checked, not a record of it."""
    assert install.set().returncode == 0
    for path in install.venv.glob("lib/python*/site-packages/part-2.0.dist-info/METADATA"):
        path.write_text(path.read_text().replace("Version: 2.0", "Version: 1.9"))
    assert "Installed into" in install.set().stdout
    assert version_of(install.venv, "part") == "2.0"


def test_another_version_of_the_set_replaces_the_first(bundle, install, pip):
    """The environment holds exactly the lock of the bundle that was installed last."""
    assert install.set().returncode == 0
    shutil.rmtree(bundle)
    sets = {
        "airgap-pip": {"here": [pip]},
        "base": {"here": small_bundle.application("1.1")[:1] + [make_wheel("part", "3")]},
    }
    small_bundle.write(bundle, sets, [small_bundle.here()])
    assert install.set().returncode == 0
    assert (version_of(install.venv), version_of(install.venv, "part")) == ("1.1", "3")


def test_an_unfinished_environment_is_rebuilt(install):
    """A killed run leaves a marked folder, and the next run completes it."""
    install.venv.mkdir()
    (install.venv / ".airgap-venv").write_text("")
    (install.venv / "bin").mkdir()
    (install.venv / "bin/python").symlink_to("/nowhere")
    assert install.set().returncode == 0
    assert version_of(install.venv) == "1.0"


def test_locked_venv_accepts_the_environment(bundle, install, pip):
    """Ansible can take over a host that was installed without it: nothing changes."""
    assert install.set().returncode == 0
    arguments = {
        "path": str(install.venv),
        "python": sys.executable,
        "lock": str(bundle / "locks/base/here.txt"),
        "pip_wheel": str(bundle / "wheels" / pip[0]),
        "no_index": True,
        "find_links": [str(bundle / "wheels")],
    }
    done = subprocess.run(
        [sys.executable, "-c", LOCKED_VENV, json.dumps(arguments)],
        env=dict(os.environ, PYTHONPATH=os.path.abspath(".collections")),
        stdout=subprocess.PIPE,
        check=True,
    )
    assert json.loads(done.stdout)["changed"] is False


def test_uv_installs_the_same(bundle, install, pip):
    """With uv from the bundle, the environment equals the one that pip creates."""
    try:
        uv = small_bundle.installed_wheel("uv")
    except PackageNotFoundError:
        pytest.skip("uv is not here")
    sets = {"airgap-pip": {"here": [pip]}, "airgap-uv": {"here": [uv]}, "base": {"here": small_bundle.application()}}
    shutil.rmtree(bundle)
    small_bundle.write(bundle, sets, [small_bundle.here()])
    done = install.set("--uv", environment={"UV_INDEX_URL": "http://127.0.0.1:9/", "UV_PYTHON": "/nowhere"})
    assert done.returncode == 0, done.all
    assert version_of(install.venv) == "1.0"
    assert "Already installed" in install.set().stdout


def test_a_bundle_without_uv_is_an_error_with_the_fix(install):
    """--uv needs uv in the bundle."""
    refused(install.set("--uv"), "carries no uv", "stage_tools: [uv]")
    assert not install.venv.exists()


# --- the program that install.sh starts --------------------------------------------------------------------------------


def test_install_holds_files_of_the_release_byte_for_byte(bundle):
    """Anyone can compare the files that run with a release."""
    release = pathlib.Path(_program.__file__).parent.parent
    files = [path for path in (bundle / "install").rglob("*") if path.is_file()]
    assert len(files) > 10
    for path in files:
        assert path.read_bytes() == (release / path.relative_to(bundle / "install")).read_bytes()
    assert (bundle / "install.sh").read_bytes() == (release / "../../roles/stage/files/install.sh").read_bytes()


@pytest.mark.parametrize("version", interpreters.each())
def test_every_supported_python_installs_with_it(bundle, install, version):
    """It needs only the standard library of Python 3.8."""
    python = interpreters.find(version)
    shutil.rmtree(bundle)
    interpreters.bundle(bundle, python)
    done = install.set(python=python)
    assert done.returncode == 0, done.all
    assert "(Python %s." % version in done.stdout
    assert version_of(install.venv) == "1.0"
    assert "Already installed" in install.set(python=python).stdout


def test_only_the_listed_sources_are_loaded(bundle, install, tmp_path):
    """sha256sum does not see additional files: bytecode, a library, a package, another json module."""
    folder = bundle / "install"
    mark = tmp_path / "owned"
    evil = "open(%r, 'w').close()\n" % str(mark)
    (tmp_path / "evil.py").write_text(evil)
    stem = "_lock"
    (folder / "__pycache__").mkdir()
    compiled = [folder / "__pycache__" / ("%s.%s.pyc" % (stem, sys.implementation.cache_tag)), folder / (stem + ".pyc")]
    for path in compiled:
        # Bytecode that claims to need no check against its source.
        py_compile.compile(
            str(tmp_path / "evil.py"), str(path), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
        )
    (folder / (stem + sysconfig.get_config_var("EXT_SUFFIX"))).write_bytes(b"no library")
    for name in (stem, "json", "argparse"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(evil)
    for name in ("ansible_collections.py", "sitecustomize.py", "_manylinux.py", "hashlib.py"):
        (folder / name).write_text(evil)
    refused(
        install("--verify-only", environment={"PYTHONPATH": str(folder)}), "install/", "is not in the bundle's sums"
    )
    assert not mark.exists()
    for name in ("__pycache__", stem, "json", "argparse"):
        assert not (folder / name / "__pycache__").exists()


def test_another_ansible_on_the_host_is_not_used(install, bundle, tmp_path):
    """A host may have another version of this collection; the files next to install.sh are the ones that run."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "host")], check=True)
    (packages,) = (tmp_path / "host").glob("lib/python*/site-packages")
    (packages / "ansible_collections").mkdir()
    (packages / "ansible_collections/__init__.py").write_text("raise RuntimeError\n")
    done = install("--verify-only", python=str(tmp_path / "host/bin/python"))
    assert done.returncode == 0, done.all


def test_install_sh_of_a_release_checks_a_bundle(bundle, tmp_path):
    """If you do not trust a bundle, run the program of a release on it, with --bundle."""
    script = os.path.join(small_bundle.ROLE, "install.sh")
    command = ["sh", script, "--python", sys.executable, "--verify-only", "--bundle", str(bundle)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False, cwd="/", text=True)
    assert done.returncode == 0
    assert "the sums of" in done.stdout
    with open(bundle / "install/_wheels/_lock.py", "a", encoding="utf-8") as stream:
        stream.write("raise RuntimeError\n")
    done = subprocess.run(command, stderr=subprocess.PIPE, check=False, cwd="/", text=True)
    assert done.returncode == 1
    assert "install/_wheels/_lock.py has sha256" in done.stderr


def test_install_sh_without_its_folder_names_the_folder(bundle, tmp_path):
    """It needs the folder install/ next to it."""
    (tmp_path / "alone").mkdir()
    shutil.copy(str(bundle / "install.sh"), str(tmp_path / "alone"))
    done = subprocess.run(
        ["sh", str(tmp_path / "alone/install.sh"), "--list"], stderr=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == 1
    assert "alone/install is missing" in done.stderr


# --- what cannot be installed -----------------------------------------------------------------------------------------


def test_the_error_for_an_unknown_set_lists_the_sets(install):
    """The user sees the valid names."""
    refused(install.set(name="bsae"), "no set bsae", "airgap-pip, base")
    refused(install(), "Name a set", "base")


def test_a_target_that_does_not_fit_is_named_with_the_reason(install):
    """The user sees the targets of the bundle and the host's own."""
    refused(install.set("--target", "other"), "other (python is 3.8, here 3.", "that fit: here")
    refused(install.set("--target", "moon"), "no target moon", "here, other")


def test_the_error_without_a_fitting_target_lists_all_targets(bundle, install, pip):
    """The error for another machine's bundle names its targets."""
    shutil.rmtree(bundle)
    wheel = make_wheel("native", "1", tag="cp38-cp38-manylinux_2_17_s390x")
    targets = [{"name": "mainframe", "python": "3.8.1", "arch": "s390x", "libc": "glibc-2.31"}]
    small_bundle.write(bundle, {"airgap-pip": {"mainframe": [pip]}, "base": {"mainframe": [wheel]}}, targets)
    refused(install.set(), "No target of the set base fits", "mainframe (arch is s390x, here")


def test_a_lock_with_a_wheel_for_another_interpreter_is_refused_before_anything_is_changed(bundle, install, pip):
    """A target may fit although its wheels do not."""
    shutil.rmtree(bundle)
    wheel = make_wheel("native", "1", tag="cp38-cp38-win_amd64")
    small_bundle.write(bundle, {"airgap-pip": {"here": [pip]}, "base": {"here": [wheel]}}, [small_bundle.here()])
    refused(install.set(), "native-1-cp38-cp38-win_amd64.whl is for another interpreter")
    assert not install.venv.exists()


def test_the_list_names_sets_targets_and_the_fitting_target(install):
    """--list shows what can be installed here."""
    done = install("--list")
    assert done.returncode == 0
    assert "base  for here, other  (here: here)" in done.stdout


def test_a_missing_or_old_python_is_named(install, tmp_path):
    """Python itself may be missing."""
    refused(install(python="/nowhere/python3"), "/nowhere/python3 was not found", "--python")
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\ncase "$*" in *exit*) exit 1;; esac\necho 3.6.8\n')
    old.chmod(0o755)
    refused(install(python=str(old)), "is Python 3.6.8, and 3.8 is the oldest")
    old.write_text("#!/bin/sh\nexit 3\n")
    refused(install(python=str(old)), "does not run as Python")


def test_a_folder_of_something_else_is_not_changed(install):
    """Neither a user's files nor another tool's environment are overwritten."""
    install.venv.mkdir()
    (install.venv / "thesis.txt").write_text("mine")
    before = small_bundle.snapshot(install.venv)
    refused(install.set(), str(install.venv), "was not created by this program")
    assert small_bundle.snapshot(install.venv) == before
    shutil.rmtree(install.venv)
    install.venv.write_text("a file")
    refused(install.set(), "exists and is not a folder")
    install.venv.unlink()
    install.venv.symlink_to(".sets/base/0123456789ab")
    refused(install.set(), str(install.venv), "is a set that the role install keeps")


def test_a_folder_that_cannot_be_written_is_named(install, tmp_path):
    """Without write access, the error names the folder and the fix."""
    # The kernel lets not even root make a folder there.
    folder = "/sys/airgap" if os.geteuid() == 0 else str(tmp_path / "closed/airgap")
    if os.geteuid() != 0:
        (tmp_path / "closed").mkdir(mode=0o555)
    done = install("base", "--venv", folder)
    refused(done, folder + " cannot be written: ", "Run as a user who may", "--venv")


def test_a_full_disk_is_detected_before_anything_is_created(bundle, install, monkeypatch):
    """An installation that cannot fit is not started."""
    monkeypatch.setattr(_bundle_venv.shutil, "disk_usage", lambda path: (10, 10, 0))
    with pytest.raises(AirgapError, match="The disk of .* is full"):
        _program.main(str(bundle), ["base", "--venv", str(install.venv)])
    assert not install.venv.exists()


def test_a_disk_that_fills_up_leaves_an_environment_that_the_next_run_completes(bundle, install, monkeypatch):
    """The error names the disk, and an unfinished environment is not treated as complete."""
    real = _bundle_venv.run

    def run(argv):
        if "-r" in argv:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(argv)

    monkeypatch.setattr(_bundle_venv, "run", run)
    with pytest.raises(AirgapError, match=r"The disk of %s is full: .* has [0-9]+ bytes free" % install.venv):
        _program.main(str(bundle), ["base", "--venv", str(install.venv)])
    assert not (install.venv / "airgap-lock.txt").exists()
    assert "Installed into" in install.set().stdout


def test_a_full_tmp_is_not_reported_as_the_disk_of_the_environment(bundle, install, monkeypatch, tmp_path):
    """The full disk is named, and pip's temporary files are in the environment."""
    real = _bundle_venv.run
    places = []

    def run(argv):
        if "install" in argv:
            places.append(os.environ["TMPDIR"])
        return real(argv)

    def copy(bundle, pin, folder):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(_bundle_venv, "run", run)
    _program.main(str(bundle), ["base", "--venv", str(install.venv)])
    assert places
    assert {os.path.dirname(place) for place in places} == {str(install.venv)}
    monkeypatch.setattr(_verified_bundle.Bundle, "copy", copy)
    monkeypatch.setattr(_program.tempfile, "tempdir", str(tmp_path))
    with pytest.raises(AirgapError, match="The disk of %s/.tmp.* is full: .*TMPDIR" % tmp_path):
        _program.main(str(bundle), ["base", "--venv", str(install.venv)])


def test_a_second_run_at_the_same_time_fails(install):
    """The second one reports the first."""
    install.venv.mkdir()
    with open(install.venv / ".airgap-venv", "w", encoding="utf-8") as mark:
        fcntl.flock(mark, fcntl.LOCK_EX)
        refused(install.set(), "Another run is changing %s" % install.venv)


# --- others on the same host ------------------------------------------------------------------------------------------


def evil_pip(mark):
    """Return a wheel whose pip writes a file when it is run."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("pip/__main__.py", "open(%r, 'w').close()\n" % str(mark))
    return buffer.getvalue()


def test_a_file_that_is_changed_after_it_was_checked_is_never_used(bundle, install, pip, monkeypatch, tmp_path):
    """Copies that were hashed while they were written are run and installed."""
    real = _bundle_venv.run

    def run(argv):
        if "install" in argv:
            (bundle / "wheels" / pip[0]).write_bytes(evil_pip(tmp_path / "owned"))
            (bundle / APP).write_bytes(make_wheel("app", "6.6")[1])
        return real(argv)

    monkeypatch.setattr(_bundle_venv, "run", run)
    _program.main(str(bundle), ["base", "--venv", str(install.venv)])
    assert not (tmp_path / "owned").exists()
    assert version_of(install.venv) == "1.0"
    assert not list(tmp_path.rglob(".tmp-airgap-*"))


def test_a_file_that_is_changed_before_it_is_copied_is_refused_by_name(bundle, install, monkeypatch):
    """The copy has another sum, and nothing is left."""
    monkeypatch.setattr(_bundle_venv, "check_space", lambda *_arguments: flip(bundle / APP))
    with pytest.raises(AirgapError, match="app-1.0.* has sha256"):
        _program.main(str(bundle), ["base", "--venv", str(install.venv)])
    assert not (install.venv / "airgap-lock.txt").exists()
    assert not [path for path in install.venv.iterdir() if path.name.startswith(".tmp")]


def test_the_module_runs_a_copy_of_pip_that_it_hashed(bundle, install, pip, tmp_path):
    """The wheel can be replaced between its check and its use."""
    wheel = bundle / "wheels" / pip[0]
    (tmp_path / "evil").write_bytes(evil_pip(tmp_path / "owned"))
    arguments = {
        "path": str(install.venv),
        "python": sys.executable,
        "lock": str(bundle / "locks/base/here.txt"),
        "pip_wheel": str(wheel),
        "pip_wheel_sha256": hashlib.sha256(pip[1]).hexdigest(),
        "no_index": True,
        "find_links": [str(bundle / "wheels")],
    }
    swap = "\n".join(
        [
            "import os",
            "from ansible_collections.airgap.python.plugins.module_utils._install import _locked_venv",
            "real = _locked_venv.Environment.locked",
            "def locked(self):",
            "    os.replace(%r, %r)" % (str(tmp_path / "evil"), str(wheel)),
            "    return real(self)",
            "_locked_venv.Environment.locked = locked",
        ]
    )
    done = subprocess.run(
        [sys.executable, "-c", swap + LOCKED_VENV, json.dumps(arguments)],
        env=dict(os.environ, PYTHONPATH=os.path.abspath(".collections")),
        stdout=subprocess.PIPE,
        check=False,
    )
    assert not (tmp_path / "owned").exists()
    assert json.loads(done.stdout)["changed"] is True
    assert version_of(install.venv) == "1.0"


@pytest.mark.parametrize(("status", "reason"), [(403, "it forbids this host or user"), (404, "the index has no file")])
def test_the_module_distinguishes_a_page_that_cannot_be_read_from_a_missing_one(install, bundle, pip, status, reason):
    index = SimpleIndex()
    index.trouble["app"] = [status] * 1000
    arguments = {
        "path": str(install.venv),
        "python": sys.executable,
        "lock": str(bundle / "locks/base/here.txt"),
        "pip_wheel": str(bundle / "wheels" / pip[0]),
        "index_url": index.url,
    }
    done = subprocess.run(
        [sys.executable, "-c", LOCKED_VENV, json.dumps(arguments)],
        env=dict(os.environ, PYTHONPATH=os.path.abspath(".collections")),
        stdout=subprocess.PIPE,
        check=False,
    )
    index.stop()
    assert reason in json.loads(done.stdout)["msg"]


def test_the_module_does_not_run_the_python_of_an_environment_that_others_can_change(install, bundle, pip, tmp_path):
    """Otherwise anyone who can write there could run programs as the user who runs the module."""
    (install.venv / "bin").mkdir(parents=True)
    (install.venv / ".airgap-venv").write_text("")
    (install.venv / "bin/python").write_text("#!/bin/sh\ntouch %s\n" % (tmp_path / "owned"))
    (install.venv / "bin/python").chmod(0o755)
    install.venv.chmod(0o777)
    arguments = {
        "path": str(install.venv),
        "python": sys.executable,
        "lock": str(bundle / "locks/base/here.txt"),
        "pip_wheel": str(bundle / "wheels" / pip[0]),
        "no_index": True,
    }
    done = subprocess.run(
        [sys.executable, "-c", LOCKED_VENV, json.dumps(arguments)],
        env=dict(os.environ, PYTHONPATH=os.path.abspath(".collections")),
        stdout=subprocess.PIPE,
        check=False,
    )
    assert "its mode 0777 lets others write" in json.loads(done.stdout)["msg"]
    assert not (tmp_path / "owned").exists()


def test_a_bundle_that_others_can_change_is_refused_by_name(bundle, install, tmp_path):
    """A run as root must not use files that someone else can change in between."""
    (bundle / APP).chmod(0o666)
    refused(install("--verify-only"), APP, "its mode 0666 lets others write", "cp -r")
    (bundle / APP).chmod(0o644)
    os.link(str(bundle / APP), str(tmp_path / "outside"))
    refused(install("--verify-only"), APP, "hard link", "cp -r")
    # Only a reception may link files that it already has; this folder is the user's.
    (tmp_path / "incoming").mkdir()
    (tmp_path / "outside").rename(tmp_path / "incoming/app")
    refused(install("--verify-only"), APP, "hard link", "cp -r")
    shutil.rmtree(tmp_path / "incoming")
    tmp_path.chmod(0o777)
    refused(install("--verify-only"), str(tmp_path), "its mode 0777 lets others write")
    tmp_path.chmod(0o755)
    assert install("--verify-only").returncode == 0


def test_an_environment_that_others_can_change_is_refused(install):
    """Its Python would be run."""
    install.venv.mkdir()
    (install.venv / ".airgap-venv").write_text("")
    install.venv.chmod(0o777)
    refused(install.set(), str(install.venv), "its mode 0777 lets others write", "--venv")


def test_a_name_cannot_control_the_terminal(bundle, install):
    """Escape sequences and line ends in a name are shown as text."""
    (bundle / "wheels/\x1b]0;owned\x07\nVerified\u202e").write_bytes(b"")
    done = install("--verify-only")
    refused(done, "\\x1b]0;owned\\x07\\x0aVerified\\u202e")
    assert "\x1b" not in done.all and "\n" not in done.stderr.strip()


# --- bundles that are not whole ---------------------------------------------------------------------------------------


def replace_by_pipe(path):
    """Put a named pipe where a file is."""
    path.unlink()
    os.mkfifo(path)


def flip(path):
    """Change one byte of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def rename_in_sums(bundle, old, new):
    """Rename a file in the sums."""
    text = (bundle / "SHA256SUMS").read_text()
    assert old in text
    (bundle / "SHA256SUMS").write_text(text.replace(old, new))


def change_manifest(bundle, change):
    """Change the manifest, and correct its id and its sum."""
    manifest = json.loads((bundle / "manifest.json").read_text())
    change(manifest)
    manifest["id"] = _manifest.identify(manifest)
    (bundle / "manifest.json").write_text(_json.render(manifest))
    small_bundle.seal(bundle)


APP = "wheels/app-1.0-py3-none-any.whl"
BROKEN = {
    "a flipped byte in a wheel": (lambda root: flip(root / APP), APP),
    "a flipped byte in a lock": (lambda root: flip(root / "locks/base/here.txt"), "locks/base/here.txt"),
    "a flipped byte in a report": (lambda root: flip(root / "reports/sbom.cdx.json"), "reports/sbom.cdx.json"),
    "a comment more in the program": (
        lambda root: (root / "install/_bundle/_schema.py").write_bytes(
            (root / "install/_bundle/_schema.py").read_bytes() + b"#\n"
        ),
        "install/_bundle/_schema.py",
    ),
    "a program that is damaged": (
        lambda root: (root / "install/_bundle/_schema.py").write_bytes(b"MANIFEST = {\xff\n"),
        "install cannot be loaded: SyntaxError",
    ),
    "a program without one of its files": (
        lambda root: (root / "install/_bundle/_schema.py").unlink(),
        "install cannot be loaded",
    ),
    "a source too many in the program": (
        lambda root: (root / "install/_more.py").write_bytes(b""),
        "install/_more.py is not in",
    ),
    "bytecode in the sums": (
        lambda root: rename_in_sums(root, "install/_bundle/_schema.py", "install/_bundle/_schema.pyc"),
        "install/_bundle/_schema.pyc', which does not belong in a bundle",
    ),
    "a flipped byte in the manifest": (lambda root: flip(root / "manifest.json"), "manifest.json"),
    "a missing wheel": (lambda root: (root / APP).unlink(), APP),
    "missing sums": (lambda root: (root / "SHA256SUMS").unlink(), "SHA256SUMS is missing"),
    "a file too many": (lambda root: (root / "wheels/evil.whl").write_bytes(b""), "wheels/evil.whl is not in"),
    "a file where none belongs": (lambda root: (root / ".hidden").write_bytes(b""), ".hidden is not in"),
    "a symlink": (lambda root: (root / "wheels/link.whl").symlink_to(root / APP), "wheels/link.whl"),
    "a symlink for a wheel": (
        lambda root: ((root / APP).rename(root.parent / "app"), (root / APP).symlink_to(root.parent / "app")),
        APP,
    ),
    "a symlink for the sums": (
        lambda root: (
            (root / "SHA256SUMS").rename(root.parent / "s"),
            (root / "SHA256SUMS").symlink_to(root.parent / "s"),
        ),
        "SHA256SUMS is neither a file nor a folder (a link or a device)",
    ),
    "a pipe": (lambda root: os.mkfifo(root / "wheels/pipe"), "wheels/pipe"),
    "a pipe for the sums": (
        lambda root: replace_by_pipe(root / "SHA256SUMS"),
        "SHA256SUMS",
    ),
    "a name that leads out": (lambda root: rename_in_sums(root, APP, "wheels/../../" + APP), "could lead out"),
    "an absolute name": (lambda root: rename_in_sums(root, APP, "/etc/passwd"), "'/etc/passwd': it is not a relative"),
    "two names for one file": (
        lambda root: rename_in_sums(root, "part-2.0", "APP-1.0"),
        "'wheels/app-1.0-py3-none-any.whl' and 'wheels/APP-1.0-py3-none-any.whl', which are the same file",
    ),
    "a name with no place": (lambda root: rename_in_sums(root, "README.md", ".bashrc"), "does not belong in a bundle"),
    "truncated sums": (
        lambda root: (root / "SHA256SUMS").write_bytes((root / "SHA256SUMS").read_bytes()[:-1]),
        "SHA256SUMS is not a list of sums: its last line is incomplete",
    ),
    "a newer format": (
        lambda root: change_manifest(root, lambda one: one.update(format=2)),
        "manifest.json has format 2",
    ),
    "a manifest that disagrees with the sums": (
        lambda root: change_manifest(root, lambda one: one["files"].pop(0)),
        APP,
    ),
    "a manifest whose sizes are wrong": (
        lambda root: change_manifest(root, lambda one: one["files"][0].update(size=1)),
        APP,
    ),
    "a manifest whose content is not its id's": (
        lambda root: (
            (root / "manifest.json").write_text((root / "manifest.json").read_text().replace("3.8.1", "3.8.2")),
            small_bundle.seal(root),
        ),
        "does not have the content",
    ),
    "a manifest with one key twice": (
        lambda root: (
            (root / "manifest.json").write_text((root / "manifest.json").read_text().replace("{", '{"format": 1,', 1)),
            small_bundle.seal(root),
        ),
        "manifest.json is not JSON: the key 'format' is in one object twice",
    ),
    "a lock that names a missing file": (
        lambda root: (
            (root / "locks/base/here.txt").write_text(
                (root / "locks/base/here.txt").read_text().replace("app-1.0", "app-1.1")
            ),
            small_bundle.seal(root),
        ),
        "locks/base/here.txt pins app-1.1",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_damaged_bundle_is_refused_by_name(bundle, install, what):
    """Nothing is installed from it, and the wrong file is named."""
    break_it, name = BROKEN[what]
    break_it(bundle)
    before = small_bundle.snapshot(bundle) if "pipe" not in what else None
    refused(install.set(), name)
    assert not install.venv.exists()
    if before:
        assert small_bundle.snapshot(bundle) == before


# --- signatures -------------------------------------------------------------------------------------------------------


@pytest.fixture(name="officers", scope="module")
def officers_fixture(tmp_path_factory):
    """Return two officers and an unknown signer, each as private key and line, and the file of allowed signers."""
    folder = tmp_path_factory.mktemp("keys")
    found = {name: small_bundle.key(folder, name) for name in ("alice", "bob", "eve")}
    found["file"] = str(folder / "allowed")
    with open(found["file"], "w", encoding="utf-8") as stream:
        stream.write("# officers\n" + found["alice"][1] + "\n" + found["bob"][1] + "\n")
    return found


def test_two_officers_verify_a_bundle(bundle, install, officers):
    """Each key that signed is named, and the bundle is not reported as unverified."""
    for name in ("alice", "bob"):
        small_bundle.sign(bundle, officers[name][0])
    done = install.set("--allowed-signers", officers["file"], "--required", "2")
    assert done.returncode == 0, done.all
    assert "Verified: signed by alice@example.org (SHA256:" in done.stdout and "bob@example.org" in done.stdout
    assert "UNVERIFIED" not in done.stdout


SIGNED = {
    "nobody": (lambda root, keys: None, "the bundle is not signed at all"),
    "one of two": (
        lambda root, keys: small_bundle.sign(root, keys["alice"][0]),
        "1 of 2 required signatures is missing",
    ),
    "one key twice": (
        lambda root, keys: [small_bundle.sign(root, keys["alice"][0]) for _time in (1, 2)],
        "same key twice",
    ),
    "a stranger": (lambda root, keys: small_bundle.sign(root, keys["eve"][0]), "unknown key"),
    "over other content": (lambda root, keys: small_bundle.sign(root, keys["bob"][0], content=b"x"), "other content"),
    "for another purpose": (
        lambda root, keys: small_bundle.sign(root, keys["bob"][0], namespace="git"),
        "other namespace",
    ),
}


@pytest.mark.parametrize("what", SIGNED)
def test_too_few_good_signatures_are_refused_with_the_reason(bundle, install, officers, what):
    """Each rejected signature is named with its reason."""
    act, words = SIGNED[what]
    if what not in ("nobody", "one of two", "one key twice"):
        small_bundle.sign(bundle, officers["alice"][0])
    act(bundle, officers)
    refused(install.set("--allowed-signers", officers["file"], "--required", "2"), "SHA256SUMS.sig", words)
    assert not install.venv.exists()


def test_a_key_and_a_certificate_of_it_are_one_signer(bundle, install, officers, tmp_path):
    """A certificate names the key that it certifies, which is counted once."""
    private = officers["alice"][0]
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "ca")], check=True)
    small_bundle.sign(bundle, private)
    command = [
        "ssh-keygen",
        "-q",
        "-s",
        str(tmp_path / "ca"),
        "-I",
        "alice",
        "-n",
        "alice@example.org",
        private + ".pub",
    ]
    subprocess.run(command, check=True)
    small_bundle.sign(bundle, private + "-cert.pub")
    allowed = tmp_path / "with-ca"
    authority = " ".join((tmp_path / "ca.pub").read_text().split()[:2])
    with open(officers["file"]) as stream:
        allowed.write_text("alice@example.org cert-authority %s\n%s" % (authority, stream.read()))
    refused(install("--verify-only", "--allowed-signers", str(allowed), "--required", "2"), "same key twice")


def test_a_revoked_key_is_rejected(bundle, install, officers, tmp_path):
    """A lost key is listed in a file."""
    small_bundle.sign(bundle, officers["alice"][0])
    revoked = tmp_path / "revoked"
    shutil.copy(officers["alice"][0] + ".pub", revoked)
    arguments = ["--verify-only", "--allowed-signers", officers["file"]]
    assert install(*arguments).returncode == 0
    refused(install(*arguments, "--revoked", str(revoked)), "SHA256SUMS.sig", "revoked")


def test_an_expired_key_is_rejected(bundle, install, officers, tmp_path):
    """valid-before of ssh-keygen(1) is respected; an ssh-keygen that does not know it ignores the line."""
    small_bundle.sign(bundle, officers["alice"][0])
    name, kind, public = officers["alice"][1].split()
    (tmp_path / "allowed").write_text('%s valid-before="20200101" %s %s\n' % (name, kind, public))
    done = install("--verify-only", "--allowed-signers", str(tmp_path / "allowed"))
    refused(done, "SHA256SUMS.sig")
    assert "expired" in done.stderr or "unknown option" in done.stderr


@pytest.mark.parametrize("change", [b"\n", b"-----BEGIN SSH SIGNATURE-----\n", b"\0" * 9])
def test_anything_but_signatures_is_refused(bundle, install, officers, change):
    """Another reader could treat it as a signature. It is refused without a list of signers too."""
    small_bundle.sign(bundle, officers["alice"][0])
    with open(bundle / "SHA256SUMS.sig", "ab") as stream:
        stream.write(change)
    refused(install("--verify-only", "--allowed-signers", officers["file"]), "SHA256SUMS.sig: block 2")
    refused(install("--verify-only"), "SHA256SUMS.sig: block 2")


def test_a_signature_in_another_spelling_is_refused(bundle, install, officers):
    """A signature has one spelling, so that its bytes cannot change unnoticed: ssh-keygen accepts other line ends."""
    small_bundle.sign(bundle, officers["alice"][0])
    path = bundle / "SHA256SUMS.sig"
    begin, *text, end = path.read_text().splitlines()
    joined = "".join(text)
    path.write_text("\n".join([begin] + [joined[at : at + 64] for at in range(0, len(joined), 64)] + [end, ""]))
    refused(install("--verify-only", "--allowed-signers", officers["file"]), "SHA256SUMS.sig: block 1")


def test_without_ssh_keygen_nothing_is_reported_as_verified(bundle, officers, monkeypatch, capsys):
    """A check that cannot run has not passed."""
    small_bundle.sign(bundle, officers["alice"][0])
    monkeypatch.setattr(_verified_bundle._signature.shutil, "which", lambda _name: "/nowhere/ssh-keygen")
    assert _program.start([str(bundle), "--verify-only", "--allowed-signers", officers["file"]]) == 1
    said = capsys.readouterr()
    assert "ssh-keygen cannot be run on this host" in said.err and "openssh-client" in said.err
    assert "erified" not in said.out


def test_wrong_arguments_exit_with_two(install, officers):
    """Wrong arguments have another exit status than a refused bundle."""
    calls = (
        ["--required", "2"],
        ["--required", "0", "--allowed-signers", officers["file"]],
        ["--venom", "x"],
        ["base", "--list"],
    )
    for arguments in calls:
        assert install(*arguments).returncode == 2
    refused(install("--verify-only", "--allowed-signers", "/nowhere"), "/nowhere does not exist")


# --- deltas -----------------------------------------------------------------------------------------------------------


@pytest.fixture(name="delta")
def delta_fixture(bundle, tmp_path, pip):
    """Make the bundle one that adds to another; return the other's folder and id."""
    base = tmp_path / "base"
    bundle.rename(base)
    first = json.loads((base / "manifest.json").read_text())["id"]
    wheels = small_bundle.application("1.1")
    sets = {"airgap-pip": {"here": [pip]}, "base": {"here": wheels}}
    small_bundle.write(bundle, sets, [small_bundle.here()], base=first, left_out=[pip[0], wheels[1][0]])
    return base, first


def test_a_delta_names_its_missing_base(install, delta):
    """Files that it does not carry are in another bundle, whose id is named."""
    done = install("--verify-only")
    assert done.returncode == 0
    assert "adds to the bundle %s, which has 2 of its files" % delta[1] in done.stdout
    refused(install.set(), "does not carry pip-", delta[1], "--base")
    assert not install.venv.exists()


def test_a_delta_is_installed_with_its_base(bundle, install, delta):
    """The other files come from the base, or from files that were copied next to its own."""
    assert install.set("--base", str(delta[0])).returncode == 0
    assert version_of(install.venv) == "1.1"
    shutil.rmtree(install.venv)
    for name in os.listdir(delta[0] / "wheels"):
        if not name.startswith("app-"):
            shutil.copy(delta[0] / "wheels" / name, bundle / "wheels" / name)
    assert install.set().returncode == 0


@pytest.mark.parametrize("copied", [False, True])
def test_a_damaged_file_of_a_base_is_refused_by_name(bundle, install, delta, copied):
    """The manifest of the delta has its sum, wherever the file is."""
    part = "wheels/part-2.0-py3-none-any.whl"
    flip(delta[0] / part)
    if copied:
        shutil.copy(delta[0] / part, bundle / part)
    refused(install.set("--base", str(delta[0])), part)
    assert not install.venv.exists()
