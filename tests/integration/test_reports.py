# SPDX-License-Identifier: GPL-3.0-or-later
"""The reports of a bundle are true for real wheels, with the real libraries.

The vulnerability service is a stand-in on loopback that speaks osv.dev's
protocol (vulnerability_service.py); pip-audit is the real one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.airgap.python.plugins.module_utils._report import _page_html
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock
from ansible_collections.airgap.python.plugins.modules import (
    bundle_audit,
    bundle_manifest,
    bundle_report,
    bundle_seal,
)
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.integration.simple_index import make_wheel
from tests.integration.vulnerability_service import VulnerabilityService, record

OLD = {"name": "old", "python": "3.9.2", "libc": "glibc-2.31"}
NEW = {"name": "new", "python": "3.13.5", "libc": "glibc-2.41"}
MODULES = {
    "bundle_audit": bundle_audit,
    "bundle_manifest": bundle_manifest,
    "bundle_report": bundle_report,
    "bundle_seal": bundle_seal,
}
# The action plugin passes these. It is not imported, because modules would then warn through the control host's display.
PLACE = pathlib.Path(_page_html.__file__)
PAGE = {
    "template": PLACE.with_name("report.html.j2").read_text(encoding="utf-8"),
    "style": PLACE.with_name("report.css").read_text(encoding="utf-8"),
}
REPORTS = ("sbom.cdx.json", "audit.json", "changes.json", "report.html", "dependencies.txt")


def run(module, check=False, **arguments):
    """Run a module in a child process that has already loaded the libraries; return its result."""
    arguments["_ansible_check_mode"] = check
    with tempfile.TemporaryFile() as answer:
        child = os.fork()
        if child == 0:
            try:
                sys.stdout = os.fdopen(os.dup(answer.fileno()), "w", encoding="utf-8")
                os.environ.update(no_proxy="127.0.0.1", NO_PROXY="127.0.0.1")
                with contextlib.suppress(SystemExit), patch_module_args(arguments):
                    MODULES[module].main()
                sys.stdout.flush()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        answer.seek(0)
        return json.loads(answer.read())


class Bundle:
    """A bundle that a test changes."""

    def __init__(self, root):
        self.root = root
        self.path = str(root / "bundle")
        self.memory = str(root / "stage/sealed-manifests.json")
        self.files = {}
        self.audit = {}
        self.extras = []
        (root / "bundle/wheels").mkdir(parents=True)
        self.add("pip", "25.0")
        self.add("app", "1.0", requires=["lib>=1", "backport; python_version < '3.10'"])
        self.add("lib", "1.5")
        self.add("backport", "2.0")

    def add(self, name, version, origin="https://files.example/", **options):
        """Add a wheel, or replace another version of it."""
        filename, data = make_wheel(name, version, **options)
        for old in (self.root / "bundle/wheels").glob(name + "-*"):
            old.unlink()
        (self.root / "bundle/wheels" / filename).write_bytes(data)
        if origin.endswith("/"):
            origin += filename
        digest = hashlib.sha256(data).hexdigest()
        self.files[name] = _lock.Pin(name, version, digest, filename, len(data), origin)

    def add_file(self, filename, data, **facts):
        """Add a file besides the wheels, or replace its content."""
        (self.root / "bundle/files").mkdir(exist_ok=True)
        (self.root / "bundle/files" / filename).write_bytes(data)
        self.extras = [one for one in self.extras if one["filename"] != filename]
        self.extras.append(dict({"filename": filename, "sha256": hashlib.sha256(data).hexdigest()}, **facts))

    def describe(self):
        """Write locks and manifest."""
        names = [name for name in self.files if name not in ("pip", "backport")]
        for one, target, chosen in (
            ("airgap-pip", "old", ["pip"]),
            ("airgap-pip", "new", ["pip"]),
            ("base", "old", names + ["backport"]),
            ("base", "new", names),
        ):
            folder = self.root / "bundle/locks" / one
            folder.mkdir(parents=True, exist_ok=True)
            roots = ["pip"] if one == "airgap-pip" else ["app"] + [name for name in names if name not in ("app", "lib")]
            text = _lock.render([self.files[name] for name in chosen], target, "x", roots)
            (folder / (target + ".txt")).write_text(text)
        sets = [{"name": "airgap-pip", "targets": ["old", "new"]}, {"name": "base", "targets": ["old", "new"]}]
        result = run(
            "bundle_manifest",
            path=self.path,
            sets=sets,
            targets=[OLD, NEW],
            prune=True,
            memory=self.memory,
            extras=self.extras,
        )
        assert "msg" not in result, result
        return result["id"]

    def report(self, check=False, **audit):
        """Write all reports; return the results."""
        options = dict({"service": "osv"}, **self.audit)
        options.update(audit)
        results = {
            "audit": run("bundle_audit", check, path=self.path, **options),
            "report": run("bundle_report", check, path=self.path, memory=self.memory, **PAGE),
        }
        assert not [one for one in results.values() if "failed" in one], results
        return results

    def seal(self):
        """Seal the bundle."""
        return run("bundle_seal", path=self.path, memory=self.memory)

    def stage(self, **audit):
        """Do what the role does, in its order."""
        self.describe()
        results = self.report(**audit)
        results["seal"] = self.seal()
        assert "msg" not in results["seal"]
        return results

    def read(self, name):
        """Return a JSON report."""
        with open(os.path.join(self.path, "reports", name), encoding="utf-8") as stream:
            return json.load(stream)

    def bytes(self):
        """Return the bytes of every existing report."""
        folder = os.path.join(self.path, "reports")
        return {name: open(os.path.join(folder, name), "rb").read() for name in sorted(os.listdir(folder))}


@pytest.fixture(name="service")
def service_fixture():
    """Return a stand-in for a vulnerability service."""
    service = VulnerabilityService()
    yield service
    service.stop()


@pytest.fixture(name="bundle")
def bundle_fixture(service, tmp_path):
    """Return a bundle of two sets that asks the stand-in."""
    bundle = Bundle(tmp_path)
    bundle.audit = {"url": service.base + "/query", "severity_url": service.base + "/vulns"}
    return bundle


def test_bill_of_materials_is_valid_and_names_every_file_once(bundle):
    bundle.add("odd", "1+local.2", origin="built:source:odd#sha256=00")
    bundle_id = bundle.describe()
    bundle.report()
    text = (bundle.root / "bundle/reports/sbom.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    by_ref = {one["bom-ref"]: one for one in bill["components"]}
    assert len(by_ref) == len(bill["components"]) == 5
    app = by_ref["wheels/app-1.0-py3-none-any.whl"]
    assert app["purl"] == "pkg:pypi/app@1.0?file_name=app-1.0-py3-none-any.whl"
    assert app["hashes"] == [{"alg": "SHA-256", "content": bundle.files["app"].sha256}]
    assert by_ref["wheels/odd-1+local.2-py3-none-any.whl"]["purl"].startswith("pkg:pypi/odd@1%2Blocal.2?")
    locks = [one["value"] for one in app["properties"] if one["name"] == "airgap:lock"]
    assert locks == ["base/new", "base/old"]
    assert bill["metadata"]["component"]["version"] == bundle_id
    needs = {one["ref"]: one.get("dependsOn", []) for one in bill["dependencies"]}
    assert needs["bundle"] == [
        "locks/%s/%s.txt" % lock
        for lock in (("airgap-pip", "new"), ("airgap-pip", "old"), ("base", "new"), ("base", "old"))
    ]
    assert needs["locks/airgap-pip/old.txt"] == ["wheels/pip-25.0-py3-none-any.whl"]
    assert "wheels/app-1.0-py3-none-any.whl" in needs["locks/base/old.txt"]
    assert needs["wheels/app-1.0-py3-none-any.whl"] == [
        "wheels/backport-2.0-py3-none-any.whl",
        "wheels/lib-1.5-py3-none-any.whl",
    ]


def test_other_files_are_in_the_bill_of_materials_and_on_the_page(bundle):
    bundle.add_file("python.tar.gz", b"python", origin="https://files.example/python.tar.gz")
    bundle.add_file(
        "acme-tools-1.2.0.tar.gz",
        b"acme",
        kind="collection",
        name="acme.tools",
        version="1.2.0",
        origin="source:acme-tools-1.2.0.tar.gz",
    )
    bundle.stage()
    components = {one["bom-ref"]: one for one in bundle.read("sbom.cdx.json")["components"]}
    build = components["files/python.tar.gz"]
    assert (build["type"], build["hashes"][0]["content"]) == ("file", hashlib.sha256(b"python").hexdigest())
    assert build["externalReferences"][0]["url"] == "https://files.example/python.tar.gz"
    collection = components["files/acme-tools-1.2.0.tar.gz"]
    assert collection["purl"] == "pkg:generic/acme.tools@1.2.0?file_name=acme-tools-1.2.0.tar.gz"
    page = bundle.bytes()["report.html"].decode()
    assert "Other files" in page and "acme.tools 1.2.0" in page and hashlib.sha256(b"acme").hexdigest() in page
    bundle.add_file("python.tar.gz", b"another")
    bundle.stage()
    assert [one["path"] for one in bundle.read("changes.json")["extras"]["changed"]] == ["files/python.tar.gz"]
    assert "Files besides the packages changed" in bundle.bytes()["report.html"].decode()


def test_second_run_changes_no_byte_and_does_not_ask_the_service(bundle, service):
    first = bundle.stage()
    assert all(one["changed"] for one in first.values())
    before = bundle.bytes()
    assert sorted(before) == sorted(REPORTS)
    asked = len(service.queries)
    again = bundle.stage()
    assert not [name for name, one in again.items() if one["changed"]]
    assert bundle.bytes() == before
    assert len(service.queries) == asked


def test_reports_contain_no_time_except_those_of_manifest_and_audit(bundle):
    bundle.stage(ask=False)
    before = bundle.bytes()
    for name in REPORTS:
        os.unlink(os.path.join(bundle.path, "reports", name))
    time.sleep(1.1)
    bundle.report(ask=False)
    assert bundle.bytes() == before


def test_check_mode_reports_changes_and_neither_writes_nor_asks(bundle, service):
    results = bundle.report(check=True)
    assert all(one["changed"] for one in results.values())
    bundle.describe()
    results = bundle.report(check=True)
    assert all(one["changed"] for one in results.values())
    assert not os.path.exists(os.path.join(bundle.path, "reports"))
    bundle.stage()
    asked = len(service.queries)
    results = bundle.report(check=True)
    assert not [name for name, one in results.items() if one["changed"]]
    assert bundle.report(check=True, refresh=True)["audit"]["changed"]
    assert len(service.queries) == asked


def test_what_the_service_knows_is_found_with_its_severity(bundle, service):
    service.known[("lib", "1.5")] = [record("lib", "2026-7", "HIGH", fixed="1.6")]
    audit = bundle.stage()["audit"]
    assert audit["status"] == "audited" and audit["counts"]["high"] == 1
    assert audit["objections"] == ["lib 1.5 has PYSEC-2026-7 (high); fixed in 1.6."]
    report = bundle.read("audit.json")
    assert report["findings"][0]["used_by"] == ["base/new", "base/old"]
    assert report["service"]["url"] == service.base + "/query"
    assert set(service.queries) == {
        ("requests", "2.19.0"),
        ("app", "1.0"),
        ("backport", "2.0"),
        ("lib", "1.5"),
        ("pip", "25.0"),
    }
    page = (bundle.root / "bundle/reports/report.html").read_text()
    assert "PYSEC-2026-7" in page and "fixed in 1.6" in page


def test_ignoring_a_finding_does_not_ask_again(bundle, service):
    service.known[("lib", "1.5")] = [record("lib", "2026-7")]
    assert bundle.stage()["audit"]["objections"]
    asked = len(service.queries)
    ignore = [{"id": "CVE-2026-7", "reason": "unused", "until": "2999-01-01"}]
    audit = bundle.report(ignore=ignore)["audit"]
    assert audit["objections"] == [] and audit["changed"] and audit["asked"] == ""
    ignore[0]["until"] = "2020-01-01"
    audit = bundle.report(ignore=ignore)["audit"]
    assert len(audit["objections"]) == 1 and "no longer ignored" in str(audit["warnings"])
    assert len(service.queries) == asked
    del ignore[0]["reason"]
    assert "CVE-2026-7 has no reason" in run("bundle_audit", path=bundle.path, ignore=ignore)["msg"]


def test_new_version_or_old_answer_is_asked_about(bundle, service):
    bundle.stage()
    assert bundle.report(max_age=0)["audit"]["asked"].startswith("the last answer is from")
    bundle.add("lib", "1.6")
    assert bundle.stage()["audit"]["asked"] == "the versions changed"
    assert ("lib", "1.6") in service.queries


def test_several_versions_of_one_project_are_all_asked_about(bundle, service, tmp_path):
    bundle.describe()
    path = tmp_path / "bundle/locks/base/old.txt"
    filename, data = make_wheel("lib", "1.4")
    (tmp_path / "bundle/wheels" / filename).write_bytes(data)
    lib = bundle.files["lib"]
    line = _lock.Pin("lib", "1.4", hashlib.sha256(data).hexdigest(), filename, len(data))
    pins = [line if pin.name == "lib" else pin for pin in _lock.parse_pins(path.read_text())]
    path.write_text(_lock.render(pins, "old", "x", ["app"]))
    sets = [{"name": "airgap-pip", "targets": ["old", "new"]}, {"name": "base", "targets": ["old", "new"]}]
    assert "msg" not in run("bundle_manifest", path=bundle.path, sets=sets, targets=[OLD, NEW])
    assert bundle.report()["audit"]["status"] == "audited"
    assert {("lib", "1.4"), ("lib", lib.version)} <= set(service.queries)


def test_own_source_is_not_sent_and_is_listed_as_not_audited(bundle, service):
    bundle.add("secret", "1", origin="built:source:secret#sha256=00")
    audit = bundle.stage()["audit"]
    assert audit["status"] == "partly audited"
    assert "Not audited: secret 1." in str(audit["warnings"])
    assert "secret" not in str(service.queries)


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ("silence", "the service reports nothing about requests 2.19.0"),
        ("garbage", "the service answered with something that is not JSON"),
        (503, "the service answered 503"),
        (30.0, "did not answer within 5 seconds"),
    ],
)
def test_service_that_fails_or_hangs_means_not_audited(bundle, service, trouble, reason):
    service.trouble = trouble
    audit = bundle.stage()["audit"]
    assert audit["status"] == "not audited"
    assert reason in audit["objections"][0]
    page = (bundle.root / "bundle/reports/report.html").read_text()
    assert "Not audited" in page and "No known vulnerabilities" not in page
    if trouble != 30.0:
        assert bundle.report()["audit"]["changed"] is False


def test_unreachable_service_means_not_audited_and_the_same_bytes_again(bundle, service):
    service.known[("lib", "1.5")] = [record("lib", "2026-7", "HIGH")]
    bundle.stage()
    bundle.audit["url"] = "http://127.0.0.1:9/v1/query"
    audit = bundle.report()["audit"]
    assert audit["objections"] == [
        "The bundle is not audited: 127.0.0.1 (port 9) cannot be reached: Connection refused."
    ]
    assert bundle.read("audit.json")["earlier"]["findings"][0]["severity"] == "high"
    results = bundle.report()
    assert not [name for name, one in results.items() if one["changed"]]


def test_audit_that_is_off_says_so(bundle, service):
    audit = bundle.stage(ask=False)["audit"]
    assert audit["status"] == "not audited" and service.queries == []
    assert bundle.read("audit.json")["reason"] == "stage_audit is off"


def test_url_for_pypi_is_refused_because_pip_audit_would_ignore_it(bundle):
    bundle.describe()
    result = run("bundle_audit", path=bundle.path, service="pypi", url="https://mirror.example/pypi")
    assert "set stage_audit_service to osv" in result["msg"]


def test_killed_or_repeated_runs_keep_the_comparison(bundle):
    first = bundle.describe()
    bundle.report(ask=False)
    assert bundle.read("changes.json")["against"] is None
    # Killed before it was sealed: nothing is recorded.
    bundle.describe()
    assert not os.path.exists(bundle.memory)
    bundle.stage(ask=False)
    bundle.add("lib", "1.6")
    bundle.describe()
    bundle.report(ask=False)
    run("bundle_seal", path=bundle.path)
    # Killed after the sums and before the memory: the next run records it.
    assert bundle.stage(ask=False)["report"]["against"] == first
    bundle.stage(ask=False)
    changes = bundle.read("changes.json")
    assert changes["against"]["id"] == first
    assert changes["counts"] == {"added": 0, "upgraded": 1, "downgraded": 0, "replaced": 0, "removed": 0}


def test_bundle_is_compared_with_its_base(bundle, tmp_path):
    base = bundle.describe()
    manifest = json.loads((tmp_path / "bundle/manifest.json").read_text())
    (tmp_path / "base.json").write_text(json.dumps(manifest))
    bundle.stage(ask=False)
    bundle.add("lib", "1.4")
    bundle.stage(ask=False)
    bundle.add("lib", "1.6")
    bundle.describe()
    options = {"path": bundle.path, "memory": bundle.memory, **PAGE}
    found = run("bundle_report", base=str(tmp_path / "base.json"), **options)
    assert (found["against"], found["counts"]["upgraded"]) == (base, 1)
    files = [{key: one[key] for key in ("path", "name", "version", "sha256", "size")} for one in manifest["files"]]
    inventory = {"format": 1, "id": "0" * 32, "imported": [base], "files": files}
    (tmp_path / "inventory.json").write_text(json.dumps(inventory))
    found = run("bundle_report", base=str(tmp_path / "inventory.json"), **options)
    assert (found["against"], found["counts"]["upgraded"]) == ("0" * 32, 1)
    assert bundle.read("changes.json")["per_lock"] is False


def test_content_that_is_staged_again_keeps_its_time_unless_that_is_in_the_future(bundle):
    bundle.describe()
    path = bundle.root / "bundle/manifest.json"
    for created, is_kept in (("2026-01-01T00:00:00Z", True), ("9999-12-31T23:59:59Z", False)):
        manifest = dict(json.loads(path.read_text()), created=created)
        path.write_text(json.dumps(manifest))
        bundle.describe()
        assert (json.loads(path.read_text())["created"] == created) is is_kept


def test_pip_sync_accepts_the_lock_and_pipdeptree_agrees_with_dependencies_txt(bundle, tmp_path):
    bundle.add("app", "1.0", requires=["lib>=1", "web"])
    bundle.add("web", "3.0", requires=["lib", "deep<2"])
    bundle.add("deep", "1.1")
    bundle.stage()
    text = (bundle.root / "bundle/reports/dependencies.txt").read_text()
    trees = dict(part.split("]\n", 1) for part in text.split("\n[")[1:])
    assert list(trees) == ["airgap-pip/new", "airgap-pip/old", "base/new", "base/old"]
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    python = str(environment / "bin/python")
    command = [sys.executable, "-m", "piptools", "sync", "--python-executable", python, "--no-index", "--find-links"]
    command += [bundle.path + "/wheels", "--pip-args", "--no-cache-dir", bundle.path + "/locks/base/new.txt"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout.decode()
    command = [sys.executable, "-m", "pipdeptree", "--python", python, "--json"]
    seen = json.loads(subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout)
    edges = {
        (one["package"]["key"], need["key"], need["required_version"], need["installed_version"])
        for one in seen
        for need in one["dependencies"]
        # Packages on PYTHONPATH are listed as well.
        if one["package"]["key"] in bundle.files
    }
    assert edges == {
        ("app", "lib", ">=1", "1.5"),
        ("app", "web", "Any", "3.0"),
        ("web", "lib", "Any", "1.5"),
        ("web", "deep", "<2", "1.1"),
    }
    assert trees["base/new"].split("\n\n")[0].splitlines() == [
        "app==1.0",
        "  - lib [required: >=1, installed: 1.5]",
        "  - web [required: Any, installed: 3.0]",
        "    - deep [required: <2, installed: 1.1]",
        "    - lib [required: Any, installed: 1.5]",
        "deep==1.1",
        "web==3.0 (above)",
    ]
