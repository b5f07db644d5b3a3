# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a mirror's pages state against the locks, and what bandersnatch's output means."""

from __future__ import annotations

import json

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._resolve import _mirror_pages
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import Pin

NAME = "a-1.0-py3-none-any.whl"
FILE = {"filename": NAME, "hashes": {"sha256": "a" * 64}, "url": "../../packages/aa/" + NAME}
PIN = Pin("a", "1.0", "a" * 64, NAME, 0)


def page(**changes):
    """Return a page with one file."""
    return json.dumps({"files": [dict(FILE, **changes)]})


def reason(output, *problems):
    """Return the explanation of an output and problems."""
    found = _mirror_pages.parse_output(output)
    return " ".join(
        _mirror_pages.explain("https://up.example", found, problems, "/srv has 0 bytes free", "/srv/pip.log")
    )


def test_page_names_files_of_the_mirror_alone():
    (found,) = _mirror_pages.parse_page(page(), "a")
    assert found == _mirror_pages.PageFile(NAME, "packages/aa/" + NAME, "a" * 64)


@pytest.mark.parametrize(
    "text",
    [
        page(url="../../../etc/" + NAME),
        page(url="../../packages/%2e%2e/%2e%2e/" + NAME),
        page(url="https://else.example/packages/" + NAME),
        page(url="../../packages/aa/other.whl"),
        page(hashes={"sha256": "short"}),
        page(hashes={}),
        "[]",
        "<html>",
    ],
)
def test_page_that_names_anything_else_is_refused(text):
    with pytest.raises(AirgapError, match="page of a cannot be used"):
        _mirror_pages.parse_page(text, "a")


def test_file_of_a_lock_must_be_on_its_page_with_the_same_sha256():
    pages = {"a": _mirror_pages.parse_page(page(), "a")}
    assert _mirror_pages.differences([PIN], pages) == []
    assert _mirror_pages.differences([PIN._replace(sha256="b" * 64)], pages) == [
        "the upstream names SHA-256 %s for %s, and the lock %s" % ("a" * 64, PIN.filename, "b" * 64)
    ]
    assert _mirror_pages.differences([PIN], {"a": []}) == ["the page of a lacks " + PIN.filename]
    assert _mirror_pages.differences([PIN], {"a": None}) == []


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("OSError: [Errno 28] No space left on device\n", "the disk is full. /srv has 0 bytes free. Free some space"),
        ("… ERROR: Stale serial for a (0) not updating. Giving up. (package.py:82)\n", "/pypi/a/json"),
        ("… INFO: a no longer exists on PyPI (package.py:66)\n", "does not have a. What comes from another index"),
        ("ValueError: Inconsistent file. URL has hash x instead of y.\n", "Inconsistent file. URL has hash x"),
        (
            "aiohttp.client_exceptions.ClientConnectorError: Cannot connect to host 127.0.0.1:9 ssl:default [refused]\n",
            "it does not answer (aiohttp.client_exceptions.ClientConnectorError: Cannot connect",
        ),
        (
            "aiohttp.client_exceptions.ClientResponseError: 401, message='Unauthorized', url='https://up.example/'\n",
            "it requires a user and password",
        ),
        ("", "The mirror is not complete: a has no page. Resolve again"),
    ],
)
def test_cause_of_an_incomplete_mirror_is_named_with_its_fix(output, said):
    assert said in reason(output, "a has no page")


def test_wrong_sha256_comes_before_other_reasons_and_many_names_are_cut():
    assert "Nothing of the mirror was used" in reason("", "the upstream names SHA-256 1 for a, and the lock 2")
    assert _mirror_pages.listed(list("abcdefg")) == "a, b, c, d, e and 2 more"
