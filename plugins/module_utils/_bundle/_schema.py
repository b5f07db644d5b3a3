# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON Schema of a manifest (published as docs/manifest.schema.json), and the part of JSON Schema that it uses.

This collection has its own small checker, because hosts inside the gap lack jsonschema. A test compares the two.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle import _layout

_SHA256 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_ID = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
_SET = {"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]*$"}
_TARGET = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$"}
_CARRIED = {
    "description": "False if the base has the file, so that this bundle need not carry it.",
    "type": "boolean",
    "default": True,
}
_STRINGS = {"type": "array", "items": {"type": "string"}}

MANIFEST: t.Dict[str, t.Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "manifest.json of an airgap.python bundle",
    "type": "object",
    "required": ["format", "id", "created", "base", "sets", "targets", "files"],
    "additionalProperties": False,
    "properties": {
        "format": {"description": "Version of this format.", "const": 1},
        "id": dict(_ID, description="First half of the SHA-256 of the manifest without id and created, in hex."),
        "created": {
            "description": "When the content was staged (RFC 3339). It is not part of the id.",
            "type": "string",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})$",
        },
        "base": dict(
            _ID,
            type=["string", "null"],
            description="Id of the bundle that this one adds to, or null if it carries all files itself.",
        ),
        "sets": {
            "description": "The requirement sets, as the site wrote them; they may have other keys than these.",
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "targets"],
                "properties": {
                    "name": dict(_SET, description="Its locks are in locks/NAME."),
                    "targets": {
                        "description": "Names of the targets that it was resolved for.",
                        "type": "array",
                        "items": _TARGET,
                    },
                    "requirements": dict(_STRINGS, description="Requirement specifiers (PEP 508)."),
                },
            },
        },
        "targets": {
            "description": "The kinds of interpreter, as the site wrote them; they may have other keys than these.",
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "python"],
                "properties": {
                    "name": dict(_TARGET, description="Its locks are locks/SET/NAME.txt."),
                    "python": {"description": "The full version.", "type": "string", "minLength": 1},
                },
            },
        },
        "files": {
            "description": "Every file of every lock, each once, whether this bundle carries it or its base does.",
            "type": "array",
            "items": {
                "type": "object",
                "required": ["path", "name", "version", "sha256", "size"],
                "additionalProperties": False,
                "properties": {
                    "path": {"description": "Path in the bundle.", "type": "string", "pattern": "^wheels/[^/]+$"},
                    "name": {
                        "description": "The project (PEP 503).",
                        "type": "string",
                        "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$",
                    },
                    "version": {
                        "description": "Its version (PEP 440).",
                        "type": "string",
                        "pattern": "^[A-Za-z0-9][A-Za-z0-9.!+_-]*$",
                    },
                    "sha256": dict(_SHA256, description="Of the file, in hex."),
                    "size": {"description": "In bytes.", "type": "integer", "minimum": 0},
                    "origin": {
                        "description": "built:SOURCE if it was built from source; otherwise the URL that it was fetched from, or empty.",
                        "type": "string",
                    },
                    "used_by": {
                        "description": "Set and target of every lock that names it; empty if none does.",
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["set", "target"],
                            "additionalProperties": False,
                            "properties": {"set": _SET, "target": _TARGET},
                        },
                    },
                    "carried": _CARRIED,
                },
            },
        },
        "extras": {
            "description": "Files of any kind besides the wheels. The key is missing if there are none.",
            "type": "array",
            "items": {
                "type": "object",
                "required": ["path", "kind", "sha256", "size"],
                "additionalProperties": False,
                "properties": {
                    "path": {
                        "description": "Path in the bundle.",
                        "type": "string",
                        "pattern": "^%s/%s$" % (_layout.FILES, _layout.FILE_NAME),
                    },
                    "kind": {
                        "description": "collection for the archive of an Ansible collection; otherwise file.",
                        "type": "string",
                        "pattern": "^(file|collection)$",
                    },
                    "name": {
                        "description": "The name of a collection: NAMESPACE.NAME.",
                        "type": "string",
                        "pattern": "^[a-z_][a-z0-9_]*[.][a-z_][a-z0-9_]*$",
                    },
                    "version": {
                        "description": "The version of a collection (semantic versioning).",
                        "type": "string",
                        "pattern": "^[0-9][A-Za-z0-9.+-]*$",
                    },
                    "sha256": dict(_SHA256, description="Of the file, in hex."),
                    "size": {"description": "In bytes.", "type": "integer", "minimum": 0},
                    "origin": {
                        "description": "The URL that it was fetched from, or source:NAME for a file of the control host.",
                        "type": "string",
                    },
                    "carried": _CARRIED,
                },
            },
        },
    },
}

_TYPES: t.Dict[str, t.Callable[[t.Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    # 1.0 is an integer to JSON Schema, and true is not.
    "integer": lambda value: (
        (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())
    ),
}
# Every keyword of the schema above. An unknown one would be ignored silently.
KEYWORDS = ["$schema", "title", "description", "default", "type", "const", "required", "properties"]
KEYWORDS += ["additionalProperties", "items", "pattern", "minLength", "minimum"]


def first_error(value: t.Any, schema: t.Mapping[str, t.Any], where: str = "") -> str:
    """Return the first error in a value, with its place; empty if the value fits the schema."""
    place = where.lstrip(".") or "it"
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(_TYPES[name](value) for name in types):
        return "%s is not of type %s" % (place, " or ".join(types))
    if "const" in schema and (isinstance(value, bool) or value != schema["const"]):
        return "%s is not %r" % (place, schema["const"])
    if isinstance(value, str):
        # "$" of JSON Schema is the end of the text, even after a line end.
        if "pattern" in schema and not re.search(schema["pattern"].replace("$", r"\Z"), value):
            return "%s is %r, which does not match %s" % (place, value[:80], schema["pattern"])
        if len(value) < schema.get("minLength", 0):
            return "%s is empty" % place
    if "minimum" in schema and value < schema["minimum"]:
        return "%s is less than %s" % (place, schema["minimum"])
    return _first_error_inside(value, schema, where, place)


def _first_error_inside(value: t.Any, schema: t.Mapping[str, t.Any], where: str, place: str) -> str:
    if isinstance(value, dict):
        for key in schema.get("required", ()):
            if key not in value:
                return "%s lacks %r" % (place, key)
        known = schema.get("properties", {})
        for key in value:
            if key in known:
                error = first_error(value[key], known[key], "%s.%s" % (where, key))
                if error:
                    return error
            elif schema.get("additionalProperties") is False:
                return "%s has the unknown key %r" % (place, key[:80])
    if isinstance(value, list) and "items" in schema:
        for number, item in enumerate(value):
            error = first_error(item, schema["items"], "%s[%d]" % (where, number))
            if error:
                return error
    return ""
