# SPDX-License-Identifier: GPL-3.0-or-later
"""A static index serves one bundle wholly: the same bytes each time, switched in one step, whatever happens to a run."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _hashes
from ansible_collections.airgap.python.plugins.module_utils._bundle import _links, _verify
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _static_publish, _static_release

from tests.integration import small_bundle
from tests.integration.simple_index import make_wheel


class Site:
    """A host with a bundle and a static index of it."""

    def __init__(self, folder):
        self.folder = folder
        self.bundle = folder / "bundle"
        self.index = folder / "static"
        self.ids = {}

    def stage(self, version="1.0", *more):
        """Put a bundle in place of the former one, as a transfer does; return its id."""
        shutil.rmtree(self.bundle, ignore_errors=True)
        here = {"name": "here", "python": "3.11.7", "os": "linux", "arch": "x86_64", "libc": "glibc-2.36"}
        wheels = [*small_bundle.application(version), *more]
        self.ids[version] = small_bundle.write(self.bundle, {"base": {"here": wheels}}, [here])["id"]
        return self.ids[version]

    def publish(self, check_mode=False, **options):
        """Publish the bundle in place; return the result."""
        params = {"path": str(self.index), "index": "airgap/prod", "withdrawn": None, "keep": 2, "serve": True}
        params.update(links=True, mount=None)
        params.update({"src": str(self.bundle), "bundle_id": list(self.ids.values())[-1]})
        return _static_publish.publish(dict(params, **options), check_mode)

    def serve_again(self, bundle="", **options):
        """Serve a bundle that was kept; return the result."""
        return self.publish(src=None, bundle_id=bundle, **options)

    def files(self):
        """Return what is served: path to bytes."""
        root = self.index / "current"
        return {str(path.relative_to(root)): path.read_bytes() for path in root.glob("**/*") if path.is_file()}

    def page(self, project="app"):
        """Return the HTML page of a project."""
        return (self.index / "current/airgap/prod/+simple" / project / "index.html").read_text()


@pytest.fixture(name="site")
def site_fixture(tmp_path):
    """Return a site whose bundle is staged."""
    site = Site(tmp_path)
    site.stage()
    return site


def test_all_of_a_bundle_is_served_and_sha256sum_agrees(site):
    result = site.publish()
    assert (result["changed"], result["uploaded_count"], result["present_count"]) == (True, 2, 0)
    assert os.readlink(site.index / "current") == "releases/" + site.ids["1.0"]
    found = site.files()
    wheel = site.bundle / "wheels/app-1.0-py3-none-any.whl"
    sha256 = _hashes.sha256_file(str(wheel))
    path = "airgap/prod/+f/%s/%s/app-1.0-py3-none-any.whl" % (sha256[:3], sha256[3:16])
    assert found[path] == wheel.read_bytes()
    assert b"Requires-Dist: part>=2" in found[path + ".metadata"]
    for page in ("", "app/", "part/"):
        assert "airgap/prod/+simple/%sindex.html" % page in found
        assert "airgap/prod/+simple/%sindex.json" % page in found
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=site.index / "current", check=True)


def test_wheels_are_links_to_the_pool_and_the_bundle_still_verifies(site):
    site.publish()
    wheel = site.bundle / "wheels/app-1.0-py3-none-any.whl"
    assert wheel.stat().st_nlink == 2
    _verify.verify(str(site.bundle))
    # What else links a file of the bundle is refused as before.
    os.link(wheel, site.folder / "elsewhere")
    with pytest.raises(AirgapError, match="another name outside the bundle"):
        _verify.verify(str(site.bundle))
    (site.folder / "elsewhere").unlink()
    # A folder that others can change does not count.
    site.index.chmod(0o777)
    with pytest.raises(AirgapError, match="static links files of the bundle.*chmod"):
        _verify.verify(str(site.bundle))
    site.index.chmod(0o755)
    # Nor does a record that others can change.
    (site.folder / "bundle.links").chmod(0o666)
    with pytest.raises(AirgapError, match="another name outside the bundle"):
        _verify.verify(str(site.bundle))


def test_files_are_copied_where_links_are_not_possible_or_not_readable(site, monkeypatch):
    wheel = site.bundle / "wheels/app-1.0-py3-none-any.whl"
    wheel.chmod(0o600)
    site.publish()
    assert wheel.stat().st_nlink == 1
    (served,) = site.index.glob("current/airgap/prod/+f/*/*/app-1.0-py3-none-any.whl")
    assert served.stat().st_mode & 0o777 == 0o644

    def refuse(*_names):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    shutil.rmtree(site.index)
    site.publish()
    assert {path.stat().st_nlink for path in site.index.glob("releases/*/airgap/prod/+f/*/*/*")} == {1}


def test_folders_and_files_are_readable_for_the_server_whatever_the_umask(site):
    before = os.umask(0o077)
    try:
        site.publish()
    finally:
        os.umask(before)
    for path in site.index.glob("**/*"):
        assert path.stat().st_mode & 0o444 == 0o444
    assert site.index.stat().st_mode & 0o777 == 0o755


def test_same_bundle_gives_the_same_bytes_and_changes_nothing_the_second_time(site):
    site.publish()
    first = site.files()
    before = small_bundle.snapshot(site.index)
    result = site.publish()
    assert (result["changed"], result["uploaded_count"], result["present_count"]) == (False, 0, 2)
    assert result["diff"]["before"] == result["diff"]["after"]
    assert small_bundle.snapshot(site.index) == before
    shutil.rmtree(site.index)
    site.publish()
    assert site.files() == first


def test_check_mode_writes_nothing_and_shows_what_would_be_served(site):
    before = small_bundle.snapshot(site.folder)
    result = site.publish(check_mode=True)
    assert result["changed"] and result["uploaded_count"] == 2 and result["release"] == ""
    assert small_bundle.snapshot(site.folder) == before
    site.publish()
    site.stage("2.0")
    before = small_bundle.snapshot(site.folder)
    result = site.publish(check_mode=True)
    assert result["uploaded"] == ["app-2.0-py3-none-any.whl"] and result["present_count"] == 1
    assert "app-1.0" in result["diff"]["before"] and "app-1.0" not in result["diff"]["after"]
    assert small_bundle.snapshot(site.folder) == before
    assert site.publish(check_mode=True, bundle_id=site.ids["2.0"])["changed"]


@pytest.mark.parametrize("how", ["page", "added", "missing", "mode", "sums", "release", "link"])
def test_index_that_someone_changed_is_shown_in_check_mode_and_put_right(site, how):
    site.publish()
    right = site.files()
    root = site.index / "current"
    page = root / "airgap/prod/+simple/app/index.html"
    if how == "page":
        page.write_text("nothing")
    elif how == "added":
        (page.parent / "more.html").write_text("more")
    elif how == "missing":
        next(root.glob("airgap/prod/+f/*/*/app-*.metadata")).unlink()
    elif how == "mode":
        page.chmod(0o600)
    elif how == "sums":
        (root / "SHA256SUMS").write_text("")
    elif how == "release":
        (root / "release.json").write_text("{}")
    else:
        (site.index / "current").unlink()
    result = site.publish(check_mode=True)
    assert result["changed"]
    assert bool(result["problems"]) == (how not in ("release", "link"))
    assert site.publish()["changed"]
    assert site.files() == right
    assert page.stat().st_mode & 0o777 == 0o644
    assert len(os.listdir(site.index / "releases")) == 1
    assert not site.publish()["changed"]


def test_former_bundle_comes_back_in_one_step_without_the_bundle(site):
    first = site.publish()
    served = site.files()
    site.stage("2.0")
    result = site.publish()
    assert (result["former_bundle_id"], result["removed"]) == (first["bundle_id"], [])
    assert site.files() != served
    shutil.rmtree(site.bundle)
    result = site.serve_again(site.ids["1.0"])
    assert (result["changed"], result["bundle_id"]) == (True, site.ids["1.0"])
    assert site.files() == served
    assert not site.serve_again(site.ids["1.0"])["changed"]
    assert site.serve_again(site.ids["2.0"])["changed"]


def test_damaged_or_unknown_former_bundle_is_refused_and_the_served_one_stays(site):
    site.publish()
    site.stage("2.0")
    site.publish()
    served = site.files()
    (site.index / "releases" / site.ids["1.0"] / "airgap/prod/+simple/index.html").write_text("x")
    with pytest.raises(AirgapError, match="index.html was changed.*publish that bundle again"):
        site.serve_again(site.ids["1.0"])
    with pytest.raises(AirgapError, match="it was not kept.*name one that was kept: " + min(site.ids.values())):
        site.serve_again("0" * 32)
    assert site.files() == served


def test_release_is_written_and_read_back_without_being_served_until_it_is_asked_for(site):
    site.publish()
    served = site.files()
    second = site.stage("2.0")
    result = site.publish(serve=False, keep=1)
    assert (result["changed"], result["switched"], result["removed"]) == (True, True, [])
    assert (site.files(), sorted(os.listdir(site.index / "releases"))) == (served, sorted(site.ids.values()))
    assert not site.publish(serve=False)["changed"]
    written = os.lstat(site.index / "releases" / second).st_ino
    result = site.publish()
    assert (result["changed"], result["bundle_id"]) == (True, second)
    assert os.stat(site.index / "current").st_ino == written
    # The former bundle can be prepared in the same way.
    assert not site.serve_again(site.ids["1.0"][:6], serve=False)["changed"]
    assert os.readlink(site.index / "current") == "releases/" + second


def test_what_is_not_kept_is_removed_from_disk(site):
    site.publish()
    for version in ("2.0", "3.0"):
        site.stage(version)
        result = site.publish()
    assert result["removed"] == [site.ids["1.0"]]
    assert sorted(os.listdir(site.index / "releases")) == sorted([site.ids["2.0"], site.ids["3.0"]])
    result = site.publish(keep=1)
    assert (result["changed"], os.listdir(site.index / "releases")) == (True, [site.ids["3.0"]])


def test_withdrawn_version_is_listed_with_its_reason_and_stays_so(site):
    site.publish()
    app = {"name": "App", "version": "1.0.0", "reason": "broken,\n use 2"}
    result = site.serve_again(withdrawn=[app])
    assert (result["changed"], result["withdrawn"]) == (True, ["app-1.0-py3-none-any.whl"])
    assert 'data-yanked="broken, use 2"' in site.page()
    assert "data-yanked" not in site.page("part")
    assert not site.publish()["changed"]
    site.stage("2.0", make_wheel("other", "1"))
    site.publish()
    assert "data-yanked" not in site.page()
    site.serve_again(site.ids["1.0"])
    assert "data-yanked" in site.page()
    site.serve_again(withdrawn=[])
    assert "data-yanked" not in site.page()


def test_version_that_is_gone_is_not_served_in_any_form(site):
    site.publish()
    result = site.publish(withdrawn=[{"name": "part", "version": "2", "gone": True}])
    assert (result["changed"], result["withdrawn"]) == (True, [])
    assert [path for path in site.files() if "part" in path and "metadata" not in path] == []
    assert "part" not in site.page("")
    assert len(list(site.index.glob("releases/*/airgap/prod/+f/*/*/part*"))) == 0
    with pytest.raises(AirgapError, match="it lacks part 2"):
        site.serve_again(withdrawn=[])
    assert site.publish(withdrawn=[])["changed"]
    assert "part" in site.page("")


def test_version_that_cannot_be_meant_is_refused(site):
    with pytest.raises(AirgapError, match="withdrawn names version 'new'"):
        site.publish(withdrawn=[{"name": "app", "version": "new"}])
    with pytest.raises(AirgapError, match="app 1.0 twice"):
        site.publish(withdrawn=[{"name": "app", "version": "1.0"}, {"name": "App", "version": "1.0", "gone": True}])


def test_other_file_under_a_published_name_is_refused_and_the_served_one_stays(site):
    first = make_wheel("more", "1.0", payload=b"first")
    site.stage("1.0", first)
    site.publish()
    site.stage("2.0")
    site.publish()
    served = site.files()
    # Also a name that only a former release has, which can be served again.
    site.stage("3.0", make_wheel("more", "1.0", payload=b"second"))
    for check_mode in (True, False):
        with pytest.raises(AirgapError, match="more-1.0-py3-none-any.whl .*Nothing was changed.*a new version"):
            site.publish(check_mode)
    assert site.files() == served
    site.stage("3.0", first)
    assert site.publish()["switched"]


def test_wheel_that_changed_after_it_was_verified_is_not_served(site):
    site.publish()
    served = site.files()
    site.stage("2.0")
    with open(site.bundle / "wheels/app-2.0-py3-none-any.whl", "ab") as stream:
        stream.write(b"x")
    with pytest.raises(AirgapError, match="app-2.0.* has sha256 .* instead of .*Nothing changed"):
        site.publish()
    with pytest.raises(AirgapError, match="changed after it was verified"):
        site.publish(bundle_id=site.ids["1.0"])
    assert site.files() == served
    assert len(os.listdir(site.index / "releases")) == 1


def test_disk_that_is_full_leaves_what_was_served(site, monkeypatch):
    site.publish()
    served = site.files()
    site.stage("2.0")

    def full(_root, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_static_release, "_write", full)
    with pytest.raises(AirgapError, match="No space left.*still get what was served before"):
        site.publish()
    assert site.files() == served
    assert len(os.listdir(site.index / "releases")) == 1


def test_write_that_the_disk_did_not_keep_is_found_before_the_switch(site, monkeypatch):
    site.publish()
    served = site.files()
    site.stage("2.0")
    real = _static_release.write

    def damaged(root, *others):
        known = real(root, *others)
        with open(os.path.join(root, "airgap/prod/+simple/app/index.json"), "ab") as stream:
            stream.write(b" ")
        return known

    monkeypatch.setattr(_static_release, "write", damaged)
    with pytest.raises(AirgapError, match="app/index.json was changed"):
        site.publish()
    assert site.files() == served


def test_folder_that_others_can_change_is_refused(site):
    site.index.mkdir()
    site.index.chmod(0o777)
    with pytest.raises(AirgapError, match="can be changed by others"):
        site.publish()


def test_second_index_of_one_bundle_is_recorded_next_to_the_first(site):
    site.publish()
    site.index = site.folder / "another"
    site.publish()
    assert _links.read(str(site.bundle)) == [str(site.folder / "another"), str(site.folder / "static")]
    _verify.verify(str(site.bundle))


@pytest.fixture(name="no_links")
def no_links_fixture(monkeypatch):
    """Make every file system one without symbolic links."""

    def refuse(*_names):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "symlink", refuse)


def test_file_system_without_links_is_refused_before_anything_is_written(site, no_links):
    with pytest.raises(AirgapError, match="has no symbolic links .*Set static_links to false"):
        site.publish()
    assert list(site.index.iterdir()) == []


def test_without_links_a_folder_is_switched_and_comes_back(site, no_links):
    first = site.publish(links=False)
    assert first["release"] == str(site.index / "current") and not (site.index / "current").is_symlink()
    before = small_bundle.snapshot(site.index)
    assert site.publish(links=False)["changed"] is False
    assert small_bundle.snapshot(site.index) == before
    site.stage("2.0")
    assert site.publish(links=False, check_mode=True)["switched"]
    assert site.publish(links=False)["switched"]
    assert "app-2.0" in site.page()
    assert [path.name for path in (site.index / "releases").iterdir()] == [site.ids["1.0"]]
    assert site.serve_again(site.ids["1.0"], links=False)["former_bundle_id"] == site.ids["2.0"]
    assert "app-1.0" in site.page()
    site.stage("3.0")
    assert site.publish(links=False, keep=2)["removed"] == [site.ids["2.0"]]
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=site.index / "current", check=True)


@pytest.mark.parametrize("failing", ["the former release", "the new release"])
def test_without_links_a_switch_that_is_refused_leaves_what_was_served(site, monkeypatch, failing):
    site.publish(links=False)
    before = site.files()
    site.stage("2.0")
    rename = os.rename

    def refuse(source, target):
        refused = str(site.index / "current")
        if source == refused if failing == "the former release" else target == refused and site.ids["2.0"] in source:
            raise OSError(errno.EACCES, "Permission denied")
        rename(source, target)

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(AirgapError, match="Clients still get what was served before"):
        site.publish(links=False)
    assert site.files() == before


def test_without_links_a_switch_that_was_killed_in_between_is_completed(site):
    site.publish(links=False)
    site.stage("2.0")
    site.publish(links=False, serve=False)
    os.rename(site.index / "current", site.index / "releases" / site.ids["1.0"])
    assert site.publish(links=False)["switched"]
    assert "app-2.0" in site.page()


def test_link_becomes_a_folder_and_a_folder_a_link(site):
    site.publish()
    served = site.files()
    for links in (False, True):
        assert site.publish(links=links, check_mode=True)["changed"]
        assert site.publish(links=links)["switched"]
        assert site.publish(links=links)["changed"] is False
        assert (site.index / "current").is_symlink() == links
        assert site.files() == served
        assert len(list((site.index / "releases").iterdir())) == (1 if links else 0)


def test_nothing_is_written_unless_the_folder_is_mounted(site):
    site.index.mkdir()
    for mount, problem in ((site.index, "Nothing is mounted at"), (site.folder / "other", "is not below")):
        with pytest.raises(AirgapError, match=problem):
            site.publish(mount=str(mount))
        assert list(site.index.iterdir()) == []
    site.publish(mount="/")


def test_files_that_get_another_owner_are_refused_with_the_options_of_the_mount(site, monkeypatch):
    site.index.mkdir()
    stat = os.stat

    def squash(path, *args, **options):
        found = list(stat(path, *args, **options))
        if ".tmp-airgap-" in str(path):
            found[4] = 65534
        return os.stat_result(found)

    monkeypatch.setattr(os, "stat", squash)
    with pytest.raises(AirgapError, match="belongs to user 65534. Mount it with uid=0 .*no_root_squash"):
        site.publish()
    assert not (site.index / "current").exists()
