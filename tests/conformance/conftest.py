# SPDX-License-Identifier: GPL-3.0-or-later
"""The index under test, by environment variables, and what its kind is known to lack.

INDEX_URL        the simple index, SCHEME://HOST[:PORT]/USER/INDEX/+simple/; without it everything is skipped
INDEX_CA         a PEM file with the certificates to trust for https
INDEX_LACKS      features that this index does not have, with commas between them; a test of one of them must fail
INDEX_WITHDRAWN  a withdrawn version on the index, as NAME==VERSION
INDEX_REPORT     where to write what was found: a JSON object from feature to whether the index has it
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv

import pytest
from packaging.specifiers import SpecifierSet

from tests.conformance.simple_api import SimpleIndex
from tests.integration import interpreters, kept

# What the table in docs/indexes.md has a row for.
FEATURES = {
    "html": "HTML pages with SHA-256 (PEP 503), for clients that do not accept JSON",
    "requires-python": "the versions of Python that a file needs (Requires-Python, PEP 345)",
    "json": "JSON pages (PEP 691), chosen by what the client accepts",
    "redirects": "an address without the last slash leads to the page",
    "names": "other spellings of a name are found by clients (PEP 503)",
    "missing": "a missing name is answered at once",
    "range": "parts of a file (range requests)",
    "cache": "unchanged files and pages are not sent again (conditional requests)",
    "metadata": "metadata of each wheel (PEP 658)",
    "metadata-sums": "SHA-256 of the metadata (PEP 714)",
    "sizes": "sizes (PEP 700)",
    "times": "upload times (PEP 700), for `--uploaded-prior-to` and `--exclude-newer`",
    "versions": "the list of versions (PEP 700)",
    "withdrawn": "withdrawn versions with a reason (PEP 592)",
    "pip-old": "pip 20.3",
    "pip-middle": "pip 22.3",
    "pip": "the newest pip: install, download, hashes",
    "uv": "uv: install, compile, lock and sync of a project",
}
OLDEST_PIP = "20.3.4"
MIDDLE_PIP = "22.3.1"
# That of the oldest pip.
OLDEST_PYTHON = "3.9"


def pytest_configure(config):
    """Make the mark known."""
    config.addinivalue_line("markers", "feature(name): a feature that an index may lack, of FEATURES")
    config.stash[FOUND] = {}


FOUND = pytest.StashKey[dict]()


def feature_of(item):
    """Return the name of the feature that a test is about."""
    (name,) = item.get_closest_marker("feature").args
    assert name in FEATURES
    return name


def pytest_collection_modifyitems(items):
    """Skip without an index, and expect failures of what the index is known to lack."""
    lacks = set(filter(None, os.environ.get("INDEX_LACKS", "").split(",")))
    assert lacks <= set(FEATURES), lacks
    for item in items:
        if "conformance" not in str(item.path):
            continue
        if not os.environ.get("INDEX_URL"):
            item.add_marker(pytest.mark.skip(reason="INDEX_URL names no index"))
        elif feature_of(item) in lacks:
            item.add_marker(pytest.mark.xfail(strict=True, reason="INDEX_LACKS has " + feature_of(item)))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Remember whether the feature is there: only if every test of it passed."""
    report = (yield).get_result()
    if call.when == "call" and "conformance" in str(item.path):
        found = item.config.stash[FOUND]
        passed = report.outcome == "passed" and not hasattr(report, "wasxfail")
        if report.outcome != "skipped" or hasattr(report, "wasxfail"):
            name = feature_of(item)
            found[name] = found.get(name, True) and passed


def pytest_sessionfinish(session):
    """Write the report."""
    path = os.environ.get("INDEX_REPORT")
    if path:
        # A test of what is known to be missing may have had nothing to look at.
        lacks = filter(None, os.environ.get("INDEX_LACKS", "").split(","))
        found = {**dict.fromkeys(lacks, False), **session.config.stash[FOUND]}
        with open(path, "w", encoding="utf-8") as stream:
            json.dump(found, stream, indent=1, sort_keys=True)


@pytest.fixture(scope="session", name="index")
def index_fixture():
    """Return the index under test."""
    return SimpleIndex(os.environ["INDEX_URL"], os.environ.get("INDEX_CA", ""))


@pytest.fixture(scope="session", name="withdrawn")
def withdrawn_fixture():
    """Return name and version of a withdrawn version."""
    found = os.environ.get("INDEX_WITHDRAWN", "").split("==")
    if len(found) != 2:
        pytest.skip("INDEX_WITHDRAWN names no version")
    return found


@pytest.fixture(scope="session", name="project")
def project_fixture(index):
    """Return a wheel that every client here can install without others: its project, and the entry of its file."""
    for project in index.projects():
        for file in reversed(index.files(project)):
            if file["filename"].endswith("-py3-none-any.whl") and not file["is_yanked"]:
                requires, python = index.requirements(file)
                if all("extra ==" in one for one in requires) and OLDEST_PYTHON in SpecifierSet("".join(python)):
                    return project, file
    pytest.fail("the index has no wheel that any Python can install without others")


class Client:
    """A program that installs, with settings of this test alone."""

    def __init__(self, command, folder, index):
        self.command = [str(part) for part in command]
        self.folder = folder
        self.index = index

    def __call__(self, *arguments, fails=False, cwd=None):
        """Run it; return what it printed."""
        settings = {key: value for key, value in os.environ.items() if key.partition("_")[0] not in ("PIP", "UV")}
        settings.update(PIP_CONFIG_FILE=os.devnull, UV_NO_CONFIG="1", HOME=str(self.folder), NO_COLOR="1")
        settings.update(UV_CACHE_DIR=str(self.folder / "uv-cache"), UV_PYTHON_DOWNLOADS="never")
        if self.index.authority:
            settings["SSL_CERT_FILE"] = self.index.authority
            # With older versions of pip, these win over --cert.
            for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
                settings.pop(name, None)
        command = self.command + [str(one) for one in arguments]
        done = subprocess.run(
            command, env=settings, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        output = done.stdout.decode()
        assert (done.returncode != 0) == fails, "%s\n%s" % (" ".join(command), output)
        return output


def unpacked_pip(version):
    """Return the folder of a version of pip, fetched once from the index of this machine.

    It is unpacked, because Python compiles what is in a zip file each time.
    """
    folder = kept.wheel("pip-" + (version or "newest"), "pip==" + version if version else "pip")
    return str(folder / "pip")


def pip_client(python, version, folder, index):
    """Return a version of pip, that asks the index alone."""
    options = ["--isolated", "--no-input", "--disable-pip-version-check", "--no-cache-dir"]
    if index.authority:
        options += ["--cert", index.authority]
    elif index.scheme == "http":
        options += ["--trusted-host", index.host]
    return Client([python, unpacked_pip(version), *options], folder, index)


@pytest.fixture(name="pip_old")
def pip_old_fixture(index, tmp_path):
    """Return pip 20.3, which needs an old Python."""
    return pip_client(interpreters.find(OLDEST_PYTHON), OLDEST_PIP, tmp_path, index)


@pytest.fixture(name="pip_middle")
def pip_middle_fixture(index, tmp_path):
    """Return the first pip that reads JSON pages."""
    return pip_client(sys.executable, MIDDLE_PIP, tmp_path, index)


@pytest.fixture(name="pip")
def pip_fixture(index, tmp_path):
    """Return the newest pip."""
    return pip_client(sys.executable, "", tmp_path, index)


@pytest.fixture(name="uv")
def uv_fixture(index, tmp_path):
    """Return uv."""
    return Client([os.path.join(os.path.dirname(sys.executable), "uv")], tmp_path, index)


@pytest.fixture(name="environment")
def environment_fixture(tmp_path):
    """Return the interpreter of an empty environment."""
    venv.create(tmp_path / "environment", with_pip=False)
    return tmp_path / "environment/bin/python"
