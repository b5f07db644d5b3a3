# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a wheel says about itself: its file name (PEP 427) and its METADATA (core metadata specification)."""

from __future__ import annotations

import email
import email.message
import itertools
import os
import re
import textwrap
import typing as t
import zipfile
import zlib

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._lock import normalize
from ansible_collections.airgap.python.plugins.module_utils._venv import canonical_version

# The largest METADATA on the public index have a long description and stay below 1 MB.
LARGEST_METADATA = 8 * 1024 * 1024
_FILENAME = re.compile(
    r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._]*)-(?P<version>[A-Za-z0-9][A-Za-z0-9_.!+]*)(?:-[0-9][A-Za-z0-9_.]*)?"
    r"-(?P<python>[A-Za-z0-9_.]+)-(?P<abi>[A-Za-z0-9_.]+)-(?P<platform>[A-Za-z0-9_.]+)\.whl$"
)
# METADATA header -> (field of the upload form, whether it may stand there more than once).
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
    """A wheel and what it declares; ``project`` is the normalized name (PEP 503)."""

    path: str
    filename: str
    sha256: str
    project: str
    version: str
    requires_python: str
    fields: t.Tuple[t.Tuple[str, str], ...]


def _match(filename: str) -> t.Match[str]:
    match = _FILENAME.match(filename)
    if match is None:
        raise AirgapError(
            "%s has no wheel's name (NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl). "
            "Publish wheels only; build one from an sdist on the internet host." % filename
        )
    return match


def split_filename(filename: str) -> t.Tuple[str, str, str]:
    """Return name, version and Python tag as a wheel's file name writes them (PEP 427)."""
    match = _match(filename)
    return match.group("name"), match.group("version"), match.group("python")


def tags(filename: str) -> t.List[str]:
    """Return every tag that a wheel's file name stands for (PEP 425, "Compressed Tag Sets")."""
    match = _match(filename)
    parts = (match.group(part).split(".") for part in ("python", "abi", "platform"))
    return ["-".join(one) for one in itertools.product(*parts)]


def read_metadata(path: str, opened: t.Optional[t.BinaryIO] = None) -> str:
    """Return the text of the one METADATA file in a wheel's .dist-info folder, of the open file if there is one."""
    try:
        with zipfile.ZipFile(opened or path) as archive:
            found = [
                entry
                for entry in archive.infolist()
                if entry.filename.count("/") == 1 and entry.filename.endswith(".dist-info/METADATA")
            ]
            if len(found) != 1:
                raise AirgapError(
                    "%s holds %d .dist-info/METADATA files instead of one. Stage it again." % (path, len(found))
                )
            with archive.open(found[0]) as stream:
                # The size in the archive's list may lie, so the read is bounded, too.
                data = stream.read(LARGEST_METADATA + 1)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise AirgapError(
            "%s is no readable zip archive, so it is no wheel: %s. Stage it again." % (path, error)
        ) from error
    if len(data) > LARGEST_METADATA:
        raise AirgapError("%s has more than %d bytes of METADATA. Do not trust this file." % (path, LARGEST_METADATA))
    return data.decode("utf-8", "replace")


def _value(text: str) -> str:
    """Return a header's value without the folding that older tools put in (RFC 822, and a bar before each line)."""
    lines = text.splitlines()
    if len(lines) < 2:
        return text.strip()
    rest = [re.sub(r"^ {7}\|", "", line) for line in lines[1:]]
    return "\n".join([lines[0], textwrap.dedent("\n".join(rest))]).strip()


def form_fields(metadata: str) -> t.List[t.Tuple[str, str]]:
    """Return what METADATA declares as fields of the upload form, without name and version."""
    message = email.message_from_string(metadata)
    fields = []
    seen = set()
    for header, raw in message.items():
        field, many = _FIELDS.get(header.lower(), ("", False))
        value = _value(str(raw))
        # "UNKNOWN" is how old tools wrote that there is nothing.
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
    """Return the spelling of the version that devpi accepts: one that stands in the file's name."""
    if declared in filename or re.sub(r"[^\w\d.]+", "_", declared) in filename:
        return declared
    return in_name


def describe(path: str, sha256: str, metadata: t.Optional[str] = None) -> Wheel:
    """Return what a wheel declares.

    Raises AirgapError where its METADATA and its file name are not about the
    same project and version, because pip goes by the one and the index by the other.
    """
    filename = os.path.basename(path)
    text = read_metadata(path) if metadata is None else metadata
    name, declared = check_declared(filename, email.message_from_string(text))
    dummy, version, python = split_filename(filename)
    fields = form_fields(text)
    requires_python = dict(fields).get("requires_python", "")
    head = [
        ("name", declared["Name"]),
        ("version", _form_version(declared["Version"], version, filename)),
        ("filetype", "bdist_wheel"),
        ("pyversion", python),
        ("sha256_digest", sha256),
    ]
    return Wheel(path, filename, sha256, name, declared["Version"], requires_python, tuple(head + fields))


def check_declared(filename: str, message: email.message.Message) -> t.Tuple[str, t.Dict[str, str]]:
    """Return the normalized project and what METADATA declares as Name and Version.

    Raises AirgapError where the file name is not about the same project and version.
    """
    name, version, dummy = split_filename(filename)
    declared = {"Name": str(message.get("Name", "")).strip(), "Version": str(message.get("Version", "")).strip()}
    for header, ours, same in (
        ("Name", name, normalize(declared["Name"]) == normalize(name)),
        ("Version", version, canonical_version(declared["Version"]) == canonical_version(_unescape(version))),
    ):
        if not declared[header] or not same:
            raise AirgapError(
                "%s: its METADATA says %s %r, its file name %r. The file was renamed or is broken; stage it again."
                % (filename, header, declared[header], ours)
            )
    return normalize(name), declared


def _unescape(version: str) -> str:
    """Return the version of a file name; older tools wrote the "+" of a local version as "_"."""
    return version if "+" in version else version.replace("_", "+", 1)
