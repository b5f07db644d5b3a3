# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why pip or uv failed and how to fix it: the one place that reads it from their output. No I/O happens here."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._pip._causes import (
    AFTER_REQUESTS,
    BEFORE_REQUESTS,
    BUILDING,
    INSTALLING,
    NO_SPACE,
    OFFLINE,
    STAGING,
    TROUBLES,
    URL_IN_A_WHEEL,
    WRONG_HASH,
    Cause,
)
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import NAME, normalize

# A message shows this many versions.
VERSIONS_SHOWN = 5
# A message shows this many entries of a list.
LISTED = 10
# A message shows this many requirements.
REQUIREMENTS_SHOWN = 3
# Lines of pip's output in a message, and the length of one on a node.
LINES_SHOWN, LONGEST_LINE = 8, 240


class Diagnosis(t.NamedTuple):
    """What happened, or "" if pip's own lines explain it; the lines of its output that show it; and the fix."""

    cause: str
    lines: t.Tuple[str, ...]
    fix: str


# Failures after which a retry may succeed.
_PASSING = re.compile(
    r"connection error|Connection refused|Connection broken|Connection aborted|NewConnectionError|Max retries|"
    r"timed out|Temporary failure|429 Client Error|[Cc]ertificate|CERTIFICATE|HTTP error|Server Error|IncompleteRead|"
    r"Incomplete download"
)
# A line about a failed request, whether or not a retry may succeed.
_REQUEST_FAILED = re.compile(
    _PASSING.pattern + r"|\b(?:4(?!04)\d\d|5\d\d) (?:Client |Server )?Error|too many 5\d\d error|SSLError|"
    r"is not a trusted or secure host|ConnectTimeoutError|ReadTimeoutError|Failed to establish|Connection timed out|"
    r"Name or service not known|Network is unreachable|No route to host|TLS CA certificate"
)
_UV_REQUEST_FAILED = re.compile(r"Failed to (?:fetch|download)|[Cc]onnect|timed out|dns|certificate|[Rr]equest failed")
_REFUSED_METADATA = re.compile(
    r"Ignoring version (?P<version>\S+) of (?P<name>\S+) since it has invalid metadata:\n"
    r"(?:.*\n)??.*has invalid metadata: (?P<reason>.+)\n(?P<line>(?:    .*\n)?)"
)
_LISTS = re.compile(r"(?P<head>(?:from|python|yanked) versions?: )(?P<list>[^()]+)")
_RETRY = re.compile(r"WARNING: Retrying \(Retry\(.*?\)\) after connection broken by [\"'](\w+)\((.*)\)[\"']: (\S+)")
# Lines about files that arrived, and the place in a requirements file that the module wrote.
_NO_SIGN = re.compile(r"^\s*(?:Collecting|Downloading|Using cached|Looking in) ")
_LISTING = re.compile(r"\s*\(from -r \S+ \(line \d+\)\)")


def why_unanswered(reason: str, place: str = STAGING) -> t.Tuple[str, str]:
    """Return the meaning of an engine's reason for a failed request, and the fix, without a full stop."""
    # A URL and a port may hold any number.
    plain = re.sub(r"https?://\S+|port=\d+", "", reason)
    trouble = next(one for one in TROUBLES if re.search(one.sign, plain))
    return trouble.what, trouble.fix_staging if place == STAGING else trouble.fix_installing


def is_temporary(output: str) -> bool:
    """Return whether a retry may succeed: after half a file, or a server that was busy."""
    return WRONG_HASH in output or bool(_PASSING.search(output))


def is_full_disk(output: str) -> bool:
    """Return whether a program failed because a disk is full."""
    return bool(re.search(NO_SPACE, output))


def not_found(output: str) -> t.List[str]:
    """Return the requirements for which pip or uv found no wheel, as they write them."""
    found = re.findall(
        r"^\s*(?:ERROR: )?No matching distribution found for (.+?)(?: \(from .*\))?$", output, re.MULTILINE
    )
    flat = " ".join(output.split())
    for name in re.findall(r"(%s)(?:[=<>!~]\S+)? (?:ha(?:s|ve) no (?:usable )?wheels|was not found in)" % NAME, flat):
        asked = re.search(r"(?:you require|depends on) (%s(?:[=<>!~]\S*)?)(?: |$)" % re.escape(name), flat)
        found.append(asked.group(1).rstrip(",.") if asked else name)
    return list(dict.fromkeys(found))[:REQUIREMENTS_SHOWN]


def refused_metadata(output: str) -> t.Dict[str, str]:
    """Return, by project, why pip ignored a version with invalid metadata; it then reports that there is no version."""
    found = {}
    for match in _REFUSED_METADATA.finditer(output):
        reason = ": ".join(part.strip() for part in (match.group("reason"), match.group("line")) if part.strip())
        version = (match.group("name"), match.group("version"), reason)
        found[normalize(match.group("name"))] = "%s %s has invalid metadata: %s." % version
    return found


def short_lists(text: str) -> str:
    """Return a message of pip with only the end of each list of versions: pip starts with the oldest."""

    def cut(match: t.Match[str]) -> str:
        separator = "; " if ";" in match.group("list") else ", "
        parts = match.group("list").split(separator)
        if len(parts) <= VERSIONS_SHOWN + 1:
            return match.group()
        kind = "older ones" if match.group("head").startswith("from") else "others"
        first = "%d %s" % (len(parts) - VERSIONS_SHOWN, kind)
        return match.group("head") + separator.join([first, *parts[-VERSIONS_SHOWN:]])

    return _LISTS.sub(cut, text)


def diagnose(output: str, place: str, interpreter: str = "", log: str = "") -> Diagnosis:
    """Return why pip failed, the few lines that show it, and the fix at this place.

    ``interpreter`` is the one that staging resolves for, ``log`` the path of the
    log if there is one.
    """
    for cause in BEFORE_REQUESTS:
        if _is_it(cause, output, place):
            return _diagnosis(cause, output, place, interpreter)
    failed = [] if place == BUILDING else _matching(output, _REQUEST_FAILED)
    if failed:
        return _unanswered(failed, place)
    invalid = refused_metadata(output) if place == STAGING else {}
    if invalid:
        return Diagnosis("", tuple(invalid.values()), "Name another version of %s." % ", ".join(invalid))
    for cause in AFTER_REQUESTS:
        if _is_it(cause, output, place):
            return _diagnosis(cause, output, place, interpreter)
    return _unknown(output, place, log)


def diagnose_uv(output: str) -> Diagnosis:
    """Return why uv could not resolve, its sentences on one line, and the fix on the internet host."""
    # The output before it is about failed attempts.
    start = re.search(r"^error:", output, re.MULTILINE)
    output = output[start.start() :] if start else output
    lines = [line for line in output.splitlines() if line.strip() and not line.startswith("warning: ")]
    text = " ".join(re.sub(r"^\s*[×╰│├─▶hint:]*\s*", "", line) for line in lines)
    if _UV_REQUEST_FAILED.search(text):
        what, fix = why_unanswered(text)
        return Diagnosis(
            "the index gave no answer: " + what, (text[len("error: ") :][-600:],), fix + ", and run again."
        )
    return Diagnosis(
        "", (text[-1200:],), "Change one of the requirements, or name a version that has a wheel for this target."
    )


def _is_it(cause: Cause, output: str, place: str) -> bool:
    """Return whether a cause has a meaning at a place and its pattern is in the output."""
    return _meaning(cause, place) is not None and bool(re.search(cause.sign, output))


def _meaning(cause: Cause, place: str) -> t.Optional[t.Tuple[str, str]]:
    """Return the meaning of a cause at a place; OFFLINE has that of INSTALLING unless it has its own."""
    return cause.meaning.get(place) or (cause.meaning.get(INSTALLING) if place == OFFLINE else None)


def _diagnosis(cause: Cause, output: str, place: str, interpreter: str) -> Diagnosis:
    what, fix = _meaning(cause, place) or ("", "")
    lines = _matching(output, re.compile(cause.shows)) if cause.shows else _errors(output, place)
    return Diagnosis(what, _few(lines, place), fix.replace("{interpreter}", interpreter))


def _unanswered(failed: t.Sequence[str], place: str) -> Diagnosis:
    """Return the meaning of failed requests: the first in the table that matches any of them."""
    if place == OFFLINE:
        what, fix = URL_IN_A_WHEEL
        return Diagnosis(what, _few(failed, place), fix)
    whats = [one.what for one in TROUBLES]
    what, fix = min((why_unanswered(line, place) for line in failed), key=lambda one: whats.index(one[0]))
    return Diagnosis("the index gave no answer: " + what, _few(failed, place), fix + ".")


def _unknown(output: str, place: str, log: str) -> Diagnosis:
    """Return pip's own errors if no cause is known."""
    lines = _few(_errors(output, place), place)
    if place == STAGING:
        fix = "Read %s for pip's whole output." % log if log else "Name a file in log to keep pip's whole output."
        return Diagnosis("", lines, fix)
    if place == BUILDING:
        fix = (
            "%s has the build's whole output." % log if log else "Name a file in log to keep the build's whole output."
        )
        fix += " If its build tools are too new for it, add build_constraints to its entry, such as [setuptools<82]."
        return Diagnosis("", lines, fix)
    return Diagnosis("pip failed", lines, "Its whole output is in pip_output.")


def _matching(output: str, pattern: t.Pattern[str]) -> t.List[str]:
    """Return the lines that a pattern matches, except those about files that arrived."""
    lines = [line for line in output.splitlines() if pattern.search(line) and not _NO_SIGN.match(line)]
    return [re.sub(r"^ERROR: *", "", line.strip()) for line in lines]


def _errors(output: str, place: str) -> t.List[str]:
    """Return the errors in pip's output, or its last lines."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if place == BUILDING:
        # A project's own build may print anything.
        errors = [line for line in lines if re.search(r"^(ERROR|error|fatal):|^\w*(Error|Exception): ", line)]
        return (errors or lines)[-5:]
    errors = _pip_errors(output)
    if errors[:1] == ["Exception:"]:
        # pip shows a traceback; the last line has the error.
        errors = lines[-1:]
    return errors or [line for line in lines if "rror" in line][-6:] or lines[-4:]


def _pip_errors(output: str) -> t.List[str]:
    """Return what follows "ERROR:" in pip's output, with the indented lists that belong to it."""
    errors = []
    for match in re.finditer(r"^[ ]*ERROR:(?P<text>.*)\n?(?P<list>(?:[ ]+(?!ERROR:)\S.*\n?)*)", output, re.MULTILINE):
        text = match.group("text").strip()
        listed = [re.sub(r" from https?://\S+", "", line.strip()) for line in match.group("list").splitlines()]
        if listed and (text.endswith(":") or "Here is a list" in text) and text != "Exception:":
            more = " and %d more" % (len(listed) - LISTED) if len(listed) > LISTED else ""
            text += " " + ", ".join(listed[:LISTED]) + more
        errors.append(text)
    return errors


def _few(lines: t.Iterable[str], place: str) -> t.Tuple[str, ...]:
    """Return the first few different lines in a readable form.

    On a node, a long line is cut, and the place in a file that the module wrote
    is removed; staging replaces it by that in the user's file.
    """
    unique: t.List[str] = []
    for line in lines:
        line = short_lists(line)
        line = _RETRY.sub(
            lambda match: "%s: %s" % (match.group(3), re.sub(r"<[^>]*>: |[\"']", "", match.group(2))), line
        )
        if place in (INSTALLING, OFFLINE):
            line = _LISTING.sub("", line)
            line = line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + "…"
        if line not in unique:
            unique.append(line)
    return tuple(unique[:LINES_SHOWN])
