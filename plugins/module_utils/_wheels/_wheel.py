# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a wheel declares about itself: its file name and its METADATA, which must agree."""

from __future__ import annotations

import email.message
import os
import re
import textwrap
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._wheels import _metadata, _wheel_name
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import normalize
from ansible_collections.airgap.python.plugins.module_utils._wheels._packaging import Packaging

# METADATA header -> (field of the upload form, whether it may occur more than once).
_FIELDS: t.Dict[str, t.Tuple[str, bool]] = {
    "metadata-version": ("metadata_version", False),
    "dynamic": ("dynamic", True),
    "platform": ("platform", True),
    "supported-platform": ("supported_platform", True),
    "summary": ("summary", False),
    "description-content-type": ("description_content_type", False),
    "keywords": ("keywords", False),
    "home-page": ("home_page", False),
    "download-url": ("download_url", False),
    "author": ("author", False),
    "author-email": ("author_email", False),
    "maintainer": ("maintainer", False),
    "maintainer-email": ("maintainer_email", False),
    "license": ("license", False),
    "license-expression": ("license_expression", False),
    "license-file": ("license_file", True),
    "classifier": ("classifiers", True),
    "requires-dist": ("requires_dist", True),
    "requires-python": ("requires_python", False),
    "requires-external": ("requires_external", True),
    "project-url": ("project_urls", True),
    "provides-extra": ("provides_extras", True),
    "provides-dist": ("provides_dist", True),
    "obsoletes-dist": ("obsoletes_dist", True),
    "provides": ("provides", True),
    "requires": ("requires", True),
    "obsoletes": ("obsoletes", True),
}


class Wheel(t.NamedTuple):
    """A wheel and what it declares; ``project`` is the normalized name (PEP 503), ``tags`` are those of its file name."""

    path: str
    filename: str
    sha256: str
    project: str
    version: str
    requires_python: str
    fields: t.Tuple[t.Tuple[str, str], ...]
    tags: t.Tuple[str, ...] = ()


def _value(text: str) -> str:
    """Return a header's value without the folding of older tools (RFC 822, and a bar before each line)."""
    lines = text.splitlines()
    if len(lines) < 2:
        return text.strip()
    rest = [re.sub(r"^ {7}\|", "", line) for line in lines[1:]]
    return "\n".join([lines[0], textwrap.dedent("\n".join(rest))]).strip()


def form_fields(message: email.message.Message) -> t.List[t.Tuple[str, str]]:
    """Return what METADATA declares as fields of the upload form, without name and version."""
    fields = []
    seen = set()
    for header, raw in message.items():
        field, many = _FIELDS.get(header.lower(), ("", False))
        value = _value(str(raw))
        # Old tools wrote "UNKNOWN" for an empty value.
        if not field or not value or value == "UNKNOWN" or (field in seen and not many):
            continue
        seen.add(field)
        fields.append((field, value))
    body = message.get_payload()
    description = _value(str(message.get("Description", "")))
    if isinstance(body, str) and body.strip():
        description = body
    if description and description != "UNKNOWN":
        fields.append(("description", description))
    return fields


def _form_version(declared: str, in_name: str, filename: str) -> str:
    """Return the spelling of the version that devpi accepts: the one in the file name."""
    if declared in filename or re.sub(r"[^\w\d.]+", "_", declared) in filename:
        return declared
    return in_name


def describe(packaging: Packaging, path: str, sha256: str, metadata: t.Optional[str] = None) -> Wheel:
    """Return what a wheel declares.

    Raises AirgapError if its METADATA and its file name do not name the same
    project and version: pip uses the one, and the index the other.
    """
    filename = os.path.basename(path)
    message = _metadata.parse(_metadata.read(path) if metadata is None else metadata)
    found, declared = check_declared(packaging, filename, message)
    dummy, version, python = found.written
    form = [
        ("name", declared["Name"]),
        ("version", _form_version(declared["Version"], version, filename)),
        ("filetype", "bdist_wheel"),
        ("pyversion", python),
        ("sha256_digest", sha256),
    ]
    fields = form_fields(message)
    admitted = dict(fields).get("requires_python", "")
    return Wheel(path, filename, sha256, found.project, declared["Version"], admitted, tuple(form + fields), found.tags)


def check_declared(
    packaging: Packaging, filename: str, message: email.message.Message
) -> t.Tuple[_wheel_name.WheelName, t.Dict[str, str]]:
    """Return the parts of a wheel's name and what METADATA declares as Name and Version.

    Raises AirgapError if they do not name the same project and version.
    """
    found = _wheel_name.parse_wheel_name(packaging, filename)
    declared = {header: str(message.get(header, "")).strip() for header in ("Name", "Version")}
    try:
        same_version = packaging.parse_version(declared["Version"]) == found.version
    except ValueError:
        same_version = False
    for header, in_name, same in (
        ("Name", found.written[0], normalize(declared["Name"]) == found.project),
        ("Version", found.written[1], same_version),
    ):
        if not same:
            raise AirgapError(
                "%s: %s in its METADATA is %r, in its file name %r. The file was renamed or is broken; stage it again."
                % (filename, header, declared[header], in_name)
            )
    return found, declared
