# SPDX-License-Identifier: GPL-3.0-or-later
"""A devpi-server that copies another one, both on loopback: it follows, serves without its primary, and takes its place.

It also serves, and mixes nothing, while its primary has become another one: by an upgrade, or from a backup.

How the roles do this with systemd and the front is played by the scenario replica.
"""

from __future__ import annotations

import datetime
import os
import pwd
import re
import shutil
import subprocess
import sys
import time

import pytest
from ansible_collections.airgap.python.plugins.module_utils._backup import _restore, _snapshot
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import (
    _data_folder,
    _migration,
    _replica_files,
    _replication,
    _service,
    _service_inspect,
)
from ansible_collections.airgap.python.plugins.module_utils._index._client import Client
from ansible_collections.airgap.python.plugins.module_utils._site import _checks

from tests.integration.devpi_server import NEXT, VERSION, VERSIONS, Server, install
from tests.integration.published import Bundle, Site
from tests.unit.plugins.module_utils._index.index_host import found, wanted

pytestmark = pytest.mark.devpi_server


class Replica(Site):
    """A replica of a site, with the data folder that the role makes."""

    def __init__(self, primary, folder):
        Server.__init__(self, primary.commands, folder)
        self.files = folder / "data/+files"
        self.follow(primary)
        shutil.copy2(primary.folder / "secret", folder / "secret")
        shutil.copy2(primary.folder / "root.password", folder)
        self.make_data(primary)

    def follow(self, primary):
        self.options = ("--role", "replica", "--primary-url", primary.url)

    def make_data(self, primary):
        """Create the data folder of a replica."""
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        account = pwd.getpwuid(os.geteuid())
        init = [str(self.commands / "devpi-init")]
        _data_folder.create(str(data), account, str(self.folder / "root.password"), init, primary.url)

    def copy_again(self, primary, commands):
        """Copy everything again with the commands of a version, as the role does."""
        self.stop()
        self.commands = commands
        _migration.clear(str(self.folder / "data"))
        self.make_data(primary)
        self.start()

    def wait_for_refusal(self):
        """Wait until the primary has refused to let it copy, because it is another one."""
        for _attempt in range(300):
            # devpi-server 7 also refuses the format that version 6 asks for.
            if re.search(" (400 Bad Request|406 Not Acceptable): failed fetching", (self.folder / "log").read_text()):
                return
            time.sleep(0.1)
        raise AssertionError((self.folder / "log").read_text()[-3000:])

    def downloads(self, folder):
        """Return whether pip gets a package from it."""
        pip = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--no-cache-dir",
            "always",
            "--isolated",
        ]
        pip += ["--index-url", self.url + "/airgap/prod/+simple/", "--dest", str(folder)]
        return subprocess.run(pip, env={**os.environ, "PIP_FIND_LINKS": ""}, check=False).returncode == 0

    def is_reported(self, bundle_there):
        """Return whether the check of the site and that of a bundle report that it is not a copy of its primary."""
        checked = _checks.check_replica(self.url, None, 10)
        found = self.check(bundle_there).get("msg", "")
        return not checked.ok and "are not a copy" in checked.message and "are not a copy" in found

    def check(self, bundle):
        """Return the result of the module that checks a bundle on a replica."""
        return self.run(
            "devpi_replica_info",
            index="airgap/prod",
            src=str(bundle.folder),
            bundle_id=bundle.id,
            files_dir=str(self.files),
            memory=str(self.folder / "publishing/replica.json"),
            sync_timeout=60,
        )

    def reasons(self, primary, **options):
        """Return why its data would be copied again, and what is wrong with them, as the role finds them."""
        data = self.folder / "data"
        host = found(
            data=_service_inspect.read_data(str(data)),
            primary=_replication.ask_primary(primary.url, ""),
            serial=_replication.read_serial(str(data)),
            has_replaced=(data / _migration.REPLACED).exists(),
        )
        version = NEXT if NEXT in str(self.commands) else VERSION
        want = wanted(part=_service.REPLICA, primary_url=primary.url, version=version, **options)
        return _replication.why_copied_again(want, host), _replication.find_problems(want, host)


@pytest.fixture(name="primary", params=VERSIONS)
def primary_fixture(request, tmp_path):
    """Return a primary of each version."""
    if request.param == NEXT and sys.version_info < (3, 11):
        pytest.skip("devpi-server 7 needs Python 3.11")
    os.umask(0o022)
    folder = tmp_path / "primary"
    folder.mkdir()
    site = Site(install(request.param), folder, "--role", "primary")
    yield site
    site.stop()


def bundle(folder, number):
    """Return a bundle, made once."""
    path = folder / ("bundle%d" % number)
    if path.exists():
        shutil.rmtree(path)
    return Bundle(path, [("common%d" % one, "1.0", b"") for one in range(5)] + [("always", "%d.0" % number, b"x")])


@pytest.fixture(name="replica")
def replica_fixture(primary, tmp_path):
    """Return a replica of it that runs."""
    folder = tmp_path / "replica"
    folder.mkdir(mode=0o700)
    server = Replica(primary, folder)
    yield server.start()
    server.stop()


def refused(primary, replica, other):
    """Check what is reported of a replica that runs and lacks something."""
    first = bundle(other, 1)
    filename = sorted(first.files)[0]
    (replica.folder / "publishing/replica.json").unlink()
    path = _replica_files.path_of(str(replica.files), first.index, filename, first.files[filename])
    with open(path, "rb") as stream:
        content = stream.read()
    for damaged in (content + b"x", b""):
        with open(path, "wb") as stream:
            stream.write(damaged)
        assert filename in replica.check(first)["msg"]
    os.unlink(path)
    assert filename in replica.check(first)["msg"]
    with open(path, "wb") as stream:
        stream.write(content)
    assert replica.check(first)["count"] == len(first.files)
    assert "Publish on the primary first" in replica.check(bundle(other, 2))["msg"]
    client = Client(replica.url)
    with pytest.raises(AirgapError, match="does not have everything"):
        _replication.wait(client, 10000, 1)
    client.close()
    with pytest.raises(AirgapError, match="is not a replica"):
        _replication.sync_of(Client(primary.url))


def copied_again(primary, replica):
    """Return why the data of a replica would be copied again, where the primary is another, or has fewer changes."""
    data = str(replica.folder / "data")
    version = NEXT if NEXT in str(primary.commands) else VERSION
    now = _replication.ask_primary(primary.url, "")
    return [
        _replication.why_copied_again(
            wanted(part=_service.REPLICA, version=version),
            found(data=_service_inspect.read_data(data), primary=one, serial=_replication.read_serial(data)),
        )
        for one in (now, now._replace(uuid="a" * 32), now._replace(serial=1))
    ]


def test_replica_follows_serves_without_its_primary_and_takes_its_place(primary, replica, tmp_path):
    # What is published on the primary arrives, in whole.
    first, second = bundle(tmp_path, 1), bundle(tmp_path, 2)
    primary.publish_ok(first)
    result = replica.check(first)
    assert "msg" not in result, result["msg"]
    assert result["count"] == len(first.files) and result["serial"] >= result["primary_serial"]
    assert replica.seen() == first.files
    assert replica.reasons(primary) == ("", [])
    same, other, ahead = copied_again(primary, replica)
    assert same == "" and "another primary" in other and "does not have" in ahead
    refused(primary, replica, tmp_path)
    primary.publish_ok(second)
    assert replica.check(second)["count"] == len(second.files)

    # Without the primary it serves as before, and says what to do.
    primary.stop(hard=True)
    assert replica.seen() == second.files
    assert replica.downloads(tmp_path / "pip")
    lost = replica.check(second)
    assert lost["failed"] and "cannot be reached" in lost["msg"] and "play promote_replica" in lost["msg"]
    assert "play promote_replica" in replica.reasons(primary)[1][0]

    # As the primary it takes the next bundle, with the passwords of the former one.
    replica.stop()
    replica.options = ("--offline-mode", "--role", "primary")
    replica.start()
    shutil.copy2(primary.folder / "airgap.password", replica.folder)
    third, fourth = bundle(tmp_path, 3), bundle(tmp_path, 4)
    replica.publish_ok(third)
    assert replica.seen() == third.files

    # The former primary comes back as its replica; its own data are kept aside.
    former = Replica.__new__(Replica)
    former.__dict__.update(primary.__dict__)
    copied, problems = former.reasons(replica)
    assert copied == "" and "devpi_replace_data" in problems[0]
    copied, problems = former.reasons(replica, replace_data=True)
    assert "former primary" in copied and problems == []
    data = str(former.folder / "data")
    before = sorted(os.listdir(data))
    _migration.set_aside(data)
    former.make_data(replica)
    _migration.take_back(data)
    assert sorted(os.listdir(data)) == before
    _migration.set_aside(data)
    former.make_data(replica)
    former.follow(replica)
    former.start()
    try:
        replica.publish_ok(fourth)
        assert former.check(fourth)["count"] == len(fourth.files)
        assert former.seen() == fourth.files
        assert former.reasons(replica) == ("", [])
    finally:
        former.stop()


@pytest.mark.skipif(sys.version_info < (3, 11), reason="devpi-server 7 needs Python 3.11")
@pytest.mark.long
@pytest.mark.parametrize("primary", [VERSION], indirect=True)
def test_replica_serves_while_its_primary_is_upgraded_and_ends_as_a_copy_with_all_files(primary, replica, tmp_path):
    first, second = bundle(tmp_path, 1), bundle(tmp_path, 2)
    primary.publish_ok(first)
    assert replica.check(first)["count"] == len(first.files)

    data, former, later = str(primary.folder / "data"), primary.commands, install(NEXT)
    account = pwd.getpwuid(os.geteuid())
    serial = _migration.convert(data, account, str(former / "python"), str(later / "python"))
    _migration.check_converted(data)
    primary.stop()
    _migration.exchange(data, serial)
    assert replica.seen() == first.files and replica.downloads(tmp_path / "pip")
    primary.commands = later
    primary.start()

    # The primary publishes before the replica is upgraded, which keeps what it has and says so.
    primary.publish_ok(second)
    replica.wait_for_refusal()
    assert replica.seen() == first.files and replica.downloads(tmp_path / "pip")
    assert replica.is_reported(second)
    replica.commands = later
    assert "another format" in replica.reasons(primary)[0]
    replica.copy_again(primary, later)
    assert replica.check(second)["count"] == len(second.files)
    assert replica.seen() == primary.seen() == second.files
    assert replica.reasons(primary) == ("", [])
    assert _checks.check_replica(replica.url, None, 30).ok


def test_replica_of_a_restored_primary_mixes_nothing_is_reported_and_copied_again(primary, replica, tmp_path):
    first, second, third = bundle(tmp_path, 1), bundle(tmp_path, 2), bundle(tmp_path, 3)
    primary.publish_ok(first)
    sources = [_snapshot.Source("devpi", str(primary.folder / "data"))]
    backups = tmp_path / "backups"
    backups.mkdir(mode=0o700)
    _snapshot.create(str(backups), sources, datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc))
    primary.publish_ok(second)
    assert replica.check(second)["count"] == len(second.files)

    primary.stop(hard=True)
    shutil.rmtree(primary.folder / "data")
    assert _restore.ensure_restored(str(backups), sources, False)["changed"]
    primary.start()
    assert primary.seen() == first.files
    assert replica.is_reported(second)
    # The primary goes past the replica's changes, which are not those that it has now.
    primary.publish_ok(third)
    primary.publish_ok(bundle(tmp_path, 4))
    assert primary.publish_ok(third)["switched"]
    assert _replication.ask_primary(primary.url, "").serial > _replication.read_serial(str(replica.folder / "data"))
    replica.wait_for_refusal()
    assert replica.seen() == second.files
    assert replica.is_reported(third)
    assert _replication.OTHER_PRIMARY in replica.reasons(primary)[0]

    replica.copy_again(primary, replica.commands)
    assert replica.check(third)["count"] == len(third.files)
    assert replica.seen() == primary.seen() == third.files
    assert replica.reasons(primary) == ("", [])
