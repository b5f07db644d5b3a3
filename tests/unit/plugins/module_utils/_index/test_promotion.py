# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is promoted from one index to another."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _promotion
from ansible_collections.airgap.python.plugins.module_utils._index._client import Listed

from tests.unit.plugins.module_utils._index.published_wheels import HASH_A, HASH_B

FILES = ("demo-1.0-cp313-cp313-any.whl", "demo-1.0.tar.gz")
VERSION = _promotion.Version("site/staging", "demo", "demo", "1.0", (), FILES)
VISIBLE = {name: _promotion.Visible("site/staging", Listed(HASH_A, ">=3.9")) for name in FILES}


def test_versions_are_named_with_their_project():
    assert _promotion.parse_versions(["Our.App==1.0", " our-app == 2.0 "]) == {"our-app": {"1.0", "2.0"}}


@pytest.mark.parametrize("text", ["demo", "demo>=1", "demo==1.*", "demo==", "../x==1", "demo[x]==1", "demo==1; x"])
def test_anything_but_a_version_is_refused(text):
    with pytest.raises(AirgapError, match="Write NAME==VERSION"):
        _promotion.parse_versions([text])


def test_the_address_of_a_file_shows_which_index_holds_it():
    page = {
        "files": [
            {"filename": "own", "url": "../../+f/ab/cd/own", "hashes": {"sha256": HASH_A}, "requires-python": ">=3.9"},
            {"filename": "base", "url": "../../../../airgap/prod/+f/ab/cd/base", "hashes": {"sha256": HASH_B}},
            {"filename": "mirror", "url": "/root/pypi/+e/https_x/mirror"},
            {"filename": "elsewhere", "url": "https://files.example/elsewhere"},
        ]
    }
    found = _promotion.files_by_index(page, "http://h/site/dev/+simple/demo/", "")
    assert {name: one.holder for name, one in found.items()} == {
        "own": "site/dev",
        "base": "airgap/prod",
        "mirror": "root/pypi",
    }
    assert found["own"].listed == Listed(HASH_A, ">=3.9")
    below = [{"filename": "own", "url": "/devpi/site/dev/+f/ab/cd/own"}]
    assert _promotion.files_by_index({"files": below}, "http://h/devpi/site/dev/+simple/demo/", "/devpi")[
        "own"
    ].holder == ("site/dev")


def test_a_version_has_its_files_and_its_metadata_as_an_upload_form():
    document: t.Dict[str, t.Any] = {
        "1.0": {
            "name": "Demo",
            "version": "1.0",
            "classifiers": ["A", "B"],
            "summary": "",
            "requires_python": ">=3.9",
            "+links": [
                {"rel": "releasefile", "href": "http://h/site/dev/+f/ab/cd/demo-1.0.tar.gz"},
                {"rel": "toxresult", "href": "http://h/site/dev/+f/ab/cd/demo-1.0.tar.gz.toxresult"},
            ],
        }
    }
    (found,) = _promotion.versions_of("site/dev", "demo", document)
    assert (found.name, found.version, found.files) == ("Demo", "1.0", ("demo-1.0.tar.gz",))
    assert found.fields == (
        ("name", "Demo"),
        ("version", "1.0"),
        ("classifiers", "A"),
        ("classifiers", "B"),
        ("requires_python", ">=3.9"),
    )


def test_a_version_is_found_in_each_of_its_spellings_and_a_missing_one_names_those_that_exist():
    assert _promotion.choose("site/staging", "demo", {"1"}, [VERSION]) == [VERSION]
    with pytest.raises(AirgapError, match="no file of demo 2.0. Versions that it has: 1.0"):
        _promotion.choose("site/staging", "demo", {"2.0"}, [VERSION])
    with pytest.raises(AirgapError, match="Versions that it has: none"):
        _promotion.choose("site/staging", "demo", {"1.0"}, [VERSION._replace(files=())])


@pytest.mark.parametrize("listed, reason", [(None, "is not there"), (Listed(HASH_B, ""), "has sha256 " + HASH_B)])
def test_a_bundle_is_promoted_only_if_each_of_its_files_is_on_the_index(listed, reason):
    visible = {} if listed is None else {"a": _promotion.Visible("site/staging", listed)}
    with pytest.raises(AirgapError, match=reason):
        _promotion.check_source("site/staging", {"a": HASH_A}, visible)


def test_what_the_other_index_holds_is_not_promoted_again():
    there = {FILES[0]: _promotion.Visible("site/prod", Listed(HASH_A, ""))}
    promotion, conflicts = _promotion.compare(VERSION, VISIBLE, there, ())
    assert not conflicts
    assert [file.filename for file in promotion.present] == [FILES[0]]
    assert [file.filename for file in promotion.missing] == [FILES[1]]


@pytest.mark.parametrize(
    "holder, sha256, missing, conflicts",
    [
        ("site/prod", HASH_B, 0, 1),
        ("airgap/base", HASH_B, 0, 1),
        ("airgap/base", HASH_A, 0, 0),
        ("site/staging", HASH_A, 1, 0),
        ("root/pypi", HASH_B, 1, 0),
    ],
)
def test_another_file_under_the_same_name_is_a_conflict_unless_a_mirror_has_it(holder, sha256, missing, conflicts):
    version = VERSION._replace(files=FILES[:1])
    there = {FILES[0]: _promotion.Visible(holder, Listed(sha256, ""))}
    promotion, found = _promotion.compare(version, VISIBLE, there, {"root/pypi"})
    assert (len(promotion.missing), len(found)) == (missing, conflicts)
