# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two rules about versions for hosts without packaging; everything else uses packaging (see _wheels/_packaging).

A node compares its environment with a lock before the wheel of pip, which
contains packaging, must be there: in check mode it may not have been copied yet.
"""

from __future__ import annotations

import re
import typing as t

_VERSION = re.compile(
    r"v?(?:(?P<epoch>\d+)!)?(?P<release>\d+(?:\.\d+)*)"
    r"(?:[-_.]?(?P<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<pre_n>\d*))?"
    r"(?P<post>-(?P<post_1>\d+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post_2>\d*))?"
    r"(?P<dev>[-_.]?dev[-_.]?(?P<dev_n>\d*))?"
    r"(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?"
)
_PRE = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}


def canonical(version: str) -> str:
    """Return one spelling for all spellings of a version (PEP 440, "Normalization").

    Trailing zeros of the release are removed: 1.0 and 1.0.0 are equal. A version
    that does not follow PEP 440 is returned in lower case.
    """
    text = version.strip().lower()
    match = _VERSION.fullmatch(text)
    if match is None:
        return text
    release = [int(number) for number in match.group("release").split(".")]
    while len(release) > 1 and release[-1] == 0:
        release.pop()
    epoch = int(match.group("epoch") or 0)
    result = "%d!" % epoch if epoch else ""
    result += ".".join(str(number) for number in release)
    if match.group("pre"):
        result += "%s%d" % (_PRE.get(match.group("pre"), match.group("pre")), int(match.group("pre_n") or 0))
    if match.group("post"):
        result += ".post%d" % int(match.group("post_1") or match.group("post_2") or 0)
    if match.group("dev"):
        result += ".dev%d" % int(match.group("dev_n") or 0)
    if match.group("local"):
        parts = re.split(r"[-_.]", match.group("local"))
        result += "+" + ".".join(str(int(part)) if part.isdigit() else part for part in parts)
    return result


def release(text: str) -> t.Tuple[int, ...]:
    """Return the release of a version (PEP 440) as numbers, so that two can be ordered: (3, 13) of 3.13rc1.

    It is used for interpreters, C libraries (glibc-2.36) and operating systems; () for a text without a number.
    """
    match = re.search(r"\d+(?:\.\d+)*", text)
    return tuple(int(number) for number in match.group().split(".")) if match else ()
