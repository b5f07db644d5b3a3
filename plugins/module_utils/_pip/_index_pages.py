# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages of an index that could not be read: which, why, and what to check. No I/O happens here.

pip and uv treat a project as absent if an index forbids its page or fails. Here
only 404 means absent (PEP 503): of two indexes, the names on one that does not
answer must not be taken from the other.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._pip._failure import why_unanswered
from ansible_collections.airgap.python.plugins.module_utils._secrets import without_password

# No project has this name, so the response of an index shows how it reports an unknown project.
UNKNOWN_PROJECT = "airgap-asks-what-there-is"
# A message names this many projects.
SHOWN = 3


class Pages(t.NamedTuple):
    """``unread`` maps the URL of each page that could not be read to the reason; ``answered`` are the indexes that gave a page."""

    unread: t.Dict[str, str]
    answered: t.FrozenSet[str]


def index_of(url: str) -> str:
    """Return the index that a project's page belongs to."""
    return url.rstrip("/").rpartition("/")[0]


def unread_by_pip(output: str) -> t.Dict[str, str]:
    """Return the pages that pip could not read, from its output with -vv, except those that do not exist."""
    found = re.findall(r"Could not fetch URL (\S+): (.+) - skipping", output)
    unread = {without_password(url): reason for url, reason in found if not is_absence(reason)}
    unread.update(ignored_by_pip(output))
    return unread


def ignored_by_pip(output: str) -> t.Dict[str, str]:
    """Return the pages that pip ignored with only a warning."""
    found = re.findall(r"repository located at (\S+) is (not a trusted or secure host)", output)
    unread = {"http://%s/anything" % host: reason for host, reason in found}
    skipped = re.findall(r"Skipping page (\S+) because the \w+ request got (Content-Type: [^\s.]+)", output)
    unread.update((without_password(url), reason) for url, reason in skipped)
    return unread


def is_absence(reason: str) -> bool:
    """Return whether a reason is that the page does not exist."""
    return re.match(r"404\b", reason) is not None


def pages_of_uv(output: str, indexes: t.Iterable[str]) -> Pages:
    """Return the pages that uv requested, from its trace. It ignores 401, 403, 404 and 407, and stops at others."""
    known = {without_password(url).rstrip("/") for url in indexes}
    unread: t.Dict[str, str] = {}
    answered = set()
    for status, text, url in re.findall(r"with status (\d{3})\b ?(.*?) for:? `?(https?://[^\s`]+)", output):
        if index_of(url) not in known:
            continue
        if status[0] in "23":
            answered.add(index_of(url))
            unread.pop(url, None)
        elif status != "404":
            unread[url] = ("%s %s" % (status, text)).strip()
    answered |= {index_of(url) for url in re.findall(r"Found fresh response for: (\S+)", output)}
    return Pages(unread, frozenset(answered & known))


def unread_pages(pages: Pages, indexes_forbidding_unknown: t.Callable[[], t.Collection[str]]) -> t.Dict[str, str]:
    """Return the pages that count as unread, and why.

    Some indexes (object stores) respond with 403 for what they do not have. Such an index serves other pages, and
    responds so for a name that does not exist: indexes_forbidding_unknown() returns these indexes.
    """
    forbidden = {url for url, reason in pages.unread.items() if re.match(r"403\b", reason)}
    habitual: t.Collection[str] = ()
    if any(index_of(url) in pages.answered for url in forbidden):
        habitual = indexes_forbidding_unknown()
    return {
        url: reason
        for url, reason in pages.unread.items()
        if not (url in forbidden and index_of(url) in pages.answered and index_of(url) in habitual)
    }


def unread_message(unread: t.Mapping[str, str]) -> str:
    """Return which pages could not be read, one sentence for each reason, with what to check."""
    by_reason: t.Dict[t.Tuple[str, str, str], t.List[t.Tuple[str, str]]] = {}
    for url, reason in sorted(unread.items()):
        by_reason.setdefault((index_of(url), *why_unanswered(reason)), []).append((url, reason))
    sentences = []
    for (index, what, fix), pages in sorted(by_reason.items()):
        names = ", ".join(url.rstrip("/").rpartition("/")[2] for url, dummy in pages[:SHOWN])
        more = " and %d more" % (len(pages) - SHOWN) if len(pages) > SHOWN else ""
        sentences.append(
            "the index %s gave no answer about %s%s: %s (%s). %s, and run again."
            % (index, names, more, what, short_reason(pages[0][1]), fix)
        )
    return " ".join(sentences)


def short_reason(reason: str) -> str:
    """Return an engine's reason without URLs, names of objects and repetitions."""
    text = re.sub(r"<[^<>]*>:? *|\s*(?:for url: .*|with url: \S+)", "", reason)
    dummy, caused, cause = text.rpartition("Caused by ")
    return (cause.rstrip(")") if caused else text).strip()[:200]
