# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publishing a bundle to an index that the site runs: compare, send what it lacks, read back.

It cannot be all or nothing: each file is served as soon as the server has it. So everything that can be refused is refused
before the first file is sent, and a run that failed is continued by the next one.
"""

from __future__ import annotations

import os
import time
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle import _withdrawal
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _external, _uploads
from ansible_collections.airgap.python.plugins.module_utils._index._external import Wanted
from ansible_collections.airgap.python.plugins.module_utils._index._external_client import Login, Server
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import normalize

Params = t.Mapping[str, t.Any]
Result = t.Dict[str, t.Any]


def wanted_of(
    src: str, entries: t.Sequence[t.Mapping[str, t.Any]], withdrawn: t.Sequence[t.Mapping[str, t.Any]]
) -> t.Tuple[t.List[Wanted], t.List[Wanted]]:
    """Return the files of a bundle that must be served, and those that are withdrawn."""
    paths = {os.path.basename(path): path for path, dummy in _uploads.locate(entries, src)}
    served: t.List[Wanted] = []
    gone: t.List[Wanted] = []
    for entry in entries:
        name = os.path.basename(str(entry["path"]))
        one = Wanted(
            name, paths[name], entry["sha256"], int(entry["size"]), normalize(entry["name"]), str(entry["version"])
        )
        (gone if _withdrawal.is_gone(withdrawn, entry["name"], entry["version"]) else served).append(one)
    return sorted(served), sorted(gone)


def read_hashes(server: Server, wanted: t.Sequence[Wanted]) -> t.Dict[str, str]:
    """Return the SHA-256 of each of these files that the server has, by file name.

    A file of which the page gives none is downloaded and hashed.
    """
    found: t.Dict[str, str] = {}
    for project in sorted({one.project for one in wanted}):
        names = {one.filename for one in wanted if one.project == project}
        for name, link in _external.by_name(server.links(project), names).items():
            found[name] = link.sha256 or server.sha256(link.address)
    return found


def recognise(server: Server, asked: str) -> str:
    """Return which known server this is, by what is cheapest: a header, the address, a page; "" if it is none of them."""
    if asked != _external.AUTO:
        return asked
    found = _external.by_header(server.headers) or _external.by_address(server.upload_url)
    if not found:
        try:
            page = server.look(server.upload_url)
        except AirgapError:
            return ""
        found = _external.by_header(page.headers) or _external.by_body(page.body)
    return found


def publish(params: Params, check_mode: bool, warn: t.Callable[[str], None]) -> Result:
    """Publish a bundle; return the result of the module. Raises AirgapError."""
    login = Login(
        params["user"] or "",
        params["password"] or "",
        params["client_cert"],
        params["client_key"],
        params["ca_path"],
    )
    server = Server(params["simple_url"], params["url"], login, params["timeout"])
    try:
        return _publish(server, params, check_mode, warn)
    except OSError as error:
        raise AirgapError("A file to publish cannot be read: %s. It was not sent; run again." % error) from error
    finally:
        server.close()


def _publish(server: Server, params: Params, check_mode: bool, warn: t.Callable[[str], None]) -> Result:
    if params["password"] and _external.is_exposed(server.upload_url):
        warn("The password is sent without encryption to %s. Use https." % server.upload_url)
    entries = _uploads.files_of_bundle(params["src"], params["bundle_id"])
    wanted, gone = wanted_of(params["src"], entries, params["withdrawn"])
    hashes = read_hashes(server, wanted)
    name = recognise(server, params["server"])
    title = _external.known(name).title
    plan = _external.plan(title, wanted, hashes)
    listed = _withdrawn_but_listed(server, gone)
    if listed:
        warn(
            "These files are withdrawn, and %s serves them: %s. This collection removes nothing from it; remove them there."
            % (title, ", ".join(listed[: _external.MOST_NAMED]))
        )
    existed: t.List[str] = []
    if plan.upload and not check_mode:
        existed = _send(server, name, entries, params["src"], plan)
        _external.check_read_back(
            server.simple_url, plan.upload, _wait(server, plan.upload, params["listing_timeout"]), existed
        )
    sent = [one for one in plan.upload if one.filename not in existed]
    return {
        "changed": bool(sent),
        "switched": bool(plan.upload),
        "server": name,
        "title": title,
        "bundle_id": params["bundle_id"],
        "uploaded": [one.filename for one in sent],
        "uploaded_count": len(sent),
        "uploaded_bytes": sum(one.size for one in sent),
        "present_count": len(wanted) - len(sent),
        "withdrawn": listed,
        "diff": {
            "before_header": server.simple_url,
            "after_header": server.simple_url,
            "before": _lines(plan.present),
            "after": _lines(wanted),
        },
    }


def _lines(files: t.Iterable[Wanted]) -> str:
    return "".join("%s sha256:%s\n" % (one.filename, one.sha256) for one in files)


def _withdrawn_but_listed(server: Server, gone: t.Sequence[Wanted]) -> t.List[str]:
    """Return the names of withdrawn files that the server lists."""
    found: t.List[str] = []
    for project in sorted({one.project for one in gone}):
        found += _external.by_name(server.links(project), {one.filename for one in gone if one.project == project})
    return sorted(found)


def _send(
    server: Server, name: str, entries: t.Sequence[t.Mapping[str, t.Any]], src: str, plan: _external.Plan
) -> t.List[str]:
    """Send files; return those that the server has already, by its own words."""
    located = _uploads.locate(entries, src)
    names = {one.filename for one in plan.upload}
    # All of them are read and hashed before the first one is sent.
    wheels = _uploads.read_wheels(
        _uploads.packaging_for(located), [one for one in located if os.path.basename(one[0]) in names]
    )
    existed: t.List[str] = []
    for number, wheel in enumerate(wheels):
        try:
            response = server.upload(wheel)
            if _external.exists_already(name, response):
                existed.append(wheel.filename)
            elif not 200 <= response.status < 300:
                raise _external.refusal(name, server.upload_url, wheel.filename, response)
        except AirgapError as error:
            raise AirgapError(
                "%s %d of %d files were sent before it, and are served; the next run sends the rest."
                % (error, number, len(wheels))
            ) from error
    return existed


def _wait(server: Server, sent: t.Sequence[Wanted], seconds: float) -> t.Dict[str, str]:
    """Return what the server has of the files that were sent. Some servers list a file a while after they accepted it."""
    give_up = time.monotonic() + seconds
    pause = 0.2
    found: t.Dict[str, str] = {}
    while True:
        found.update(read_hashes(server, [one for one in sent if not found.get(one.filename)]))
        if all(found.get(one.filename) for one in sent) or time.monotonic() >= give_up:
            return found
        time.sleep(pause)
        pause = min(pause * 2, 5)
