# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a mirror of bandersnatch states and lacks: its pages (PEP 691) against the locks, and its output. No I/O happens here."""

from __future__ import annotations

import json
import posixpath
import re
import typing as t
import urllib.parse

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._hashes import is_sha256
from ansible_collections.airgap.python.plugins.module_utils._pip._failure import is_full_disk, why_unanswered
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import Pin

# A message names this many things of one kind.
SHOWN = 5
# The form of the page that is read, next to the HTML of the same content.
PAGE = "index.v1_json"


class PageFile(t.NamedTuple):
    """A file that a page names; ``path`` is below the folder web of the mirror."""

    filename: str
    path: str
    sha256: str


class Output(t.NamedTuple):
    """What bandersnatch reported: projects that the upstream does not have, those without a serial, and other errors."""

    unknown: t.Tuple[str, ...]
    stale: t.Tuple[str, ...]
    errors: t.Tuple[str, ...]
    full_disk: bool


def page_path(project: str) -> str:
    """Return the path of a project's page below the folder web of the mirror."""
    return posixpath.join("simple", project, PAGE)


def parse_page(text: str, project: str) -> t.List[PageFile]:
    """Return the files of a project's page; raises AirgapError if it is not a page, or names a file outside of the mirror."""
    found = []
    try:
        for one in json.loads(text)["files"]:
            path = posixpath.normpath(posixpath.join("simple", project, urllib.parse.unquote(one["url"])))
            page_file = PageFile(str(one["filename"]), path, str(one["hashes"]["sha256"]))
            if (
                not path.startswith("packages/")
                or posixpath.basename(path) != page_file.filename
                or not is_sha256(page_file.sha256)
            ):
                raise ValueError("it names %s" % one["url"])
            found.append(page_file)
    except (ValueError, KeyError, TypeError) as error:
        raise AirgapError("The mirror's page of %s cannot be used: %s." % (project, error)) from error
    return found


def parse_output(text: str) -> Output:
    """Return what bandersnatch's output reports as wrong."""
    unknown = re.findall(r"INFO: (\S+) no longer exists on PyPI", text)
    stale = re.findall(r"ERROR: Stale serial for (\S+) \(\d+\) not updating", text)
    # The last line of each traceback.
    errors = re.findall(r"^(?:[a-z_]+\.)*[A-Z]\w+(?:Error|Exception|Timeout|Full)\b.*$", text, re.MULTILINE)
    errors += re.findall(
        r"ERROR: ((?:Timeout error|Unable to write|Flock|Unable to load).*?)(?: \(\w+\.py:\d+\))?$", text, re.MULTILINE
    )
    return Output(
        tuple(dict.fromkeys(unknown)), tuple(dict.fromkeys(stale)), tuple(dict.fromkeys(errors)), is_full_disk(text)
    )


def differences(pins: t.Iterable[Pin], pages: t.Mapping[str, t.Optional[t.Sequence[PageFile]]]) -> t.List[str]:
    """Return a sentence for each file of a lock that a page of its project lacks, or names with another SHA-256."""
    found = []
    for pin in sorted(pins):
        named = [one for one in pages.get(pin.name) or () if one.filename == pin.filename]
        if pages.get(pin.name) is not None and not named:
            found.append("the page of %s lacks %s" % (pin.name, pin.filename))
        for one in named:
            if one.sha256 != pin.sha256:
                found.append(
                    "the upstream names SHA-256 %s for %s, and the lock %s" % (one.sha256, pin.filename, pin.sha256)
                )
    return found


def listed(names: t.Sequence[str]) -> str:
    """Return the first few of these names, and how many more there are."""
    more = " and %d more" % (len(names) - SHOWN) if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def explain(upstream: str, output: Output, problems: t.Sequence[str], free: str, log: t.Optional[str]) -> t.List[str]:
    """Return why the mirror is not whole, and the fix, as lines for people; the first that applies."""
    subject, where = upstream or "The upstream", upstream or "the upstream"
    read = " Its output is in %s." % log if log else ""
    if output.full_disk:
        return [
            "The mirror is not complete: the disk is full. %s. Free some space, and run again: files are kept." % free
        ]
    if output.stale:
        return [
            "%s sends no X-PyPI-Last-Serial with /pypi/%s/json, which bandersnatch requires (or one that is too old). It "
            "mirrors PyPI, or a server that passes PyPI's JSON API on with this header, as few proxies do. Name one in "
            "stage_mirror_upstream, or stage without a mirror.%s" % (subject, output.stale[0], read)
        ]
    if output.unknown:
        return [
            "%s does not have %s. What comes from another index or from a URL cannot be mirrored: name it in "
            "stage_mirror_except, and pip downloads it. Otherwise check stage_mirror_upstream.%s"
            % (subject, listed(output.unknown), read)
        ]
    wrong = [one for one in output.errors if "Inconsistent file" in one] or [
        one for one in problems if "SHA-256" in one
    ]
    if wrong:
        return [
            "Not every file has the SHA-256 that it must have: %s. Nothing of the mirror was used. Find out why before you "
            "continue." % listed(wrong)
        ]
    if output.errors:
        # The port and the word ssl are part of every failed connection.
        reason = re.sub(r"ssl:\w+", "", output.errors[0])
        what, dummy = why_unanswered(reason)
        return [
            "bandersnatch could not read from %s: %s (%s). Check stage_mirror_upstream, stage_proxy and stage_cert, and run "
            "again: files are kept.%s" % (where, what, output.errors[0], read)
        ]
    return [
        "The mirror is not complete: %s. Resolve again with stage_refresh: true, or name the project in stage_mirror_except.%s"
        % (listed(problems), read)
    ]
