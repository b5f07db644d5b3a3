# SPDX-License-Identifier: GPL-3.0-or-later
"""What the schema promises: it is the published one, and our small checker agrees with the jsonschema library."""

from __future__ import annotations

import copy
import json
import os
import typing as t

import jsonschema
import pytest
from ansible_collections.airgap.python.plugins.module_utils._bundle import _folder, _manifest, _schema, _sums
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../../../.."))
GOOD = {
    "format": 1,
    "id": "0" * 32,
    "created": "2026-01-01T00:00:00Z",
    "base": None,
    "sets": [{"name": "base", "targets": ["node"], "requirements": ["flask"], "constraints": []}],
    "targets": [{"name": "node", "python": "3.11.2", "os": "linux", "markers": {"os_name": "posix"}}],
    "files": [
        {
            "path": "wheels/flask-3.1-py3-none-any.whl",
            "name": "flask",
            "version": "3.1",
            "sha256": "a" * 64,
            "size": 7,
            "origin": "",
            "used_by": [{"set": "base", "target": "node"}],
            "carried": True,
        }
    ],
    "extras": [
        {
            "path": "files/acme-tools-1.2.0.tar.gz",
            "kind": "collection",
            "name": "acme.tools",
            "version": "1.2.0",
            "sha256": "b" * 64,
            "size": 9,
            "origin": "",
            "carried": True,
        }
    ],
}
WRONG: t.Tuple[t.Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    1.0,
    1.5,
    "",
    "x",
    "A" * 64,
    "a" * 64,
    "0" * 32,
    [],
    [1],
    ["x"],
    {},
    {"x": 1},
    [{}],
)


def places(value, where=()):
    """Return the way to every value inside another one."""
    found = [where]
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        found += places(value[key], where + (key,))
    return found


def changed(where, change):
    """Return a good manifest with one change at one place."""
    document = copy.deepcopy(GOOD)
    if not where:
        return change(document, None)
    inside: t.Any = document
    for key in where[:-1]:
        inside = inside[key]
    change(inside, where[-1])
    return document


def test_published_schema_is_the_one_that_is_applied():
    with open(os.path.join(ROOT, "docs/manifest.schema.json"), encoding="utf-8") as stream:
        assert json.load(stream) == _schema.MANIFEST
    jsonschema.Draft202012Validator.check_schema(_schema.MANIFEST)


def test_good_manifest_is_accepted():
    assert _schema.first_error(GOOD, _schema.MANIFEST) == ""


def test_checker_agrees_with_the_library_about_every_wrong_value():
    library = jsonschema.Draft202012Validator(_schema.MANIFEST)
    refused = 0
    for where in places(GOOD):
        documents = [changed(where, lambda inside, key, wrong=wrong: put(inside, key, wrong)) for wrong in WRONG]
        documents.append(changed(where, lambda inside, key: inside if key is None else inside.pop(key)))
        documents.append(changed(where, add))
        for document in documents:
            ours = _schema.first_error(document, _schema.MANIFEST)
            assert (ours == "") == library.is_valid(document), (where, ours, document)
            refused += bool(ours)
    assert refused > 300


def put(inside, key, value):
    """Put a value in the place of another."""
    if key is None:
        return value
    inside[key] = value
    return inside


def add(inside, key):
    """Add an unknown key."""
    target = inside if key is None else inside[key]
    if isinstance(target, dict):
        target["unknown"] = 1
    return target


def test_checker_knows_every_keyword_of_the_schema():
    def walk(schema):
        assert set(schema) <= set(_schema.KEYWORDS)
        for inside in schema.get("properties", {}).values():
            walk(inside)
        if "items" in schema:
            walk(schema["items"])

    walk(_schema.MANIFEST)


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        (("files", 0, "size"), -1, "files[0].size is less than 0"),
        (("files", 0, "sha256"), "a" * 64 + "\n", "files[0].sha256 is"),
        (("files", 0, "extra"), 1, "files[0] has the unknown key 'extra'"),
        (("created",), "yesterday", "created is 'yesterday'"),
        (("base",), "older", "base is 'older'"),
        (("sets",), None, "sets is not of type array"),
    ],
)
def test_error_names_the_place_and_the_reason(where, value, said):
    document = changed(where, lambda inside, key: put(inside, key, value))
    with pytest.raises(AirgapError, match=r"^here is not a manifest: ") as caught:
        _manifest.parse(json.dumps(document), "here")
    assert said in str(caught.value)


def test_text_that_two_readers_could_read_differently_is_refused():
    for text, said in (
        ('{"format": 1, "format": 2}', "is in one object twice"),
        ('{"format": NaN}', "NaN is not a JSON number"),
        ("[" * 200000, "is not JSON"),
        ("[]", "lacks a format number"),
        ('{"format": true, "files": 7}', "is not a manifest"),
    ):
        with pytest.raises(AirgapError, match=said):
            _manifest.parse(text)
    half: t.Any = copy.deepcopy(GOOD)
    half["files"][0]["origin"] = "\ud800"
    with pytest.raises(AirgapError, match="invalid text"):
        _manifest.parse(json.dumps(half))


def test_manifest_of_a_newer_format_is_refused_with_the_fix():
    with pytest.raises(AirgapError, match="has format 2, .* Install the collection version that made it"):
        _manifest.parse(json.dumps(dict(GOOD, format=2, news={})))


def test_manifest_of_100_mb_is_refused_without_reading_it_all(tmp_path):
    path = tmp_path / "manifest.json"
    with open(path, "wb") as stream:
        stream.truncate(100 * 1000 * 1000)
    with pytest.raises(AirgapError, match=r"manifest\.json is larger than 64 MiB"):
        _folder.read_text(str(path))


def test_pipe_or_link_in_place_of_a_text_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "SHA256SUMS")
    (tmp_path / "manifest.json").symlink_to("/dev/zero")
    for name in ("SHA256SUMS", "manifest.json"):
        with pytest.raises(AirgapError, match=name + " is neither a file nor a folder"):
            _folder.read_text(str(tmp_path / name))


def test_name_that_does_not_belong_in_a_bundle_is_refused_in_the_sums():
    for name in ("run.sh", "wheels", "bin/x", ".ssh/authorized_keys", "SHA256SUMS.old"):
        with pytest.raises(AirgapError, match="does not belong in a bundle"):
            _sums.parse("%s  %s\n" % ("a" * 64, name))
