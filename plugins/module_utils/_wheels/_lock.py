# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks: for one set and one target, every file to install with its version and SHA-256.

A lock is a requirements file that ``pip install --require-hashes -r`` accepts
(pip documentation, "Requirements File Format" and "Secure installs"). Each pin
is one line, followed by a comment with what the pool and the officer need but pip
does not: the file's name, its size in bytes and its origin::

    flask==3.1.1 --hash=sha256:HEX  # flask-3.1.1-py3-none-any.whl 103305 URL

The requirements that it was resolved from are comments above the pins
(``# root: flask>=3``), so that the closure of a lock can be checked without its inputs.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._text import is_plain, split_lines

HEADER = "# airgap.python lock 1"
# The name of a wheel in a lock, which is read before packaging is available to parse it (see _wheel_name).
WHEEL = r"[A-Za-z0-9][A-Za-z0-9._+!-]*\.whl"
# The name of a project as people write it (PEP 508).
NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_PIN = re.compile(
    r"(?P<name>[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)==(?P<version>[A-Za-z0-9][A-Za-z0-9.!+_-]*)"
    r" --hash=sha256:(?P<sha256>[0-9a-f]{64})"
    r"  # (?P<filename>" + WHEEL + r") (?P<size>[0-9]{1,18})(?: (?P<origin>\S+))?"
)
# pip decodes a file by such a comment in its first two lines (PEP 263), and could read other pins than this does.
_CODING = re.compile(r"coding[:=]")


class Pin(t.NamedTuple):
    """One file to install.

    ``name`` is normalized (PEP 503), ``size`` is in bytes, ``origin`` is the
    URL it was fetched from, without credentials, or "".
    """

    name: str
    version: str
    sha256: str
    filename: str
    size: int
    origin: str = ""


class Lock(t.NamedTuple):
    """The pins in the order of the file, the digest of the inputs that they were resolved from, and their requirements.

    ``roots`` is None in a lock of an earlier version, which did not record them.
    """

    pins: t.Tuple[Pin, ...]
    inputs: str
    roots: t.Optional[t.Tuple[str, ...]] = None


def normalize(name: str) -> str:
    """Return a project name in its normalized form (PEP 503); here, because locks are read before packaging is available."""
    return re.sub(r"[-_.]+", "-", name).lower()


def project_of(requirement: str) -> str:
    """Return the normalized name of the project that a requirement starts with, or ""."""
    match = re.match(NAME, requirement)
    return normalize(match.group()) if match else ""


def render(pins: t.Iterable[Pin], target: str, inputs: str, roots: t.Iterable[str] = ()) -> str:
    """Return the text of a lock: the same pins give the same bytes, whatever their order."""
    lines = [HEADER, "# target: %s" % target, "# inputs: %s" % inputs]
    for root in sorted(set(roots)):
        words = root.replace("\t", " ").strip(" ")
        if not words or not is_plain(words) or "\\" in words:
            raise AirgapError(
                "The requirement %r is not one line of plain text. Write each requirement on one line." % root
            )
        lines.append("# root: %s" % words)
    for pin in sorted(pins):
        line = "%s==%s --hash=sha256:%s  # %s %d %s" % pin
        lines.append(line.rstrip())
    return "\n".join(lines) + "\n"


def parse_lock(text: str, where: str = "lock") -> Lock:
    """Return the lock in a text; ``where`` names it in errors.

    Raises AirgapError for a line that is neither a comment nor a pin, for a
    project that is pinned twice, and for text that pip could read differently.
    """
    pins = []
    inputs = ""
    roots = []
    seen: t.Dict[str, int] = {}
    try:
        lines = split_lines(text)
    except ValueError as error:
        raise AirgapError("%s is not a lock: %s. Stage it again." % (where, error)) from error
    for number, line in enumerate(lines, 1):
        if "\\" in line or not is_plain(line) or (number < 3 and _CODING.search(line)):
            raise AirgapError(
                "%s, line %d has a backslash, a control character or a coding, so pip could read it differently: %r. "
                "Stage it again." % (where, number, line[:120])
            )
        if line.startswith("# inputs: "):
            inputs = line[len("# inputs: ") :].strip()
        elif line.startswith("# root: "):
            roots.append(line[len("# root: ") :].strip())
        if line.startswith("#"):
            continue
        match = _PIN.fullmatch(line)
        if match is None:
            raise AirgapError(
                "%s, line %d is not a pin of the form "
                "'NAME==VERSION --hash=sha256:HEX  # FILE SIZE': %r. Stage it again." % (where, number, line[:120])
            )
        pin = Pin(
            match.group("name"),
            match.group("version"),
            match.group("sha256"),
            match.group("filename"),
            int(match.group("size")),
            match.group("origin") or "",
        )
        if pin.name in seen:
            raise AirgapError(
                "%s pins %s twice, in lines %d and %d. Stage it again." % (where, pin.name, seen[pin.name], number)
            )
        seen[pin.name] = number
        pins.append(pin)
    return Lock(tuple(pins), inputs, tuple(roots) or None)


def parse_pins(text: str, where: str = "lock") -> t.List[Pin]:
    """Return the pins of a lock's text; see parse_lock()."""
    return list(parse_lock(text, where).pins)
