# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages of an index that could not be read: which, why, and what to look at. No I/O happens here.

pip and uv take a project for absent where an index forbids its page or fails.
Here only 404 is absence (PEP 503): of two indexes, one that does not answer
must not leave its names to the other.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._pip._failure import why_unanswered
from ansible_collections.airgap.python.plugins.module_utils._secrets import without_password

# No project has this name, so what an index answers for it is how it says that there is none.
NOBODY = "airgap-asks-what-there-is"
# More projects than this tell nothing new.
SHOWN = 3


class Pages(t.NamedTuple):
    """``unread`` is the URL of each page that could not be read and the reason, ``answered`` the indexes that gave one."""

    unread: t.Dict[str, str]
    answered: t.FrozenSet[str]


def index_of(url: str) -> str:
    """Return the index that a project's page belongs to."""
    return url.rstrip("/").rpartition("/")[0]


def of_pip(output: str) -> t.Dict[str, str]:
    """Return the pages that pip could not read, from what it says with -vv; not those that are not there."""
    found = re.findall(r"Could not fetch URL (\S+): (.+) - skipping", output)
    unread = {without_password(url): reason for url, reason in found if not is_absence(reason)}
    unread.update(ignored(output))
    return unread


def ignored(output: str) -> t.Dict[str, str]:
    """Return the pages that pip ignored, with no more than a warning."""
    found = re.findall(r"repository located at (\S+) is (not a trusted or secure host)", output)
    unread = {"http://%s/anything" % host: reason for host, reason in found}
    skipped = re.findall(r"Skipping page (\S+) because the \w+ request got (Content-Type: [^\s.]+)", output)
    unread.update((without_password(url), reason) for url, reason in skipped)
    return unread


def is_absence(reason: str) -> bool:
    """Say whether a reason is that there is no such page."""
    return re.match(r"404\b", reason) is not None


def of_uv(output: str, indexes: t.Iterable[str]) -> Pages:
    """Return the pages that uv asked for, from its trace. It passes over 401, 403, 404 and 407; at others it stops."""
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


def judge(pages: Pages, forbids_nobody: t.Callable[[], t.Collection[str]]) -> t.Dict[str, str]:
    """Return the pages that count as unread, and why.

    Some indexes (object stores) say 403 of what they do not have. Such a one gives
    other pages, and says it of a name that nobody has: forbids_nobody() returns those that do.
    """
    forbidden = {url for url, reason in pages.unread.items() if re.match(r"403\b", reason)}
    habitual: t.Collection[str] = ()
    if any(index_of(url) in pages.answered for url in forbidden):
        habitual = forbids_nobody()
    return {
        url: reason
        for url, reason in pages.unread.items()
        if not (url in forbidden and index_of(url) in pages.answered and index_of(url) in habitual)
    }


def told(unread: t.Mapping[str, str]) -> str:
    """Say which pages could not be read, one sentence for each reason, with what to look at."""
    by_reason: t.Dict[t.Tuple[str, str, str], t.List[t.Tuple[str, str]]] = {}
    for url, reason in sorted(unread.items()):
        by_reason.setdefault((index_of(url), *why_unanswered(reason)), []).append((url, reason))
    said = []
    for (index, what, fix), pages in sorted(by_reason.items()):
        names = ", ".join(url.rstrip("/").rpartition("/")[2] for url, dummy in pages[:SHOWN])
        more = " and %d more" % (len(pages) - SHOWN) if len(pages) > SHOWN else ""
        said.append(
            "the index %s gave no answer about %s%s: %s (%s). %s, and run again."
            % (index, names, more, what, short(pages[0][1]), fix)
        )
    return " ".join(said)


def short(reason: str) -> str:
    """Return an engine's reason without the URL, the objects and the repetitions in it."""
    text = re.sub(r"<[^<>]*>:? *|\s*(?:for url: .*|with url: \S+)", "", reason)
    dummy, caused, cause = text.rpartition("Caused by ")
    return (cause.rstrip(")") if caused else text).strip()[:200]
