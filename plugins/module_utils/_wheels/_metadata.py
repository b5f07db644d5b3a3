# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read METADATA of a wheel, and what it requires (core metadata specification)."""

from __future__ import annotations

import email.message
import email.parser
import re
import typing as t
import zipfile
import zlib

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._versions import release
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import normalize

# On the public index, even METADATA with a long description stays below 1 MB.
LARGEST = 8 * 1024 * 1024


def read_bytes(path: str, opened: t.Optional[t.BinaryIO] = None) -> bytes:
    """Return the one METADATA file in a wheel's .dist-info folder as it is; ``opened`` is the open file, if any."""
    try:
        with zipfile.ZipFile(opened or path) as archive:
            found = [
                entry
                for entry in archive.infolist()
                if entry.filename.count("/") == 1 and entry.filename.endswith(".dist-info/METADATA")
            ]
            if len(found) != 1:
                raise AirgapError(
                    "%s contains %d .dist-info/METADATA files instead of one. Stage it again." % (path, len(found))
                )
            with archive.open(found[0]) as stream:
                # The size in the archive's directory may be false, so the read is limited, too.
                data = stream.read(LARGEST + 1)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise AirgapError(
            "%s is not a readable zip archive, so it is not a wheel: %s. Stage it again." % (path, error)
        ) from error
    if len(data) > LARGEST:
        raise AirgapError("%s has more than %d bytes of METADATA. Do not trust this file." % (path, LARGEST))
    return data


def read(path: str, opened: t.Optional[t.BinaryIO] = None) -> str:
    """Return the text of METADATA in a wheel; see read_bytes()."""
    return read_bytes(path, opened).decode("utf-8", "replace")


def headers(metadata: str) -> str:
    """Return the headers of METADATA without the description after the first empty line, which can be long."""
    return metadata.replace("\r\n", "\n").split("\n\n", 1)[0] + "\n"


def parse(metadata: str) -> email.message.Message:
    """Return METADATA, or the headers of it, as a message; the description is its payload."""
    return email.parser.HeaderParser().parsestr(metadata)


def requires_dist(message: email.message.Message) -> t.List[str]:
    """Return the requirements that METADATA declares (PEP 508), each on one line."""
    return [" ".join(str(one).split()) for one in message.get_all("Requires-Dist", [])]


def required_names(message: email.message.Message) -> t.Set[str]:
    """Return the normalized names of all projects that METADATA requires, whatever the marker."""
    found = (re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", one) for one in requires_dist(message))
    return {normalize(name.group()) for name in found if name}


def depends_on_os_release(message: email.message.Message) -> bool:
    """Return whether the marker of a requirement uses the release or version of the operating system."""
    return any(re.search(r";.*platform_(release|version)", one) for one in requires_dist(message))


def requires_python(message: email.message.Message) -> str:
    """Return the Pythons that METADATA admits (PEP 440), "" for all."""
    return str(message.get("Requires-Python", "")).strip()


def oldest_python(message: email.message.Message) -> t.Tuple[int, ...]:
    """Return the lower bound of Requires-Python, or () if there is none.

    Parsed by hand, because it is needed for the wheel of pip, which contains packaging.
    """
    match = re.search(r">=\s*(\d+(?:\.\d+)*)", requires_python(message))
    return release(match.group(1)) if match else ()
