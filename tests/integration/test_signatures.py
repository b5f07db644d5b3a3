# SPDX-License-Identifier: GPL-3.0-or-later
"""What approval promises: a bundle that is not signed as required, or is older, is refused by name, and nothing changes.

The modules and the playbooks run as Ansible runs them, with real keys and the real ssh-keygen.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading

import pytest
from ansible_collections.airgap.python.plugins.module_utils._bundle import _sums, _verify
from ansible_collections.airgap.python.plugins.module_utils._transfer import _sender

from tests.integration import hostile_interpreter
from tests.unit.plugins.module_utils._bundle.test_manifest import seal
from tests.unit.plugins.module_utils._bundle.test_signature import SUMS, Officer

RUN = """
import importlib, json, sys
from ansible.module_utils.testing import patch_module_args
name = "ansible_collections.airgap.python.plugins.modules." + sys.argv[1]
with patch_module_args(json.loads(sys.argv[2])):
    importlib.import_module(name).main()
"""
OLD = "2026-01-01T00:00:00Z"
NEW = "2026-06-01T00:00:00Z"


def run(module, environment=None, check=False, **arguments):
    """Run a module as Ansible does, and return its result."""
    settings = dict(os.environ, PYTHONPATH=os.path.abspath(".collections"), **(environment or {}))
    arguments["_ansible_check_mode"] = check
    command = [sys.executable, "-c", RUN, module, json.dumps(arguments)]
    return json.loads(subprocess.run(command, env=settings, stdout=subprocess.PIPE, check=False).stdout)


def state(folder):
    """Return everything in a folder, with times and inodes: what is equal was not touched."""
    found = {}
    for root, folders, files in os.walk(folder):
        for name in folders + files:
            status = os.lstat(os.path.join(root, name))
            found[os.path.join(root, name)] = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_mode)
    return found


class Site:
    """A bundle outside, the hop that receives it, and two officers."""

    def __init__(self, folder):
        self.folder = folder
        self.source = str(folder / "outside/bundle")
        self.hop = str(folder / "srv")
        self.bundle = os.path.join(self.hop, "bundle")
        self.ledger = os.path.join(self.hop, "ledger.jsonl")
        os.makedirs(self.hop)
        self.alice = Officer(folder, "alice")
        self.bob = Officer(folder, "bob")
        self.allowed = {"allowed_signers": [self.alice.line(), self.bob.line()]}
        self.make("one", OLD)

    def make(self, name, created, *officers):
        """Make the bundle outside again, signed by these officers."""
        shutil.rmtree(self.source, ignore_errors=True)

        def change(manifest):
            manifest["created"] = created
            manifest["sets"][0] = dict(manifest["sets"][0], requirements=[name])

        self.manifest = seal(self.source, change)
        self.sign(*officers)

    def sign(self, *officers, data=None, namespace="airgap-bundle"):
        """Add signatures as the documented command line does."""
        with open(os.path.join(self.source, "SHA256SUMS"), "rb") as stream:
            sums = stream.read()
        with open(os.path.join(self.source, "SHA256SUMS.sig"), "ab") as stream:
            for officer in officers:
                stream.write(officer.sign(data or sums, namespace))
        if not officers:
            os.unlink(os.path.join(self.source, "SHA256SUMS.sig"))

    def verify(self, **options):
        """Check the bundle outside."""
        return run("bundle_verify", path=self.source, **dict(self.allowed, **options))

    def receive(self, **options):
        """Receive the bundle as the role transfer does; return the result of the run that decides."""
        manifest, entries = _verify.verify(self.source)
        sums = {entry.path: entry.sha256 for entry in entries}
        common = {
            "path": self.bundle,
            "incoming": os.path.join(self.hop, "incoming"),
            "id": manifest["id"],
            "sha256": sums["SHA256SUMS"],
            "signatures_sha256": sums.get("SHA256SUMS.sig", ""),
            "ledger": self.ledger,
        }
        common.update(self.allowed, **options)
        result = run("bundle_receive", **common)
        if result.get("open"):
            load = _sender.load(self.source, sums["SHA256SUMS"], result["known"], ())
            result = self.bring(common, load.write)
        if result.get("wanted"):
            load = _sender.load(self.source, sums["SHA256SUMS"], (), result["wanted"])
            result = self.bring(dict(common, wanted=result["wanted"]), load.write)
        return result

    def bring(self, options, write):
        """Let the module receive what is written into a pipe."""
        folder = tempfile.mkdtemp(dir=str(self.folder))
        os.mkfifo(os.path.join(folder, "pipe"))
        sender = threading.Thread(target=_sender.serve, args=(write, folder))
        sender.start()
        result = run("bundle_receive", pipe=folder, **options)
        sender.join()
        return result

    def start(self, **options):
        """Record in the ledger that an import starts."""
        return run("bundle_import_start", path=self.ledger, **dict({"bundle": self.bundle}, **options))

    def end(self, **options):
        """Record in the ledger how an import ended."""
        return run("bundle_import_end", path=self.ledger, bundle=self.bundle, **options)

    def history(self):
        """Read the ledger."""
        return run("bundle_ledger_info", path=self.ledger)

    def publish(self, **options):
        """Record a whole import, as the role publish does."""
        started = self.start(operator="olga", **options)
        assert not started.get("failed"), started
        ended = self.end(run=started["run"], uploaded=2, inventory=os.path.join(self.hop, "inventory.json"))
        return started["changed"] or ended["changed"]


@pytest.fixture(name="site")
def site_fixture(tmp_path):
    """Return a site."""
    return Site(tmp_path)


def assert_refused(site, *reasons, required=1, **options):
    """The sending side's check and the switch on the hop refuse the bundle by name, and the hop stays as it was."""
    before = state(site.bundle), state(site.ledger)
    for result in (
        site.verify(required_signatures=required, **options),
        site.receive(required_signatures=required, **options),
    ):
        assert result.get("failed"), result
        for reason in reasons:
            assert reason in result["msg"]
    assert (state(site.bundle), state(site.ledger)) == before


def bring(site):
    """Transfer a signed bundle to the hop, and make a newer one outside that is not signed."""
    site.sign(site.alice)
    assert site.receive()["changed"]
    site.make("two", NEW)


def test_unsigned_bundle_is_refused_where_a_signature_is_required(site):
    bring(site)
    assert_refused(site, "SHA256SUMS.sig: 1 of 1 required signatures is missing, the bundle is not signed at all")


def test_revoked_key_is_refused(site):
    bring(site)
    site.sign(site.alice)
    assert_refused(site, "1 of 1 required signatures is missing", "revoked", revoked_signers=[site.alice.public])


def test_expired_key_is_refused(site):
    bring(site)
    site.sign(site.alice)
    assert_refused(site, "expired", allowed_signers=[site.alice.line('valid-before="20200101"')])


def test_signature_over_other_content_is_refused(site):
    bring(site)
    site.sign(site.alice, data=SUMS)
    assert_refused(site, "other content")


def test_signature_for_another_namespace_is_refused(site):
    bring(site)
    site.sign(site.alice, namespace="file")
    assert_refused(site, "other namespace, it was made for 'file'")


def test_unknown_key_is_refused(site, tmp_path):
    bring(site)
    site.sign(Officer(tmp_path, "mallory"))
    assert_refused(site, "unknown key")


def test_one_signature_is_refused_where_two_are_required(site):
    bring(site)
    site.sign(site.alice)
    assert_refused(site, "1 of 2 required signatures is missing", "Signed by alice@example (SHA256:", required=2)
    site.sign(site.bob)
    assert [one["principal"] for one in site.verify(required_signatures=2)["signers"]] == [
        "alice@example",
        "bob@example",
    ]
    assert site.receive(required_signatures=2)["changed"]


def test_key_that_signs_twice_counts_once(site):
    bring(site)
    site.sign(site.alice, site.alice)
    assert_refused(site, "1 of 2 required signatures is missing", "same key twice", required=2)


def test_malformed_signature_file_is_refused_even_where_no_signature_is_required(site):
    site.sign(site.alice)
    with open(os.path.join(site.source, "SHA256SUMS.sig"), "ab") as stream:
        stream.write(b"and more\n")
    result = run("bundle_verify", path=site.source)
    assert result["failed"]
    assert "SHA256SUMS.sig: block 2 does not start and end" in result["msg"]


def test_list_of_signers_requires_one_signature_unless_another_number_is_set(site):
    assert "is not signed at all" in site.verify()["msg"]
    result = site.verify(required_signatures=0)
    assert (result["id"], result["signers"]) == (site.manifest["id"], [])
    assert "the list of allowed signers is empty" in site.verify(allowed_signers=[], required_signatures=1)["msg"]


def test_message_names_the_package_where_ssh_keygen_is_missing(site, tmp_path):
    site.sign(site.alice)
    # /usr/bin/ssh-keygen is the fallback, so the test puts a folder in its place for the module alone.
    fake = tmp_path / "sitecustomize.py"
    fake.write_text(
        "import subprocess\nreal = subprocess.run\n"
        "def run(command, *args, **kwargs):\n"
        "    if command[0].endswith('ssh-keygen'):\n        raise FileNotFoundError(2, 'No such file or directory')\n"
        "    return real(command, *args, **kwargs)\nsubprocess.run = run\n"
    )
    code = RUN.replace("import importlib", "import sitecustomize, importlib", 1)
    arguments = json.dumps(dict(site.allowed, path=site.source))
    environment = dict(os.environ, PYTHONPATH="%s:%s" % (tmp_path, os.path.abspath(".collections")))
    process = subprocess.run(
        [sys.executable, "-c", code, "bundle_verify", arguments], env=environment, stdout=subprocess.PIPE, check=False
    )
    assert "Install openssh-client (Debian)" in json.loads(process.stdout)["msg"]


def test_replayed_older_bundle_is_refused(site):
    site.sign(site.alice)
    shutil.copytree(site.source, site.folder / "first", symlinks=True)
    assert site.receive()["changed"]
    assert site.publish()
    site.make("two", NEW, site.alice)
    assert site.receive()["changed"]
    assert site.publish()
    shutil.rmtree(site.source)
    shutil.copytree(site.folder / "first", site.source, symlinks=True)
    assert_refused(site, "is an older bundle: it was imported on", "publish_older: true", ledger=site.ledger)
    assert site.start(bundle=site.source)["failed"]
    assert site.receive(older_ok=True)["changed"]


def test_older_bundle_with_an_id_that_was_never_imported_is_refused_by_its_time(site):
    site.make("one", NEW, site.alice)
    assert site.receive()["changed"]
    assert site.publish()
    site.make("two", OLD, site.alice)
    assert_refused(site, "is an older bundle: it was created on " + OLD, ledger=site.ledger)


def test_older_bundle_with_the_id_of_a_newer_one_is_refused(site):
    site.make("one", NEW, site.alice)
    assert site.receive()["changed"]
    assert site.publish()
    newest = site.manifest["id"]
    site.make("two", OLD)
    path = os.path.join(site.source, "manifest.json")
    with open(path, encoding="utf-8") as stream:
        text = stream.read().replace(site.manifest["id"], newest)
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)
    # bundle_seal refuses to seal that, so the test forges it.
    assert "does not have the content" in run("bundle_seal", path=site.source)["msg"]
    with open(os.path.join(site.source, "SHA256SUMS"), "w", encoding="utf-8") as stream:
        stream.write(_sums.render(_sums.compute(site.source)))
    site.sign(site.alice)
    result = site.verify(ledger=site.ledger)
    assert "does not have the content that its id %s stands for" % newest in result["msg"]


FUTURE = "9999-12-31T23:59:59Z"


def test_bundle_from_the_future_is_refused_and_nothing_allows_it(site):
    bring(site)
    site.make("two", FUTURE, site.alice)
    for older_ok in (False, True):
        assert_refused(
            site, "created on %s, and the clock of this host says" % FUTURE, ledger=site.ledger, older_ok=older_ok
        )
        assert "created on %s" % FUTURE in site.start(bundle=site.source, older_ok=older_ok)["msg"]
    assert site.history()["imports"] == []


def poison(site):
    """Put a bundle from the future into the ledger, as a host with a wrong clock would have imported it."""
    bring(site)
    assert site.publish()
    with open(site.ledger, encoding="utf-8") as stream:
        text = stream.read().replace(OLD, FUTURE)
    with open(site.ledger, "w", encoding="utf-8") as stream:
        stream.write(text)
    site.sign(site.alice)
    (ahead,) = site.history()["ahead"]
    assert ahead["created"] == FUTURE
    return ahead["statement"] + "\n"


def correct(site, statement, *signatures, **options):
    """Correct the ledger with signatures over a statement."""
    text = b"".join(signatures).decode()
    options = dict(site.allowed, statement=statement, signatures=text, **options)
    return run("bundle_ledger_correction", path=site.ledger, **options)


def test_officer_corrects_an_entry_from_the_future_once(site):
    statement = poison(site)
    assert_refused(site, "is in the future of this host's clock", "the playbook history shows how", ledger=site.ledger)
    signature = site.alice.sign(statement.encode(), "airgap-ledger")
    before = state(site.ledger)
    assert correct(site, statement, signature, check=True)["changed"]
    assert state(site.ledger) == before
    result = correct(site, statement, signature)
    assert (result["changed"], [one["principal"] for one in result["signers"]]) == (True, ["alice@example"])
    before = state(site.ledger)
    assert correct(site, statement, signature)["changed"] is False
    assert state(site.ledger) == before
    assert site.receive(ledger=site.ledger)["changed"]
    assert site.publish()
    history = site.history()
    assert (history["ahead"], history["damaged"]) == ([], [])
    assert "its time does not count" in history["table"][1]


def test_entry_from_the_future_is_not_corrected_without_enough_signatures_over_exactly_its_statement(site, tmp_path):
    statement = poison(site)
    data = statement.encode()
    good = site.alice.sign(data, "airgap-ledger")
    before = state(site.ledger)
    for signature, options, reason in (
        (good, {"allowed_signers": []}, "needs publish_allowed_signers"),
        (good, {"required_signatures": 2}, "1 of 2 required signatures is missing"),
        (good, {"revoked_signers": [site.alice.public]}, "revoked"),
        (b"", {"required_signatures": 0}, "does not start and end as an SSH signature"),
        (Officer(tmp_path, "mallory").sign(data, "airgap-ledger"), {"required_signatures": 0}, "unknown key"),
        (site.alice.sign(data), {}, "other namespace"),
        (site.alice.sign(data + b"\n", "airgap-ledger"), {}, "other content"),
    ):
        result = correct(site, statement, signature, **options)
        assert result.get("failed"), reason
        assert reason in result["msg"]
    other = statement.replace(FUTURE, NEW)
    assert "is not a statement about" in correct(site, other, site.alice.sign(other.encode(), "airgap-ledger"))["msg"]
    assert state(site.ledger) == before


def test_signature_over_a_correction_does_not_count_for_a_bundle(site):
    bring(site)
    site.sign(site.alice, namespace="airgap-ledger")
    assert_refused(site, "other namespace, it was made for 'airgap-ledger'")


def test_import_is_recorded_once_with_operator_content_and_result(site):
    site.sign(site.alice, site.bob)
    site.receive()
    signers = site.verify()["signers"]
    assert site.publish(signers=signers)
    before = state(site.hop)
    assert not site.publish(signers=signers)
    assert state(site.hop) == before
    (done,) = site.history()["imports"]
    assert (done["id"], done["operator"], done["result"]) == (site.manifest["id"], "olga", "ok")
    assert [one["principal"] for one in done["signers"]] == ["alice@example", "bob@example"]
    assert (done["files"], done["uploaded"], done["base"]) == (2, 2, None)
    with open(os.path.join(site.hop, "inventory.json"), encoding="utf-8") as stream:
        inventory = json.load(stream)
    assert inventory["imported"] == [site.manifest["id"]]
    assert [set(one) for one in inventory["files"]] == [{"path", "name", "version", "sha256", "size", "origin"}] * 2
    assert os.stat(site.ledger).st_mode & 0o777 == 0o644


def test_check_mode_records_nothing(site):
    site.receive(required_signatures=0)
    before = state(site.hop)
    assert site.start(check=True)["changed"]
    assert state(site.hop) == before


def test_import_that_was_interrupted_or_failed_is_shown_and_starts_again(site):
    site.receive(required_signatures=0)
    assert site.start(operator="olga")["recorded"]
    started = site.start(operator="olga")
    assert site.end(run=started["run"], result="failed", reason="the disk\nis full")["changed"]
    assert site.publish()
    history = site.history()
    assert [one["result"] for one in history["imports"]] == ["interrupted", "failed", "ok"]
    assert len({one["run"] for one in history["imports"]}) == 3
    assert history["table"][1].endswith("interrupted")
    assert history["table"][2].endswith("failed: the disk is full")


def test_incomplete_line_of_a_killed_run_does_no_harm(site):
    site.receive(required_signatures=0)
    assert site.publish()
    with open(site.ledger, "a", encoding="utf-8") as stream:
        stream.write('{"event": "begin", "run": "12')
    site.make("two", NEW)
    assert site.receive(required_signatures=0)["changed"]
    assert site.publish()
    history = site.history()
    assert [one["result"] for one in history["imports"]] == ["ok", "ok"]
    assert history["damaged"] == [3]
    assert history["table"][-1] == "Not readable: line 3."


def test_full_disk_leaves_the_ledger_as_it_was(site):
    site.receive(required_signatures=0)
    assert site.publish()
    before = state(site.ledger)
    os.makedirs(site.folder / "limit")
    code = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (%d, -1))\n" % (os.path.getsize(site.ledger) + 9)
    code += "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    site.make("two", NEW)
    arguments = json.dumps({"path": site.ledger, "bundle": site.source})
    environment = dict(os.environ, PYTHONPATH=os.path.abspath(".collections"))
    process = subprocess.run(
        [sys.executable, "-c", code + RUN, "bundle_import_start", arguments],
        env=environment,
        stdout=subprocess.PIPE,
        check=False,
    )
    assert json.loads(process.stdout)["failed"]
    assert state(site.ledger).keys() == before.keys()
    assert len(site.history()["imports"]) == 1
    assert site.history()["damaged"] == []


def test_verification_says_of_a_former_import_what_its_next_start_would_say(site):
    """It says nothing where a start would be recorded, or the inventory written."""
    files = str(site.folder / "files")
    inventory = os.path.join(site.hop, "inventory.json")
    asked = {"inventory": inventory, "files_dir": files}
    options = {"path": site.bundle, "ledger": site.ledger, "imported": asked}
    site.receive(required_signatures=0)
    assert run("bundle_verify", **options)["imported"] == {}
    started = site.start()
    assert run("bundle_verify", **options)["imported"] == {}
    site.end(run=started["run"], inventory=inventory)
    expected = site.start()
    found = run("bundle_verify", **options)["imported"]
    assert found.pop("files_settled") is True
    assert found == {key: expected[key] for key in ("id", "run", "recorded", "withdrawn")}
    with open(inventory, "a", encoding="utf-8") as stream:
        stream.write(" ")
    assert run("bundle_verify", **options)["imported"] == {}
    refused = run("bundle_verify", path=site.bundle, imported=asked)
    assert refused["failed"] and "Set ledger." in refused["msg"]


class Control:
    """A control host with ansible-playbook, which plays on itself."""

    def __init__(self, site):
        self.site = site
        self.inventory = str(site.folder / "hosts.yml")
        self.host = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "ansible_become": False,
            "airgap_dir": os.path.dirname(site.source),
        }
        self.write()

    def write(self):
        """Write the inventory."""
        groups = {name: {"hosts": {"here": self.host}} for name in ("airgap_stage", "airgap_index")}
        with open(self.inventory, "w", encoding="utf-8") as stream:
            json.dump({"all": {"children": groups}}, stream)

    def hostile(self, change):
        """Have the host change its answers."""
        self.host["ansible_python_interpreter"] = hostile_interpreter.make(self.site.folder / "hostile", change)
        self.write()

    def play(self, name, *options, environment=None, **variables):
        """Run a playbook; return its status and what it printed."""
        settings = dict(os.environ, ANSIBLE_CONFIG=os.path.abspath("ansible.cfg"), ANSIBLE_FORCE_COLOR="0")
        command = [os.path.join(os.path.dirname(sys.executable), "ansible-playbook"), "-i", self.inventory, "-e"]
        command += [json.dumps(variables), "playbooks/%s.yml" % name, *options]
        process = subprocess.run(
            command,
            env=dict(settings, **(environment or {})),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        return process.returncode, process.stdout.decode()


@pytest.fixture(name="control")
def control_fixture(site):
    """Return a control host."""
    return Control(site)


def sum_of(bundle):
    """Return the SHA-256 of a bundle's sums."""
    with open(os.path.join(bundle, "SHA256SUMS"), "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()


def add_report(site):
    """Have a report in the bundle."""
    os.makedirs(os.path.join(site.source, "reports"))
    with open(os.path.join(site.source, "reports/report.html"), "w", encoding="utf-8") as stream:
        stream.write("<p>the report</p>")
    run("bundle_seal", path=site.source)


def is_signed(site):
    """Say whether there is any signature at the bundle outside."""
    return os.path.exists(os.path.join(site.source, "SHA256SUMS.sig"))


def test_approve_adds_a_signature_once_and_says_who_signed(site, control):
    add_report(site)
    variables = {
        "approve_signing_key": site.alice.path,
        "approve_sha256": sum_of(site.source),
        "publish_allowed_signers": site.allowed["allowed_signers"],
    }
    rc, output = control.play("approve", approve_report_dest=str(site.folder / "desk"), **variables)
    assert rc == 0, output
    assert "Bundle %s" % site.manifest["id"] in output
    assert "adds to no other bundle" in output
    assert "alice@example SHA256:" in output
    assert (site.folder / "desk/report.html").read_text() == "<p>the report</p>"
    before = state(site.source)
    rc, output = control.play("approve", **variables)
    assert (rc, output.count("changed=0 ")) == (0, 2), output
    assert state(site.source) == before
    rc, output = control.play("approve", **dict(variables, approve_signing_key=site.bob.path))
    assert rc == 0, output
    assert len(site.verify(required_signatures=2)["signers"]) == 2


def test_approve_without_the_sum_shows_it_and_signs_nothing(site, control):
    rc, output = control.play("approve", approve_signing_key=site.alice.path)
    assert rc != 0
    assert "Bundle %s" % site.manifest["id"] in output
    assert sum_of(site.source) in output.partition("TASK [Sign the bundle]")[2]
    assert "approve_sha256" in output
    assert not is_signed(site)


def test_approve_with_another_sum_names_both_and_signs_nothing(site, control):
    other = "0" * 64
    rc, output = control.play("approve", approve_signing_key=site.alice.path, approve_sha256=other)
    assert rc != 0
    said = output.partition("TASK [Sign the bundle]")[2]
    assert "SHA256SUMS on here has SHA-256 %s" % sum_of(site.source) in said
    assert "the approved sum is %s" % other in said
    assert not is_signed(site)


def test_host_gets_no_signature_over_other_sums_than_were_approved(site, control):
    control.hostile(
        "import base64\n"
        "def change(answer):\n"
        "    if 'sums' in answer:\n"
        "        answer['sums'] = base64.b64encode(b'%s  wheels/evil.whl\\n' % (b'0' * 64)).decode()\n"
        "    return answer\n"
    )
    rc, output = control.play("approve", approve_signing_key=site.alice.path, approve_sha256=sum_of(site.source))
    assert rc != 0
    assert "the approved sum is %s" % sum_of(site.source) in output
    assert not is_signed(site)


def test_host_that_sets_the_sum_and_the_key_as_facts_gets_no_signature(site, control):
    control.hostile(
        "def change(answer):\n"
        "    return dict(answer, ansible_facts={'approve_sha256': %r, 'approve_signing_key': %r})\n"
        % (sum_of(site.source), site.alice.path)
    )
    rc, output = control.play("approve", approve_signing_key=site.alice.path)
    assert rc != 0, output
    assert not is_signed(site)


def test_nothing_is_written_under_a_name_that_the_host_answers(site, control):
    add_report(site)
    control.hostile(
        "def change(answer):\n    if 'id' in answer:\n        answer['id'] = '/../../owned/evil'\n    return answer\n"
    )
    before = sorted(os.listdir(site.folder))
    for variables in ({"approve_report_dest": str(site.folder / "desk")}, {"approve_copy": str(site.folder / "copy")}):
        rc, output = control.play("approve", "--check", **variables)
        assert rc != 0
        assert "here answered airgap.python.bundle_verify with the id '/../../owned/evil'" in " ".join(output.split())
        assert sorted(os.listdir(site.folder)) == before


def test_officer_reads_and_approves_a_copy(site, control):
    add_report(site)
    desk = str(site.folder / "desk")
    rc, output = control.play("approve", "--check", approve_copy=desk)
    assert rc == 0, output
    assert "copied to %s/bundle" % desk in output
    assert "sha256 of SHA256SUMS: %s" % sum_of(desk + "/bundle") in output
    assert (site.folder / "desk/bundle/reports/report.html").read_text() == "<p>the report</p>"
    before = state(desk + "/bundle")
    rc, output = control.play("approve", approve_copy=desk, approve_signing_key=site.alice.path)
    assert rc != 0
    assert "-e approve_sha256=%s" % sum_of(desk + "/bundle") in " ".join(output.split())
    assert not is_signed(site)
    variables = {"approve_signing_key": site.alice.path, "approve_sha256": sum_of(site.source)}
    rc, output = control.play("approve", approve_copy=desk, **variables)
    assert rc == 0, output
    assert [one["principal"] for one in site.verify()["signers"]] == ["alice@example"]
    assert state(desk + "/bundle") == before


def test_copy_that_differs_from_the_bundle_of_the_host_is_not_signed(site, control):
    desk = str(site.folder / "desk")
    control.play("approve", "--check", approve_copy=desk)
    approved = sum_of(site.source)
    site.make("two", NEW)
    control.hostile(
        "def change(answer):\n    if 'sha256' in answer:\n        answer['sha256'] = %r\n    return answer\n" % approved
    )
    variables = {"approve_signing_key": site.alice.path, "approve_sha256": approved}
    rc, output = control.play("approve", approve_copy=desk, **variables)
    assert rc != 0
    # The copy here is the approved one, and the sums that the key would sign there are not.
    said = "has SHA-256 %s, computed on the control host, and the approved sum is %s. Nothing is signed"
    assert said % (sum_of(site.source), approved) in " ".join(output.split())
    assert not is_signed(site)
    # A host that reports the new bundle gets it copied and its sum shown, and no signature either.
    control.hostile("def change(answer):\n    return answer\n")
    rc, output = control.play("approve", approve_copy=desk, **variables)
    assert rc != 0
    assert "SHA-256 of SHA256SUMS in %s/bundle is %s" % (desk, sum_of(site.source)) in " ".join(output.split())
    assert not is_signed(site)


def test_key_with_a_passphrase_signs_only_through_an_agent(site, control):
    key = str(site.folder / "carol")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "a secret", "-f", key], check=True)
    rc, output = control.play(
        "approve",
        environment={"SSH_AUTH_SOCK": ""},
        approve_signing_key=key,
        approve_sha256=sum_of(site.source),
    )
    assert rc != 0
    assert "load it into an ssh-agent first (ssh-add %s)" % key in output
    assert not os.path.exists(os.path.join(site.source, "SHA256SUMS.sig"))
    socket = str(site.folder / "agent")
    with subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL) as agent:
        try:
            give = site.folder / "give"
            give.write_text("#!/bin/sh\necho a secret\n")
            give.chmod(0o700)
            while not os.path.exists(socket):
                pass
            asked = {"SSH_AUTH_SOCK": socket, "SSH_ASKPASS": str(give), "SSH_ASKPASS_REQUIRE": "force"}
            subprocess.run(["ssh-add", "-q", key], env=dict(os.environ, **asked), check=True)
            rc, output = control.play(
                "approve",
                environment={"SSH_AUTH_SOCK": socket},
                approve_signing_key=key + ".pub",
                approve_sha256=sum_of(site.source),
            )
        finally:
            agent.terminate()
    assert rc == 0, output
    assert os.path.exists(os.path.join(site.source, "SHA256SUMS.sig"))


def test_history_prints_a_table(site, control):
    site.make("one", OLD, site.alice)
    site.ledger = os.path.join(os.path.dirname(site.source), "ledger.jsonl")
    site.start(bundle=site.source, operator="olga", signers=site.verify()["signers"])
    rc, output = control.play("history")
    assert rc == 0, output
    assert "olga" in output
    assert site.manifest["id"][:12] in output
    assert "alice@example" in output
    assert "interrupted" in output


def test_history_shows_the_line_to_sign_and_corrects_the_ledger_with_it(site, control):
    statement = poison(site)
    control.host["airgap_dir"] = site.hop
    control.write()
    rc, output = control.play("history")
    assert rc == 0, output
    shown = output.partition("TASK [Show how to correct an entry")[2]
    commands = [line.strip() for line in shown.splitlines() if line.strip().startswith(("printf", "ssh-keygen"))]
    assert len(commands) == 2, output
    # The test runs exactly the commands that are shown.
    script = "\n".join(commands).replace("KEY", site.alice.path)
    subprocess.run(["sh", "-ec", script], cwd=site.folder, check=True, stderr=subprocess.DEVNULL)
    signed = site.folder / "correction.txt"
    assert signed.read_text() == statement
    variables = {"publish_allowed_signers": site.allowed["allowed_signers"], "history_correction": str(signed)}
    rc, output = control.play("history", **variables)
    assert (rc, "changed=1 " in output) == (0, True), output
    assert "its time does not count" in output
    rc, output = control.play("history", **variables)
    assert (rc, "changed=0 " in output) == (0, True), output
