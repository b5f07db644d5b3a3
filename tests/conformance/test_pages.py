# SPDX-License-Identifier: GPL-3.0-or-later
"""What every index must answer, request by request."""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from urllib.parse import urljoin

import pytest

from tests.conformance.simple_api import BROWSER, HTML, JSON, PIP

feature = pytest.mark.feature


@feature("html")
def test_list_names_every_project_and_each_page_is_there(index):
    projects = index.projects()
    assert projects == sorted(set(projects)) and projects
    assert all(re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", project) for project in projects)
    for project in projects[:30]:
        assert index.files(project)


@feature("html")
def test_each_file_has_its_sum(index):
    for _project, file in index.some():
        assert file["sha256"]


@feature("requires-python")
def test_each_file_has_what_the_wheel_requires(index):
    for _project, file in index.some(10):
        _requires, python = index.requirements(file)
        assert (file["requires-python"] or "") == (python[0] if python else "")


@feature("html")
def test_addresses_of_files_have_the_sum_and_the_name(index):
    for _project, file in index.some():
        assert re.search(r"/[^/]+/[^/]+/(\+|%2B)f/", file["url"])
        assert "/%s/%s/" % (file["sha256"][:3], file["sha256"][3:16]) in file["url"]


@feature("json")
@pytest.mark.parametrize("accept", [JSON, PIP, JSON + ", */*; q=0.1"])
def test_client_that_reads_json_gets_it(index, accept):
    project = index.projects()[0]
    for path in ("", project + "/"):
        answer = index.get(path, accept)
        assert answer.headers.get_content_type() == JSON
        assert "accept" in (answer.headers.get("Vary") or "").lower()


@feature("html")
@pytest.mark.parametrize("accept", ["", "text/html", "*/*", BROWSER])
def test_others_get_html(index, accept):
    project = index.projects()[0]
    for path in ("", project + "/"):
        assert index.get(path, accept).headers.get_content_type() in ("text/html", HTML)


@feature("json")
def test_json_and_html_say_the_same(index):
    for project in index.projects()[:20]:
        document = index.document(project)
        assert document["name"] == project
        assert re.fullmatch(r"1\.[0-9]+", document["meta"]["api-version"])
        in_json = {file["filename"]: file for file in document["files"]}
        in_html = {file["filename"]: file for file in index.files(project)}
        assert in_json.keys() == in_html.keys()
        for name, file in in_json.items():
            assert file["hashes"]["sha256"] == in_html[name]["sha256"]
            assert (file.get("requires-python") or "") == (in_html[name]["requires-python"] or "")
            assert bool(file.get("yanked")) == in_html[name]["is_yanked"]
    listed = json.loads(index.get("", JSON).data)["projects"]
    assert sorted(one["name"] for one in listed) == index.projects()


@feature("redirects")
def test_address_without_the_last_slash_leads_to_the_page(index):
    project = index.projects()[0]
    wanted = {file["url"] for file in index.files(project)}
    answer = index.get(project, JSON)
    assert answer.status == 200
    if answer.headers.get_content_type() == JSON:
        assert {urljoin(answer.url, file["url"]) for file in json.loads(answer.data)["files"]} == wanted
    else:
        assert answer.url == urljoin(index.url, project + "/")
    assert index.get(project, "text/html").status == 200


# A server that asks an upstream waits for ten seconds and more where there is none; one that does not may be busy.
AT_ONCE = 5


@feature("missing")
def test_missing_name_is_answered_at_once(index):
    for accept in (JSON, "text/html"):
        answer = index.get("no-such-project-anywhere/", accept)
        assert answer.status == 404 and answer.seconds < AT_ONCE


@feature("missing")
def test_missing_file_is_answered_at_once(index, project):
    answer = index.get(project[1]["url"].replace(".whl", "x.whl"))
    assert answer.status == 404 and answer.seconds < AT_ONCE


@feature("range")
def test_part_of_a_file_is_sent(index, project):
    whole = index.wheel(project[1])
    for part, data in (("0-9", whole[:10]), ("10-", whole[10:]), ("-20", whole[-20:])):
        answer = index.get(project[1]["url"], Range="bytes=" + part)
        assert (answer.status, answer.data) == (206, data)
        assert answer.headers["Content-Range"].endswith("/%d" % len(whole))
    head = index.get(project[1]["url"], method="HEAD")
    assert head.status == 200 and int(head.headers["Content-Length"]) == len(whole)
    assert head.headers["Accept-Ranges"] == "bytes"


@feature("cache")
def test_unchanged_page_and_file_are_not_sent_again(index, project):
    for url, accept in ((project[1]["url"], ""), (project[0] + "/", JSON)):
        first = index.get(url, accept)
        headers = {}
        if first.headers.get("ETag"):
            headers["If_None_Match"] = first.headers["ETag"]
        else:
            headers["If_Modified_Since"] = first.headers["Last-Modified"] or ""
        assert index.get(url, accept, **headers).status == 304, url


@feature("metadata")
def test_metadata_are_those_in_the_wheel(index):
    for _project, file in index.some(10):
        assert file["metadata"]
        answer = index.get(file["url"] + ".metadata")
        assert answer.status == 200 and answer.data == index.metadata(file)


@feature("metadata-sums")
def test_metadata_have_their_sum(index):
    for project in index.projects()[:10]:
        for file in index.document(project)["files"][:3]:
            sums = file["core-metadata"]
            data = index.get(
                next(one["url"] for one in index.files(project) if one["filename"] == file["filename"]) + ".metadata"
            ).data
            assert sums == {"sha256": hashlib.sha256(data).hexdigest()}
        for file in index.files(project)[:3]:
            assert re.fullmatch("sha256=[0-9a-f]{64}", file["metadata"])


@feature("sizes")
def test_sizes_are_those_of_the_files(index):
    for project in index.projects()[:10]:
        urls = {file["filename"]: file["url"] for file in index.files(project)}
        for file in index.document(project)["files"][:3]:
            head = index.get(urls[file["filename"]], method="HEAD")
            assert file["size"] == int(head.headers["Content-Length"])


@feature("times")
def test_upload_times_are_times_in_utc_in_the_past(index):
    for project in index.projects()[:30]:
        for file in index.document(project)["files"]:
            stamp = file["upload-time"]
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", stamp)
            at = datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00"))
            assert at <= datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)


@feature("versions")
def test_versions_are_those_of_the_files(index):
    for project in index.projects()[:30]:
        document = index.document(project)
        assert document["versions"] and len(set(document["versions"])) == len(document["versions"])
        for file in document["files"]:
            version = file["filename"].split("-")[1]
            assert version in [one.replace("-", "_") for one in document["versions"]]


@feature("withdrawn")
def test_withdrawn_version_is_marked_with_the_reason_in_both_forms(index, withdrawn):
    name, version = withdrawn
    marked = {file["filename"]: file["yanked"] for file in index.files(name) if file["is_yanked"]}
    assert marked and all(one.split("-")[1] == version and reason for one, reason in marked.items())
    in_json = {one["filename"]: one["yanked"] for one in index.document(name)["files"] if one["yanked"]}
    assert in_json == marked
