# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of a site that runs: does the index serve what was imported, and what will stop it soon."""

from __future__ import annotations

import datetime
import http.client
import os
import random
import ssl
import time
import typing as t
from urllib.parse import urljoin, urlsplit

from ansible_collections.airgap.python.plugins.module_utils._backup import _program as _backup
from ansible_collections.airgap.python.plugins.module_utils._bundle import (
    _clock,
    _layout,
    _ledger,
    _manifest,
    _withdrawal,
)
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import (
    _names,
    _replica_files,
    _replication,
    _simple_page,
)
from ansible_collections.airgap.python.plugins.module_utils._index._client import SIMPLE_JSON, Client
from ansible_collections.airgap.python.plugins.module_utils._index._external_client import Login, Server
from ansible_collections.airgap.python.plugins.module_utils._site._folder import Folder
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import normalize

MOST_NAMED = 10
Params = t.Mapping[str, t.Any]
Index = t.Union[Client, Folder, Server]


class Check(t.NamedTuple):
    """One check: its name, whether it passed, what was found, and a number for a monitor."""

    name: str
    ok: bool
    message: str
    value: float = 0


def root_of(client: Index, index: str) -> str:
    """Return the path of the simple pages of an index."""
    return "/" if isinstance(client, Server) else _names.index_path(index) + "/+simple/"


def check_server(client: Index, index: str) -> Check:
    """Check that the index answers, and how fast."""
    started = time.monotonic()
    path = root_of(client, index)
    response = client.send("GET", path, headers={"Accept": SIMPLE_JSON})
    seconds = time.monotonic() - started
    if response.status != 200:
        return Check("server", False, "%s responds with status %d." % (client.url(path), response.status), seconds)
    return Check("server", True, "%s responds in %.0f ms." % (client.url(path), seconds * 1000), seconds)


def sample(files: t.Sequence[t.Mapping[str, t.Any]], count: int) -> t.List[t.Mapping[str, t.Any]]:
    """Return all files, or so many of them, chosen at random each time."""
    if not 0 < count < len(files):
        return list(files)
    return random.SystemRandom().sample(list(files), count)


def differences(
    files: t.Sequence[t.Mapping[str, t.Any]],
    pages: t.Mapping[str, t.Mapping[str, str]],
    unstated_ok: bool = False,
) -> t.Tuple[t.List[str], t.List[str]]:
    """Return the files that an index lacks, and those that it lists with another SHA-256.

    Args:
        files: Files of a manifest.
        pages: By normalized project, file name to SHA-256.
        unstated_ok: Whether a file may be listed without a SHA-256.
    """
    missing, other = [], []
    for entry in files:
        name = entry["path"].rpartition("/")[2]
        listed = pages.get(normalize(entry["name"]), {}).get(name)
        if listed is None:
            missing.append(name)
        elif listed != entry["sha256"] and (listed or not unstated_ok):
            other.append(name)
    return missing, other


def listed(client: Index, path: str) -> t.List[_simple_page.Link]:
    """Return the files on the page of a project; none if there is no page."""
    if isinstance(client, Server):
        return client.links(path.strip("/"))
    if not isinstance(client, Client):
        return _simple_page.parse_json(client.request("GET", path, missing_ok=True) or {})
    response = client.send("GET", path, headers={"Accept": _simple_page.ACCEPT})
    if response.status == 404:
        return []
    if response.body.lstrip()[:1] == b"<":
        return _simple_page.parse(response.body)
    return _simple_page.parse_json(client.document("GET", path, response))


def check_content(client: Index, params: Params) -> Check:
    """Check that the index serves the bundle that was imported last: its list, and the bytes of a sample."""
    ledger = _ledger.read(params["ledger"])
    if not ledger.done:
        return Check("content", False, "Nothing was imported yet: %s has no import that succeeded." % params["ledger"])
    manifest = _manifest.read(params["bundle"])
    if manifest["id"] != ledger.served:
        message = "%s is bundle %s, and the index serves %s" % (params["bundle"], manifest["id"], ledger.served)
        if ledger.rollback is not None:
            return Check("content", True, message + " since it was rolled back, so its files are not compared.")
        return Check("content", False, message + ", which was imported last. Play index.")
    withdrawn = _ledger.withdrawn_options(ledger)
    files = [one for one in manifest["files"] if not _withdrawal.is_gone(withdrawn, one["name"], one["version"])]
    links: t.Dict[str, str] = {}
    pages: t.Dict[str, t.Dict[str, str]] = {}
    for project in sorted({normalize(entry["name"]) for entry in files}):
        path = "%s%s/" % (root_of(client, params["index"]), project)
        pages[project] = {}
        for filename, sha256, address in listed(client, path):
            pages[project][filename] = sha256
            links[filename] = urljoin(client.url(path), address)
    # A server that the site runs may list files without their SHA-256.
    missing, other = differences(files, pages, isinstance(client, Server))
    hashes = {entry["path"].rpartition("/")[2]: entry["sha256"] for entry in files}
    chosen = sample(files, params["sample"])
    damaged = (
        []
        if missing or other
        else [
            name
            for name in (entry["path"].rpartition("/")[2] for entry in chosen)
            if sha256_served(client, links[name]) != hashes[name]
        ]
    )
    found = [
        "%s %s" % (", ".join(names[:MOST_NAMED]) + (", ..." if len(names) > MOST_NAMED else ""), verb)
        for names, verb in ((missing, "not listed"), (other, "with another SHA-256"), (damaged, "served damaged"))
        if names
    ]
    count = len(missing) + len(other) + len(damaged)
    if found:
        message = (
            "The index differs from bundle %s: %s. Play index. If the index differs after that, too, restore a backup."
            % (
                manifest["id"],
                "; ".join(found),
            )
        )
        return Check("content", False, message, count)
    return Check(
        "content",
        True,
        "All %d files of bundle %s are listed%s; %d of them were read, and are unchanged."
        % (
            len(files),
            manifest["id"],
            " with their SHA-256" if all(map(is_stated, pages.values())) else "",
            len(chosen),
        ),
    )


def check_files(client: Index, params: Params) -> t.List[Check]:
    """Check that the front serves the files of the bundle that are not wheels; no check if it has none."""
    manifest = _manifest.read(params["bundle"])
    entries = _manifest.extras(manifest)
    if not entries or manifest["id"] != _ledger.read(params["ledger"]).served:
        return []
    wrong = []
    for entry in entries:
        name = os.path.basename(entry["path"])
        if client.sha256("/%s/%s" % (_layout.FILES, name)) != entry["sha256"]:
            wrong.append(name)
    if wrong:
        names = ", ".join(wrong[:MOST_NAMED]) + (", ..." if len(wrong) > MOST_NAMED else "")
        message = "%s of bundle %s are missing at %s, or served damaged. Play index." % (
            names,
            manifest["id"],
            client.url("/%s/" % _layout.FILES),
        )
        return [Check("files", False, message, len(wrong))]
    message = "All %d other files of bundle %s are served unchanged." % (len(entries), manifest["id"])
    return [Check("files", True, message)]


def is_stated(page: t.Mapping[str, str]) -> bool:
    """Return whether a page states the SHA-256 of each of its files."""
    return all(page.values())


def sha256_served(client: Index, link: str) -> str:
    """Return the SHA-256 of what the index serves at an address of its own; "" if it does not serve it."""
    parts = urlsplit(link)
    if isinstance(client, Server):
        return client.sha256(link)
    if "%s://%s" % (parts.scheme, parts.netloc) != client.origin:
        return ""
    return client.sha256(parts.path[len(client.root) :])


def check_disks(paths: t.Sequence[str], least: float) -> t.List[Check]:
    """Check the free space and the free inodes of the file systems of these paths, in percent."""
    checks, seen = [], set()
    for path in paths:
        if not os.path.isdir(path):
            continue
        usage = os.statvfs(path)
        device = os.stat(path).st_dev
        if device in seen:
            continue
        seen.add(device)
        for name, free, total in (
            ("space", usage.f_bavail, usage.f_blocks),
            ("inodes", usage.f_favail, usage.f_files),
        ):
            if not total:
                continue
            percent = 100 * free / total
            message = "The disk of %s has %.0f %% of its %s free." % (path, percent, name)
            if percent < least:
                message += " Free some: remove old backups, or lower publish_keep and backup_keep."
            checks.append(Check("%s of %s" % (name, path), percent >= least, message, percent))
    return checks


def check_backup(folder: str, oldest_hours: float, at: datetime.datetime) -> Check:
    """Check that the last backup succeeded and is not too old."""
    state = _backup.read_state(folder)
    if not state:
        return Check(
            "backup", False, "%s has no backup yet. Make one: play index with -e backup_now=true." % folder, -1
        )
    hours = (at - _clock.parse(str(state.get("started")), folder)).total_seconds() / 3600
    if state.get("ok") is not True:
        return Check("backup", False, "The last backup failed: %s" % state.get("message"), hours)
    if not os.path.isdir(os.path.join(folder, str(state.get("backup")))):
        return Check(
            "backup", False, "The last backup, %s, is not in %s any more." % (state.get("backup"), folder), hours
        )
    if hours > oldest_hours:
        fix = "Check 'systemctl status airgap-backup.timer' on this host."
        return Check("backup", False, "The last backup is %.0f hours old. %s" % (hours, fix), hours)
    return Check("backup", True, "The last backup is %.0f hours old and was checked." % max(hours, 0), hours)


def check_certificate(url: str, ca_path: t.Optional[str], least_days: float, timeout: float) -> t.List[Check]:
    """Check that the certificate of an https address is trusted and does not end soon; with http there is none."""
    parts = urlsplit(url)
    if parts.scheme != "https":
        return []
    context = ssl.create_default_context(cafile=ca_path)
    connection = http.client.HTTPSConnection(parts.hostname or "", parts.port or 443, timeout=timeout, context=context)
    try:
        connection.connect()
        found = connection.sock.getpeercert()
    except ssl.SSLCertVerificationError as error:
        message = "The certificate of %s is not trusted: %s." % (url, error.verify_message)
        return [Check("certificate", False, message, -1)]
    finally:
        connection.close()
    ends = ssl.cert_time_to_seconds(str((found or {}).get("notAfter")))
    days = (ends - time.time()) / 86400
    if days < least_days:
        message = "The certificate of %s ends in %.0f days. Play index to renew it." % (url, days)
        return [Check("certificate", False, message, days)]
    return [Check("certificate", True, "The certificate of %s is valid for %.0f days." % (url, days), days)]


def check_version(client: Client, bundle: str) -> t.List[Check]:
    """Check that devpi-server runs in the version that the bundle has of it."""
    files = _manifest.read(bundle)["files"]
    versions = [one["version"] for one in files if normalize(one["name"]) == "devpi-server"]
    running = str(
        (client.request("GET", "/+status") or {}).get("result", {}).get("versioninfo", {}).get("devpi-server")
    )
    if running in versions:
        return [Check("version", True, "devpi-server %s runs, as the bundle has it." % running)]
    message = "devpi-server %s runs, and the bundle has %s. Play index." % (running, " and ".join(versions) or "none")
    return [Check("version", False, message)]


def check_replica(url: str, ca_path: t.Optional[str], timeout: float) -> Check:
    """Check that a replica has everything that its primary has; the number is how many changes it lacks."""
    client = Client(url, timeout)
    try:
        try:
            serial = _replica_files.primary_serial(client, {"timeout": timeout, "primary_ca_path": ca_path}, timeout)
        except AirgapError as error:
            return Check("replica", False, str(error), 1)
        try:
            found = _replication.wait(client, serial, timeout)
        except AirgapError as error:
            sync = _replication.sync_of(client)
            return Check("replica", False, str(error), max(serial - sync.serial, 0) or len(sync.errors) or 1)
    finally:
        client.close()
    return Check("replica", True, "It has all %d changes and all files of its primary." % found.serial)


def open_index(params: Params) -> Index:
    """Return what reads the index: a client of its server, or of its folder where the URL is file:///FOLDER."""
    if params["simple"]:
        return Server(params["url"], "", Login(ca_path=params["ca_path"]), params["timeout"])
    if urlsplit(params["url"]).scheme == "file":
        return Folder(params["url"])
    return Client(params["url"], params["timeout"], params["ca_path"])


def served_bundle(path: str) -> t.Dict[str, t.Any]:
    """Return what the ledger at a path says of the bundle that is served; see RETURN of site_check_info."""
    try:
        ledger = _ledger.read(path)
    except (AirgapError, OSError):
        return {}
    imports = [one for one in ledger.done if one.id == ledger.served]
    if not imports:
        return {}
    last = imports[-1]
    return {
        "id": last.id,
        "created": last.created,
        "imported": last.ended or last.when,
        "operator": last.operator or last.user,
        "signers": last.signers,
        "is_rolled_back": ledger.done[-1].id != last.id,
    }


def check_site(params: Params, at: datetime.datetime) -> t.List[Check]:
    """Run all checks; one that cannot be made is one that failed."""
    try:
        client = open_index(params)
    except AirgapError as error:
        return [Check("server", False, str(error))]
    try:
        checks = _run("server", lambda: [check_server(client, params["index"])])
        if checks[0].ok:
            checks += _run("content", lambda: [check_content(client, params)])
            if params["files"]:
                checks += _run("files", lambda: check_files(client, params))
            if params["version_from_bundle"] and isinstance(client, Client):
                server = client
                checks += _run("version", lambda: check_version(server, params["bundle"]))
        else:
            checks.append(Check("content", False, "Not checked, because the index does not answer."))
    finally:
        client.close()
    if params["replica_url"]:
        path = params["primary_ca_path"]
        checks += _run("replica", lambda: [check_replica(params["replica_url"], path, params["timeout"])])
    checks += _run(
        "certificate",
        lambda: check_certificate(params["url"], params["ca_path"], params["certificate_days"], params["timeout"]),
    )
    checks += _run("disk", lambda: check_disks(params["disks"], params["disk_percent"]))
    if params["backup_dir"]:
        checks += _run("backup", lambda: [check_backup(params["backup_dir"], params["backup_hours"], at)])
    return checks


def _run(name: str, step: t.Callable[[], t.List[Check]]) -> t.List[Check]:
    """Return the checks of a step; one that cannot be made is one that failed."""
    try:
        return step()
    except (AirgapError, OSError) as error:
        return [Check(name, False, str(error))]


def render_textfile(checks: t.Sequence[Check], at: datetime.datetime) -> t.List[str]:
    """Return the lines of the checks in the text format of Prometheus, for the textfile collector of its node exporter."""
    return [
        "# HELP airgap_check_ok Whether a check of the index host passed.",
        "# TYPE airgap_check_ok gauge",
        *('airgap_check_ok{check="%s"} %d' % (_label(one.name), one.ok) for one in checks),
        "# HELP airgap_check_value The number that a check found: seconds, percent, hours, days or files.",
        "# TYPE airgap_check_value gauge",
        *('airgap_check_value{check="%s"} %.6g' % (_label(one.name), one.value) for one in checks),
        "# HELP airgap_check_time_seconds When the checks were made, in seconds since 1970.",
        "# TYPE airgap_check_time_seconds gauge",
        "airgap_check_time_seconds %d" % at.timestamp(),
    ]


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
