# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests fetch from PyPI once and keep in .cache, also if several processes of pytest ask for it at the same time."""

from __future__ import annotations

import fcntl
import pathlib
import shutil
import subprocess
import sys
import typing as t
import venv
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


def once(name: str, make: t.Callable[[pathlib.Path], None]) -> pathlib.Path:
    """Return a folder of .cache; ``make`` fills it if it is not complete."""
    folder = ROOT / ".cache" / name
    stamp = folder / "complete"
    folder.parent.mkdir(exist_ok=True)
    with open("%s.lock" % folder, "a", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            stamp.touch()
    return folder


def environment(name: str, *packages: str) -> pathlib.Path:
    """Return the folder of the commands of an environment with these packages."""

    def make(folder: pathlib.Path) -> None:
        # The pip of this environment installs, and Python compiles only what is used: that is a third of the work.
        venv.create(folder, with_pip=False)
        pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin/python")]
        subprocess.run([*pip, "install", "--quiet", "--no-compile", *packages], check=True)

    return once(name, make) / "bin"


def wheel(name: str, requirement: str) -> pathlib.Path:
    """Return the folder with the files of a wheel."""

    def make(folder: pathlib.Path) -> None:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", str(folder)]
        subprocess.run([*command, requirement], check=True)
        (found,) = folder.glob("*.whl")
        with zipfile.ZipFile(found) as archive:
            archive.extractall(folder / "unpacked")

    return once(name, make) / "unpacked"
