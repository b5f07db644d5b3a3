# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook handout: its files and commands are tried with the real pip and uv, as far as this machine can."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys

import pytest

from tests.integration.client_host import ClientHost, SecureIndex
from tests.integration.test_playbooks import Control

UV = os.path.join(os.path.dirname(sys.executable), "uv")


@pytest.fixture(name="index")
def index_fixture(tmp_path):
    """Return an index with https that has an application."""
    index = SecureIndex(tmp_path / "index")
    index.add("app", "1.0")
    yield index
    index.stop()


@pytest.fixture(name="handout")
def handout_fixture(index, tmp_path):
    """Return the folder that the playbook wrote, and what plays it again."""
    control = Control(tmp_path)
    # A site of one machine calls it localhost; the files are for this machine nevertheless, and its Python may have nothing.
    elsewhere = {
        "ansible_connection": "ssh",
        "ansible_host": "203.0.113.1",
        "ansible_python_interpreter": "/nowhere/python",
    }
    control.write(
        {"airgap_index": ["idx"], "airgap_stage": ["localhost"]}, idx={"ansible_host": "10.0.0.1"}, localhost=elsewhere
    )
    folder = tmp_path / "handout"
    options = {
        "pip_conf_index_url": index.url,
        "pip_conf_ca": str(tmp_path / "index/ca.pem"),
        "handout_dir": str(folder),
        "ansible_become": False,
    }
    rc, said = control.play("handout", **options)
    assert rc == 0, said
    assert str(folder / "index.html") in said
    return folder, lambda *more, **other: control.play("handout", *more, **dict(options, **other))


def test_second_run_changes_nothing_and_a_certificate_that_was_replaced_goes(handout, tmp_path):
    folder, play = handout
    before = {one.name: one.read_bytes() for one in folder.iterdir()}
    assert sum(name.endswith(".crt") for name in before) == 1
    rc, said = play()
    assert rc == 0 and "changed=0" in said, said
    other = SecureIndex(tmp_path / "other")
    other.stop()
    (tmp_path / "index/ca.pem").write_text(other.ca)
    rc, said = play("--check")
    assert rc == 0 and {one.name: one.read_bytes() for one in folder.iterdir()} == before
    rc, said = play()
    assert rc == 0 and sum(one.name.endswith(".crt") for one in folder.iterdir()) == 1
    assert before["index.html"] != (folder / "index.html").read_bytes()


def test_address_of_a_tunnel_is_refused(handout):
    _folder, play = handout
    rc, said = play(pip_conf_index_address="127.0.0.1")
    assert rc != 0 and "Set pip_conf_index_address to the address at which desktops reach the index" in said


@pytest.mark.parametrize("system", ["linux", "macos"])
def test_command_of_the_page_makes_pip_and_uv_install_and_the_other_takes_it_back(handout, index, tmp_path, system):
    folder, _play = handout
    page = (folder / "index.html").read_text()
    part = page.partition('<h2 id="%s">' % system)[2]
    command, undo = [html.unescape(one) for one in re.findall(r"<pre><code>(.*?)</code></pre>", part, re.DOTALL)[:2]]
    root = tmp_path / "root"
    (root / "usr/local/share/ca-certificates").mkdir(parents=True)
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("sudo", "update-ca-certificates", "security"):
        (programs / name).write_text(
            "#!/bin/sh\n%s\n" % ('exec "$@"' if name == "sudo" else "echo %s $* >> %s/log" % (name, root))
        )
        (programs / name).chmod(0o755)
    for place in ("/etc/", "/usr/local/", "/Library/"):
        command, undo = (re.sub(r"(?<![\w.])%s" % place, str(root) + place, one) for one in (command, undo))
    (root / "etc").mkdir()
    environment = dict(os.environ, PATH="%s:%s" % (programs, os.environ["PATH"]))
    subprocess.run(["sh", "-ec", command], cwd=folder, env=environment, check=True)
    pip_conf = root / ("etc/pip.conf" if system == "linux" else "Library/Application Support/pip/pip.conf")
    assert (
        (root / "log")
        .read_text()
        .startswith("update-ca-certificates" if system == "linux" else "security add-trusted-cert")
    )
    # What the file names as /etc is below the root here.
    pip_conf.write_text(pip_conf.read_text().replace("/etc/", str(root) + "/etc/"))
    (tmp_path / "client").mkdir()
    client = ClientHost(tmp_path / "client", index)
    files = {"PIP_CONFIG_FILE": str(pip_conf), "UV_CONFIG_FILE": str(root / "etc/uv/uv.toml")}
    rc, output = client.client(sys.executable, "-m", "pip", "install", "--target", tmp_path / "t", "app", **files)
    assert rc == 0, output
    trusted = dict(files, SSL_CERT_FILE=str(root / "etc/airgap/ca.pem"), UV_CACHE_DIR=str(tmp_path / "cache"))
    rc, output = client.client(UV, "pip", "install", "-p", sys.executable, "--target", tmp_path / "u", "app", **trusted)
    assert rc == 0, output
    subprocess.run(["sh", "-ec", undo], cwd=folder, env=environment, check=True)
    assert [one for one in root.rglob("*") if one.is_file() and one.name != "log"] == []


def test_pip_reads_the_file_for_windows(handout, index, tmp_path):
    folder, _play = handout
    text = (folder / "pip.ini").read_text()
    assert "cert = C:\\ProgramData\\airgap\\ca.pem\n" in text
    (tmp_path / "client").mkdir()
    client = ClientHost(tmp_path / "client", index)
    client.path.write_text(text.replace("C:\\ProgramData\\airgap\\ca.pem", str(folder / "ca.pem")))
    rc, output = client.client(sys.executable, "-m", "pip", "install", "--target", tmp_path / "t", "app")
    assert rc == 0, output
