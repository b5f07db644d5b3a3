# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file name of a wheel (PEP 427) and the tags in it (PEP 425)."""

from __future__ import annotations

import itertools
import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._wheels._packaging import Packaging

# packaging before 26.3 accepts letters of other scripts and empty tags, which no index accepts.
_PLAIN = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._]*-[A-Za-z0-9][A-Za-z0-9_.!+]*(?:-[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*){3,4}\.whl"
)


class WheelName(t.NamedTuple):
    """The parts of a wheel's file name (PEP 427), as packaging reads them.

    ``project`` is normalized; ``version`` and ``build`` can be compared, and no build, (), comes first. ``tags`` are all
    tags of the name (PEP 425), such as py3-none-any. ``written`` has name, version and Python tag as written.
    """

    project: str
    version: t.Any
    build: t.Tuple[t.Any, ...]
    tags: t.Tuple[str, ...]
    written: t.Tuple[str, str, str]


def tags_of(filename: str) -> t.Tuple[str, ...]:
    """Return all tags of a wheel's file name (PEP 425, "Compressed Tag Sets").

    Parsed by hand: install.sh chooses a target by them before packaging is available, because a delta may
    contain no pip. Raises AirgapError for anything that is not a wheel's name.
    """
    if not _PLAIN.fullmatch(filename):
        raise _not_a_wheel(filename, "it has a character or a part that is not allowed")
    parts = (part.split(".") for part in filename[: -len(".whl")].lower().split("-")[-3:])
    return tuple("-".join(one) for one in itertools.product(*parts))


def _not_a_wheel(filename: str, reason: t.Any) -> AirgapError:
    return AirgapError(
        "%s is not a wheel's name, NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl: %s. "
        "Publish wheels only; build a wheel of an sdist on the internet host." % (filename, reason)
    )


def parse_wheel_name(packaging: Packaging, filename: str) -> WheelName:
    """Return the parts of a wheel's file name; raises AirgapError for any other name."""
    found = tags_of(filename)
    try:
        project, version, build, dummy = packaging.parse_wheel_filename(_unescape(packaging, filename))
    except ValueError as error:
        raise _not_a_wheel(filename, error) from error
    parts = filename.split("-")
    return WheelName(project, version, build, found, (parts[0], parts[1], parts[-3]))


def _unescape(packaging: Packaging, filename: str) -> str:
    """Return a file name with the "+" of a local version that older tools wrote as "_"."""
    name, dash, rest = filename.partition("-")
    version, last, rest = rest.partition("-")
    try:
        packaging.parse_version(version)
    except ValueError:
        version = version.replace("_", "+", 1)
    return name + dash + version + last + rest


def pip_version(filename: str) -> str:
    """Return the version in the name of a wheel of pip; parsed by hand, because that wheel contains packaging."""
    match = re.fullmatch(r"pip-([0-9][A-Za-z0-9.!+_]*)-py3-none-any\.whl", filename)
    if match is None:
        raise AirgapError(
            "%s is not a wheel of pip: the name must have the form pip-VERSION-py3-none-any.whl, because pip itself reads "
            "it. Restore the name of the file, or set pip_wheel to another file." % filename
        )
    return match.group(1)
