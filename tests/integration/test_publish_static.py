# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles static and publish promise for an index of static files. They are played on this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.integration import small_bundle
from tests.integration.test_closure import run as module
from tests.integration.test_static_index import check_sums

PLAY = """
- hosts: localhost
  gather_facts: false
  roles:
    - airgap.python.static
    - airgap.python.publish
"""
# Another role has verified the bundle in the same run, as devpi and front do, and then a command runs.
AFTER_A_ROLE = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Verify the bundle in another role
      airgap.python.bundle_verify:
        path: "{{ airgap_dir }}/bundle"
        allowed_signers: []
        required_signatures: 0
        revoked_signers: []
        ledger: "{{ airgap_dir }}/ledger.jsonl"
        older_ok: "{{ other_older }}"
        whole: true
        closure: true
        locks: {sets: [base, nothing], targets: [here]}
      register: __front_verified

    - name: Check the locks that it returned
      ansible.builtin.assert:
        that:
          - __front_verified.locks | map(attribute='set') | list == ['base']
          - "'app==1.0' in __front_verified.locks[0].content | b64decode"

    - name: Do something in between
      ansible.builtin.command: "{{ between }}"

- hosts: localhost
  gather_facts: false
  roles:
    - airgap.python.static
    - airgap.python.publish
"""


class Site:
    """The roles, and a bundle for them."""

    def __init__(self, folder):
        self.folder = folder
        self.bundle = folder / "bundle"
        (folder / "play.yml").write_text(PLAY)
        self.stage("1.0")

    def stage(self, version, **files):
        """Put a bundle in place; return its id."""
        shutil.rmtree(self.bundle, ignore_errors=True)
        wheels = [*small_bundle.application(version), small_bundle.installed_wheel("pip")]
        return small_bundle.write(self.bundle, {"base": {"here": wheels}}, [small_bundle.here()], files=files)["id"]

    def files(self):
        """Return name to content of the files besides wheels that are served."""
        return {path.name: path.read_text() for path in (self.folder / "files/current/files").iterdir()}

    def play(self, *arguments, **variables):
        """Play the roles; return the status, how many tasks changed something, and the output."""
        values = {
            "ansible_python_interpreter": sys.executable,
            "airgap_dir": str(self.folder),
            "airgap_index_kind": "static",
            "static_dir": str(self.folder / "static"),
            "airgap_files_dir": str(self.folder / "files"),
            "publish_operator": "olga",
        }
        values.update(variables)
        values = {name: value for name, value in values.items() if value is not None}
        settings = dict(
            os.environ, ANSIBLE_CONFIG=os.path.abspath("ansible.cfg"), ANSIBLE_FORCE_COLOR="0", ANSIBLE_PIPELINING="1"
        )
        command = [os.path.join(os.path.dirname(sys.executable), "ansible-playbook"), "-i", "localhost,", "-c", "local"]
        command += ["-e", json.dumps(values), str(self.folder / "play.yml"), *arguments]
        done = subprocess.run(command, env=settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        output = done.stdout.decode()
        changed = int(output.rpartition("changed=")[2].split()[0])
        return done.returncode, changed, " ".join(output.split())

    def imports(self):
        """Return what the ledger has."""
        return module("bundle_ledger_info", path=str(self.folder / "ledger.jsonl"))["imports"]


@pytest.fixture(name="site")
def site_fixture(tmp_path):
    """Return a site that has published nothing yet."""
    return Site(tmp_path)


@pytest.fixture(name="first", scope="module")
def first_fixture(tmp_path_factory):
    """Return a site that has published its first bundle."""
    folder = tmp_path_factory.mktemp("first") / "site"
    folder.mkdir()
    site = Site(folder)
    assert site.play()[0] == 0
    small_bundle.keep(folder)
    return site


@pytest.fixture(name="serving")
def serving_fixture(first):
    """Return a site that serves its first bundle; it was published once for all tests."""
    small_bundle.bring_back(first.folder)
    return first


def test_bundle_is_published_and_recorded_and_a_second_run_changes_nothing_in_few_calls(site):
    before = small_bundle.snapshot(site.folder)
    rc, changed, output = site.play("--check")
    assert rc == 0, output
    assert "would get 3 files" in output
    assert small_bundle.snapshot(site.folder) == before
    rc, changed, output = site.play()
    assert rc == 0, output
    (done,) = site.imports()
    assert (done["operator"], done["result"], done["uploaded"], done["files"]) == ("olga", "ok", 3, 3)
    assert check_sums(site.folder) == done["id"]
    before = small_bundle.snapshot(site.folder)
    rc, changed, output = site.play("-vvv")
    assert (rc, changed) == (0, 0), output
    assert "got 0 files" in output
    assert output.count(" EXEC ") <= 5, output
    assert small_bundle.snapshot(site.folder) == before


@pytest.mark.parametrize(("older", "verifications"), [(False, 1), (True, 2)])
def test_bundle_is_verified_again_only_if_a_role_verified_it_with_other_options(site, older, verifications):
    (site.folder / "play.yml").write_text(AFTER_A_ROLE)
    rc, _changed, output = site.play("-vvv", other_older=older, between="true")
    assert rc == 0, output
    assert output.count("/plugins/modules/bundle_verify.py") == verifications
    assert [one["uploaded"] for one in site.imports()] == [3]


def test_bundle_that_changed_after_it_was_verified_is_neither_published_nor_recorded(site):
    verified = site.folder / "verified"
    shutil.copytree(site.bundle, verified)
    site.stage("2.0")
    other = site.bundle.rename(site.folder / "other")
    verified.rename(site.bundle)
    (site.folder / "play.yml").write_text(AFTER_A_ROLE)
    rc, _changed, output = site.play(other_older=False, between="cp -a %s/. %s" % (other, site.bundle))
    assert rc == 2 and "is not the bundle that was verified: it changed since then" in output, output
    assert site.imports() == [] and not (site.folder / "static/current").exists()


def test_bundle_whose_locks_are_not_closed_is_refused_before_anything_is_published_or_recorded(site):
    shutil.rmtree(site.bundle)
    wheels = [*small_bundle.application("1.0")[:1], small_bundle.installed_wheel("pip")]
    small_bundle.write(site.bundle, {"base": {"here": wheels}}, [small_bundle.here()])
    rc, changed, output = site.play()
    assert rc == 2 and "needs" in output and "Verify the bundle" in output, output
    assert site.imports() == [] and not (site.folder / "static/current").exists()


def test_index_that_someone_changed_is_put_right_and_that_is_in_the_ledger(serving):
    page = serving.folder / "static/current/airgap/prod/+simple/app/index.html"
    page.write_text("nothing")
    rc, changed, output = serving.play("--check", "--diff")
    assert rc == 0 and changed >= 1, output
    assert "app/index.html was changed" in output
    assert page.read_text() == "nothing"
    rc, changed, output = serving.play()
    assert rc == 0, output
    check_sums(serving.folder)
    assert [one["uploaded"] for one in serving.imports()] == [3, 0]


def test_next_bundle_replaces_the_first_and_a_failure_leaves_it_served(serving):
    second = serving.stage("2.0")
    assert serving.play(publish_keep=2)[0] == 0
    assert check_sums(serving.folder) == second
    serving.stage("3.0")
    shutil.rmtree(serving.folder / "static/releases")
    (serving.folder / "static/releases").write_text("in the way")
    rc, changed, output = serving.play()
    assert rc == 2 and "in the way" not in output
    assert serving.imports()[-1]["result"] == "failed"


def test_former_bundle_is_served_again_and_the_ledger_says_so(serving):
    first = check_sums(serving.folder)
    second = serving.stage("2.0")
    assert serving.play()[0] == 0
    rc, changed, output = serving.play(publish_rollback=first)
    assert rc == 0 and "serves bundle " + first in output, output
    assert check_sums(serving.folder) == first
    ledger = module("bundle_ledger_info", path=str(serving.folder / "ledger.jsonl"))
    assert (ledger["served"], ledger["rollbacks"][0]["replaced"]) == (first, second)


@pytest.mark.long
def test_files_besides_wheels_are_served_and_rolled_back_with_their_bundle(site):
    first = site.stage("1.0", a=b"one", b=b"b")
    rc, changed, output = site.play()
    assert rc == 0, output
    assert site.files() == {"a": "one", "b": "b"}
    rc, changed, output = site.play("-vvv")
    assert (rc, changed) == (0, 0), output
    assert output.count(" EXEC ") <= 5, output
    site.stage("2.0", a=b"two")
    assert site.play()[0] == 0
    assert site.files() == {"a": "two"}
    rc, changed, output = site.play(publish_rollback=first)
    assert rc == 0, output
    assert site.files() == {"a": "one", "b": "b"}
    (site.folder / "files/current/files/a").unlink()
    site.stage("3.0")
    assert site.play()[0] == 0
    assert site.files() == {}


def test_version_that_the_ledger_has_as_withdrawn_is_marked_until_it_is_restored(serving):
    page = serving.folder / "static/current/airgap/prod/+simple/app/index.html"

    def record(how, reason):
        arguments = {
            "path": str(serving.folder / "ledger.jsonl"),
            "bundle": str(serving.bundle),
            "versions": ["app==1.0"],
        }
        result = module("bundle_ledger_withdrawal", how=how, reason=reason, index="airgap/prod", **arguments)
        assert result.get("changed"), result

    record("yanked", "broken")
    rc, changed, output = serving.play()
    assert rc == 0, output
    assert 'data-yanked="broken"' in page.read_text()
    assert serving.play()[1] == 0
    record("gone", "evil")
    assert serving.play()[0] == 0
    assert not page.exists()
    record("restored", "a mistake")
    assert serving.play()[0] == 0
    assert "data-yanked" not in page.read_text()


class Pair(Site):
    """Two index hosts, which both are this machine, each with folders of its own."""

    def __init__(self, folder):
        super().__init__(folder)
        (folder / "play.yml").write_text(PLAY.replace("localhost", "airgap_index"))
        hosts = {name: {"airgap_dir": str(folder / name), "static_dir": str(folder / name / "static")} for name in "ab"}
        (folder / "hosts.json").write_text(json.dumps({"airgap_index": {"hosts": hosts}}))

    def stage(self, version, **_files):
        """Put a bundle in place on both; return its id."""
        result = super().stage(version)
        for name in "ab":
            shutil.rmtree(self.folder / name / "bundle", ignore_errors=True)
            shutil.copytree(self.bundle, self.folder / name / "bundle")
        return result

    def play(self, *arguments, **variables):
        """Play the roles on both, with the folders of each."""
        hidden = {"airgap_dir": None, "static_dir": None}
        return super().play("-i", str(self.folder / "hosts.json"), *arguments, **dict(hidden, **variables))

    def served(self):
        """Return what each of them serves."""
        return [check_sums(self.folder / name) for name in "ab"]

    def results(self):
        """Return the last result in the ledger of each."""
        ledgers = [str(self.folder / name / "ledger.jsonl") for name in "ab"]
        return [module("bundle_ledger_info", path=path)["imports"][-1]["result"] for path in ledgers]


def test_several_index_hosts_switch_together_and_one_that_fails_leaves_the_former_bundle_on_all(tmp_path):
    pair = Pair(tmp_path)
    rc, changed, output = pair.play()
    assert rc == 0, output
    first = pair.served()
    assert len(set(first)) == 1
    second = pair.stage("2.0")
    (tmp_path / "b/static/releases").chmod(0o777)
    rc, changed, output = pair.play()
    assert rc == 2, output
    assert "a still serves what it served" in output
    assert "b cannot serve bundle " + second in output
    assert "--limit 'all,!b'" in output
    assert pair.results() == ["failed", "failed"]
    assert pair.served() == first


@pytest.mark.long
def test_others_go_on_without_an_index_host_that_fails_and_it_follows_later(tmp_path):
    pair = Pair(tmp_path)
    assert pair.play()[0] == 0
    first = pair.served()
    assert pair.play()[:2] == (0, 0)
    second = pair.stage("2.0")
    (tmp_path / "b/static/releases").chmod(0o777)
    rc, changed, output = pair.play("--limit", "all,!b")
    assert rc == 0, output
    assert check_sums(tmp_path / "a") == second
    (tmp_path / "b/static/releases").chmod(0o755)
    rc, changed, output = pair.play()
    assert rc == 0, output
    assert pair.served() == [second, second]
    # A former bundle comes back on both.
    rc, changed, output = pair.play(publish_rollback=first[0])
    assert rc == 0, output
    assert pair.served() == first
