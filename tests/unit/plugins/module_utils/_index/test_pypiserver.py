# SPDX-License-Identifier: GPL-3.0-or-later
"""pypiserver serves one release and what people uploaded besides it; its unit and its users are checked before anything changes."""

from __future__ import annotations

import configparser
import hashlib
import io
import os
import pathlib
import re

import jinja2
import pytest
from ansible_collections.airgap.python.plugins.module_utils._index import _pypiserver, _pypiserver_program

ROOT = pathlib.Path(__file__).resolve().parents[5]


class Folder:
    """A static folder with releases, and a folder of uploads."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "uploads").mkdir()
        self.store = _pypiserver_program.Store(str(folder / "current"), "airgap/prod", str(folder / "uploads"))

    def release(self, name, *wheels):
        """Write a release that has these wheels, and serve it."""
        top = self.folder / "releases" / name
        lines = ["%s  index.html" % ("0" * 64)]
        for wheel in wheels:
            for suffix in ("", ".metadata"):
                path = top / "airgap/prod/+f/abc" / (wheel + suffix)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(wheel)
                sha256 = hashlib.sha256(wheel.encode()).hexdigest()
                lines.append("%s  airgap/prod/+f/abc/%s" % (sha256, wheel + suffix))
        (top / "SHA256SUMS").write_text("\n".join(lines) + "\n")
        os.symlink("releases/" + name, self.folder / "aside")
        os.rename(self.folder / "aside", self.folder / "current")


@pytest.fixture(name="folder")
def folder_fixture(tmp_path):
    """Return such a folder."""
    return Folder(tmp_path)


def test_release_is_that_of_the_link_at_each_call(folder):
    assert folder.store.release().sums == {}
    folder.release("one", "Some_App-1.0-py3-none-any.whl")
    release = folder.store.release()
    assert list(release.sums) == ["+f/abc/Some_App-1.0-py3-none-any.whl"] and release.projects == {"some-app"}
    path = os.path.join(release.root, "+f/abc/Some_App-1.0-py3-none-any.whl")
    assert folder.store.sha256(path) == hashlib.sha256(b"Some_App-1.0-py3-none-any.whl").hexdigest()
    folder.release("two", "other-2.0-py3-none-any.whl")
    assert folder.store.release().projects == {"other"}


def test_uploads_are_listed_unless_the_release_has_their_project(folder):
    folder.release("one", "app-1.0-py3-none-any.whl")
    folder.store.add("ours-1.0.tar.gz", io.BytesIO(b"ours"))
    folder.store.add("App-9.0-py3-none-any.whl", io.BytesIO(b"hides"))
    os.symlink("/etc/passwd", folder.folder / "uploads/link-1.0.tar.gz")
    assert folder.store.uploaded(folder.store.release()) == ["ours-1.0.tar.gz"]
    path = str(folder.folder / "uploads/ours-1.0.tar.gz")
    assert folder.store.sha256(path) == hashlib.sha256(b"ours").hexdigest()


def test_upload_is_not_replaced_and_one_that_breaks_off_leaves_nothing(folder):
    folder.store.add("ours-1.0.tar.gz", io.BytesIO(b"ours"))
    with pytest.raises(FileExistsError):
        folder.store.add("ours-1.0.tar.gz", io.BytesIO(b"other"))

    class Broken(io.BytesIO):
        """A client that goes away."""

        def read(self, *_arguments):
            raise OSError("connection reset")

    with pytest.raises(OSError, match="reset"):
        folder.store.add("ours-2.0.tar.gz", Broken())
    assert {path.name: path.read_bytes() for path in (folder.folder / "uploads").iterdir()} == {
        "ours-1.0.tar.gz": b"ours"
    }


@pytest.mark.parametrize(
    ("users", "problem"),
    [
        ([{"name": "ci", "password": "long enough"}], ""),
        ([{"name": "c:i", "password": "long enough"}], "pypiserver_users has 'c:i': use letters"),
        ([{"name": "ci", "password": "short"}], "has fewer than 8 characters"),
        ([{"name": "ci", "password": "umlaut is ü"}], "or one that is not ASCII"),
        ([{"name": "ci", "password": "long enough"}] * 2, "names ci twice"),
    ],
)
def test_users_that_clients_could_not_send_are_refused_without_their_password(users, problem):
    found = _pypiserver.wrong_users(users)
    assert (not found) == (not problem)
    assert problem in " ".join(found)
    assert not any(one["password"] in text for one in users for text in found)


def unit(role, name, **variables):
    """Return the sandbox of a unit as the role writes it: setting to values."""
    environment = jinja2.Environment(
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FileSystemLoader(str(ROOT / "roles" / role / "templates")),
    )
    text = environment.get_template(name + ".j2").render(variables)
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(re.sub("^(SystemCallFilter=~)", "Not\\1", text, flags=re.MULTILINE))
    return dict(parser["Service"])


def test_sandbox_of_the_unit_is_that_of_devpi_with_less():
    folders = {"pypiserver_%s" % name: "/" + name for name in ("uploads_dir", "venv", "config_dir")}
    ours = unit(
        "pypiserver", "pypiserver.service", pypiserver_system_user="x", _pypiserver_static_dir="/static", **folders
    )
    devpi = {"devpi_%s" % name: "/" + name for name in ("data_dir", "venv")}
    theirs = unit(
        "devpi",
        "devpi-server.service",
        devpi_system_user="x",
        devpi_port=3141,
        _devpi_config="/c",
        _devpi_has_front=True,
        _devpi_is_local=True,
        **devpi,
    )
    assert ours["User"] == "x" and ours["ReadWritePaths"] == "/uploads_dir"
    assert (ours["IPAddressAllow"], ours["IPAddressDeny"], ours["RestrictAddressFamilies"]) == (
        "localhost",
        "any",
        "AF_INET",
    )
    own = {"ExecStart", "User", "WorkingDirectory", "ReadWritePaths", "UMask", "RestrictAddressFamilies"}
    assert {key: value for key, value in ours.items() if key not in own} == {
        key: value for key, value in theirs.items() if key not in own
    }
