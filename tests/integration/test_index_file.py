# SPDX-License-Identifier: GPL-3.0-or-later
"""A file of an index on loopback, fetched without pip: the right file arrives, and nothing else is ever written."""

from __future__ import annotations

import hashlib
import os

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import _index_file

from tests.integration.simple_index import SimpleIndex, make_wheel

NAME, DATA = make_wheel("pip", "26.3")


@pytest.fixture(name="fetch")
def fetch_fixture(tmp_path):
    """Return a function that fetches the file; ``index`` is the index, ``dest`` the file."""
    os.umask(0o022)
    index = SimpleIndex()
    index.add("pip", "26.3")

    def fetch(**options):
        values = {"index_url": index.url, "project": "pip", "filename": NAME, "dest": str(tmp_path / ".pip" / NAME)}
        values.update(sha256=hashlib.sha256(DATA).hexdigest(), ca_path=None, attempts=1, **{"timeout": 15, **options})
        try:
            return _index_file.fetch(values)
        except AirgapError as error:
            return {"msg": str(error)}

    fetch.index, fetch.dest = index, tmp_path / ".pip" / NAME  # type: ignore[attr-defined]
    yield fetch
    index.stop()


def test_file_is_fetched_once_and_again_only_if_it_is_another(fetch):
    assert fetch()["changed"]
    assert fetch.dest.read_bytes() == DATA and fetch.dest.stat().st_mode & 0o777 == 0o644
    before = len(fetch.index.requests)
    assert not fetch()["changed"] and len(fetch.index.requests) == before
    fetch.dest.write_bytes(b"other")
    assert fetch()["changed"] and fetch.dest.read_bytes() == DATA


def test_other_content_is_not_written(fetch):
    fetch.index.files[NAME] = DATA + b"x"
    message = fetch()["msg"]
    assert hashlib.sha256(DATA).hexdigest() in message and "was not written" in message
    assert os.listdir(fetch.dest.parent) == []


def test_file_that_is_not_listed_is_named_with_the_page(fetch):
    message = fetch(filename="pip-27.0-py3-none-any.whl")["msg"]
    assert "does not list pip-27.0-py3-none-any.whl at %s/pip/" % fetch.index.url.rstrip("/") in message


@pytest.mark.parametrize(
    ("trouble", "timeout"), [("half", 15), (503, 15), (3.0, 2)], ids=["broken", "unavailable", "slow"]
)
def test_request_that_a_busy_index_does_not_complete_is_sent_again(fetch, trouble, timeout):
    fetch.index.trouble[NAME] = [trouble] * 2
    assert fetch(timeout=timeout)["changed"] and fetch.dest.read_bytes() == DATA
    fetch.dest.unlink()
    fetch.index.trouble[NAME] = [trouble] * 3
    assert "cannot be read" in fetch(timeout=timeout)["msg"] and os.listdir(fetch.dest.parent) == []


def test_index_that_does_not_answer_is_named(fetch):
    assert "status 404" in fetch(project="nothing")["msg"]
    fetch.index.stop()
    assert "cannot be read" in fetch()["msg"]
