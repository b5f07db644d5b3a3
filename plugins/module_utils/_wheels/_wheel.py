# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a wheel says about itself: its file name (PEP 427) and its METADATA (core metadata specification)."""

from __future__ import annotations

import email.message
import email.parser
import itertools
import os
import re
import textwrap
import typing as t
import zipfile
import zlib

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import normalize
from ansible_collections.airgap.python.plugins.module_utils._wheels._packaging import Packaging
from ansible_collections.airgap.python.plugins.module_utils._wheels._versions import release

# The largest METADATA on the public index have a long description and stay below 1 MB.
LARGEST_METADATA = 8 * 1024 * 1024
# packaging before 26.3 lets letters of other scripts and empty tags through, which no index takes.
_PLAIN = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._]*-[A-Za-z0-9][A-Za-z0-9_.!+]*(?:-[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*){3,4}\.whl"
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
    """A wheel and what it declares; ``project`` is the normalized name (PEP 503), ``tags`` are those of its file name."""

    path: str
    filename: str
    sha256: str
    project: str
    version: str
    requires_python: str
    fields: t.Tuple[t.Tuple[str, str], ...]
    tags: t.Tuple[str, ...] = ()


class Filename(t.NamedTuple):
    """The parts of a wheel's file name (PEP 427), as packaging reads them.

    ``project`` is normalized, ``version`` can be compared, ``build`` too: none, (), comes before any. ``tags`` are all
    that the name stands for (PEP 425), such as py3-none-any. ``written`` has name, version and Python tag as they stand there.
    """

    project: str
    version: t.Any
    build: t.Tuple[t.Any, ...]
    tags: t.Tuple[str, ...]
    written: t.Tuple[str, str, str]


def tags(filename: str) -> t.Tuple[str, ...]:
    """Return all tags that a wheel's file name stands for (PEP 425, "Compressed Tag Sets").

    By hand: install.sh chooses a target by them before there is any packaging, as a bundle that adds to another may
    carry no pip. Raises AirgapError for what is not a wheel's name.
    """
    if not _PLAIN.fullmatch(filename):
        raise _not_a_wheel(filename, "a character or a part of it has no place there")
    parts = (part.split(".") for part in filename[: -len(".whl")].lower().split("-")[-3:])
    return tuple("-".join(one) for one in itertools.product(*parts))


def _not_a_wheel(filename: str, reason: t.Any) -> AirgapError:
    return AirgapError(
        "%s is not a wheel's name, NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl: %s. "
        "Publish wheels only; build one from an sdist on the internet host." % (filename, reason)
    )


def parse_filename(packaging: Packaging, filename: str) -> Filename:
    """Return the parts of a wheel's file name; raises AirgapError for any other name, however odd."""
    found = tags(filename)
    try:
        project, version, build, dummy = packaging.parse_wheel_filename(_unescape(packaging, filename))
    except ValueError as error:
        raise _not_a_wheel(filename, error) from error
    parts = filename.split("-")
    return Filename(project, version, build, found, (parts[0], parts[1], parts[-3]))


def _unescape(packaging: Packaging, filename: str) -> str:
    """Return a file name in which the "+" of a local version is no "_", as older tools wrote it."""
    name, dash, rest = filename.partition("-")
    version, last, rest = rest.partition("-")
    try:
        packaging.parse_version(version)
    except ValueError:
        version = version.replace("_", "+", 1)
    return name + dash + version + last + rest


def pip_version(filename: str) -> str:
    """Return the version in the name of a wheel of pip; by hand, as it is that wheel which brings packaging."""
    match = re.fullmatch(r"pip-([0-9][A-Za-z0-9.!+_]*)-py3-none-any\.whl", filename)
    if match is None:
        raise AirgapError(
            "%s is not a wheel of pip: the name must have the form pip-VERSION-py3-none-any.whl, because pip itself reads "
            "it. Give the file its own name back, or name another in pip_wheel." % filename
        )
    return match.group(1)


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


def head(metadata: str) -> str:
    """Return the headers of METADATA without the description after the first empty line, which can be long."""
    return metadata.replace("\r\n", "\n").split("\n\n", 1)[0] + "\n"


def parse_metadata(metadata: str) -> email.message.Message:
    """Return METADATA, or the head of it, as its headers and, as the payload, the description behind them."""
    return email.parser.HeaderParser().parsestr(metadata)


def requires_dist(message: email.message.Message) -> t.List[str]:
    """Return the requirements that METADATA declares (PEP 508), each on one line."""
    return [" ".join(str(one).split()) for one in message.get_all("Requires-Dist", [])]


def required_names(message: email.message.Message) -> t.Set[str]:
    """Return the normalized names of all projects that METADATA requires, whatever the marker."""
    found = (re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", one) for one in requires_dist(message))
    return {normalize(name.group()) for name in found if name}


def asks_for_release(message: email.message.Message) -> bool:
    """Say whether the marker of a requirement asks for the operating system's release or version."""
    return any(re.search(r";.*platform_(release|version)", one) for one in requires_dist(message))


def requires_python(message: email.message.Message) -> str:
    """Return the Pythons that METADATA admits (PEP 440), "" for all."""
    return str(message.get("Requires-Python", "")).strip()


def oldest_python(message: email.message.Message) -> t.Tuple[int, ...]:
    """Return the lower bound of Requires-Python, or () where there is none; by hand, as pip's own wheel is judged by it."""
    match = re.search(r">=\s*(\d+(?:\.\d+)*)", requires_python(message))
    return release(match.group(1)) if match else ()


def form_fields(message: email.message.Message) -> t.List[t.Tuple[str, str]]:
    """Return what METADATA declares as fields of the upload form, without name and version."""
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


def describe(packaging: Packaging, path: str, sha256: str, metadata: t.Optional[str] = None) -> Wheel:
    """Return what a wheel declares.

    Raises AirgapError where its METADATA and its file name are not about the
    same project and version, because pip goes by the one and the index by the other.
    """
    filename = os.path.basename(path)
    message = parse_metadata(read_metadata(path) if metadata is None else metadata)
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
) -> t.Tuple[Filename, t.Dict[str, str]]:
    """Return the parts of a wheel's name and what METADATA declares as Name and Version.

    Raises AirgapError where the file name is not about the same project and version.
    """
    found = parse_filename(packaging, filename)
    declared = {header: str(message.get(header, "")).strip() for header in ("Name", "Version")}
    try:
        same_version = packaging.parse_version(declared["Version"]) == found.version
    except ValueError:
        same_version = False
    for header, ours, same in (
        ("Name", found.written[0], normalize(declared["Name"]) == found.project),
        ("Version", found.written[1], same_version),
    ):
        if not same:
            raise AirgapError(
                "%s: its METADATA says %s %r, its file name %r. The file was renamed or is broken; stage it again."
                % (filename, header, declared[header], ours)
            )
    return found, declared
