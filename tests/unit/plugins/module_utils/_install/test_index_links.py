# SPDX-License-Identifier: GPL-3.0-or-later
"""Which link of a page leads to a file, in both forms of a page."""

from __future__ import annotations

import hashlib
import json
import ssl
import time
import urllib.error

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import _index_file

NAME = "pip-26.3-py3-none-any.whl"
JSON = "application/vnd.pypi.simple.v1+json"


def test_file_is_found_by_its_name_in_json_and_in_html():
    files = [{"filename": "pip-1.0.whl", "url": "x"}, {"filename": NAME, "url": "../../../prod-1/+f/ab/" + NAME}]
    page = json.dumps({"files": files}).encode()
    assert _index_file.find_link(page, JSON, NAME) == "../../../prod-1/+f/ab/" + NAME
    page = (
        b'<a href="pip-1.0.whl">%s</a><A HREF="../files/pip-26.3-py3-none-any%%2Ewhl#sha256=ab">x</A>' % NAME.encode()
    )
    assert _index_file.find_link(page, "text/html", NAME) == "../files/pip-26.3-py3-none-any%2Ewhl#sha256=ab"


@pytest.mark.parametrize("page", ["", "[]", "{}", '{"files": [1]}', '{"files": 7}', "[" * 100000, '{"files": [{}]}'])
def test_page_without_the_file_gives_no_link(page):
    assert _index_file.find_link(page.encode(), JSON, NAME) == ""
    assert _index_file.find_link(page.encode(), "text/html", NAME) == ""


def options(tmp_path, **others):
    """Return the options of the module."""
    values = {"index_url": "file:///etc", "project": "pip", "filename": NAME, "sha256": "a" * 64, "ca_path": None}
    return dict(values, dest=str(tmp_path / "new/pip.whl"), timeout=1, **{"attempts": 1, **others})


def test_no_other_kind_of_address_is_read(tmp_path):
    with pytest.raises(AirgapError, match="is neither http nor https"):
        _index_file.fetch(options(tmp_path, index_url="ftp://index.example"))
    # The page of a server may link to anything.
    with pytest.raises(AirgapError, match="file:///etc/passwd is neither http nor https"):
        _index_file.open_url("file:///etc/passwd", "*/*", options(tmp_path, index_url="https://index.example"))
    with pytest.raises(AirgapError, match="64 lower-case hex digits"):
        _index_file.fetch(dict(options(tmp_path), sha256="x"))


@pytest.mark.parametrize(
    ("attempts", "failures", "is_good"), [(1, 1, False), (2, 1, True), (2, 2, False), (0, 0, True)]
)
def test_file_is_fetched_again_when_the_host_that_serves_it_dies(tmp_path, monkeypatch, attempts, failures, is_good):
    calls = []

    def download(url, params):
        calls.append(url)
        if len(calls) <= failures:
            raise AirgapError("cannot be read")

    monkeypatch.setattr(_index_file, "_download", download)
    settings = options(tmp_path, attempts=attempts)
    if is_good:
        assert _index_file.fetch(settings)["changed"]
    else:
        with pytest.raises(AirgapError, match="cannot be read"):
            _index_file.fetch(settings)
    assert len(calls) == (failures + 1 if is_good else attempts)


@pytest.mark.parametrize(("code", "is_about_time"), [(9, True), (10, True), (18, False)])
def test_certificate_that_a_wrong_clock_may_refuse_is_named_with_the_clock(tmp_path, monkeypatch, code, is_about_time):
    def open_url(*arguments):
        error = ssl.SSLCertVerificationError("certificate verify failed")
        error.verify_code = code
        raise urllib.error.URLError(error)

    monkeypatch.setattr(_index_file, "open_url", open_url)
    with pytest.raises(AirgapError, match="certificate verify failed") as caught:
        _index_file.fetch(options(tmp_path, index_url="https://index.example/"))
    assert (("This host's clock says %d-" % time.gmtime().tm_year) in str(caught.value)) == is_about_time


def test_file_is_read_from_a_folder_that_is_the_index_and_from_nowhere_else(tmp_path):
    (tmp_path / "files").mkdir()
    (tmp_path / "files/pip.whl").write_bytes(b"wheel")
    sha256 = hashlib.sha256(b"wheel").hexdigest()
    (tmp_path / "+simple/pip").mkdir(parents=True)
    page = tmp_path / "+simple/pip/index.html"
    page.write_text('<a href="../../files/pip.whl#sha256=%s">pip.whl</a>' % sha256)
    params = options(tmp_path, index_url="file://%s/+simple/" % tmp_path, filename="pip.whl", sha256=sha256)
    assert _index_file.fetch(params)["changed"]
    assert (tmp_path / "new/pip.whl").read_bytes() == b"wheel"
    page.write_text('<a href="http://127.0.0.1:9/pip.whl">pip.whl</a>')
    with pytest.raises(AirgapError, match="http://127.0.0.1:9/pip.whl is not a file"):
        _index_file.fetch(dict(params, dest=str(tmp_path / "other.whl")))
