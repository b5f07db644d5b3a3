# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The licence that a wheel's METADATA declares, and whether it is a usual one.

This does not check whether a declaration is true. The fields are those of the
core metadata specification, expressions are those of SPDX (PEP 639). The meaning of
old fields and classifiers, which license-expression does not know, is defined here.
"""

from __future__ import annotations

import importlib
import re
import sys
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._wheels import _metadata

# The length of a licence in a line of a report.
LONGEST = 80
# Longer than any real expression.
LONGEST_EXPRESSION = 1000
# Permissive licences, and the Mozilla licence, whose duties are limited to its own files.
USUAL = (
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CNRI-Python",
    "HPND",
    "ISC",
    "MIT",
    "MIT-0",
    "MIT-CMU",
    "MPL-2.0",
    "PSF-2.0",
    "Python-2.0",
    "Unlicense",
    "Zlib",
    "ZPL-2.1",
)
# Last part of a classifier -> SPDX id. A classifier for several licences has none.
_CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 (LGPLv2)": "LGPL-2.0-only",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "Historical Permission Notice and Disclaimer (HPND)": "HPND",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "Zope Public License": "ZPL-2.1",
    "zlib/libpng License": "Zlib",
}
# What people write into the field License, in lower case and without "the", "license" and punctuation.
_ALIASES = {
    "apache": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "apache 2 0": "Apache-2.0",
    "apache software": "Apache-2.0",
    "apache software 2 0": "Apache-2.0",
    "apache version 2 0": "Apache-2.0",
    "bsd 2 clause": "BSD-2-Clause",
    "bsd 3 clause": "BSD-3-Clause",
    "2 clause bsd": "BSD-2-Clause",
    "3 clause bsd": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause",
    "modified bsd": "BSD-3-Clause",
    "simplified bsd": "BSD-2-Clause",
    "expat": "MIT",
    "mit": "MIT",
    "isc": "ISC",
    "mpl 2 0": "MPL-2.0",
    "mozilla public 2 0": "MPL-2.0",
    "psf": "PSF-2.0",
    "python software foundation": "PSF-2.0",
    "unlicense": "Unlicense",
    "zlib": "Zlib",
    "gplv2": "GPL-2.0-only",
    "gplv3": "GPL-3.0-only",
    "gplv3+": "GPL-3.0-or-later",
    "lgplv3": "LGPL-3.0-only",
    "lgplv3+": "LGPL-3.0-or-later",
}
# Families in which each licence is a usual one.
_FAMILIES = {"bsd": "BSD-3-Clause"}
# An SPDX id, possibly after a reference to another document.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:+-]*\Z")


class Part(t.NamedTuple):
    """One licence: its SPDX id or "", its name as written, and the id that it is treated as."""

    spdx: str
    name: str
    counts_as: str


class License(t.NamedTuple):
    """What a wheel declares: an SPDX ``expression``, or ``parts`` that all apply, or neither.

    ``source`` is the field that declares it, ``text`` what readers see.
    """

    text: str
    source: str
    expression: str = ""
    parts: t.Tuple[Part, ...] = ()


NONE = License("none declared", "")


def _plain(text: str) -> str:
    """Return a name in the spelling of the aliases."""
    words = re.sub(r"[^a-z0-9+]+", " ", text.lower()).split()
    return " ".join(word for word in words if word not in ("the", "license", "licence", "licensed"))


def _known(text: str) -> t.Optional[Part]:
    """Return the licence that a name in the field License means, if it is known."""
    for one in USUAL + tuple(_CLASSIFIERS.values()):
        if one.lower() == text.lower():
            return Part(one, text, one)
    plain = _plain(text)
    if plain in _ALIASES:
        return Part(_ALIASES[plain], text, _ALIASES[plain])
    if plain in _FAMILIES:
        return Part("", text, _FAMILIES[plain])
    return None


def read(head: str) -> License:
    """Return the licence in the headers of METADATA.

    License-Expression comes first, then the field License if it is a known
    name, then the classifiers, then the first line of License.
    """
    message = _metadata.parse(head)
    expression = " ".join(str(message.get("License-Expression", "")).split())
    if expression and expression != "UNKNOWN":
        return License(_short(expression), "License-Expression", expression)
    lines = [line.strip() for line in str(message.get("License", "")).splitlines() if line.strip(" |")]
    first = lines[0] if lines and lines[0] != "UNKNOWN" else ""
    known = _known(first)
    if known:
        return License(first, "License", "", (known,))
    if re.search(r" (OR|AND|WITH) ", first) and parse(first) is not None and len(first) <= LONGEST:
        return License(first, "License", first)
    parts = []
    for one in message.get_all("Classifier", []):
        labels = [label.strip() for label in str(one).split("::")]
        if labels[0] == "License" and labels[-1] not in ("License", "OSI Approved"):
            spdx = _CLASSIFIERS.get(labels[-1], "")
            family = _FAMILIES.get(_plain(labels[-1]), "")
            parts.append(Part(spdx, _short(labels[-1]), spdx or family))
    if parts:
        parts = sorted(set(parts))
        return License(_short(", ".join(part.name for part in parts)), "Classifier", "", tuple(parts))
    if first:
        return License(_short(first), "License", "", (Part("", _short(first), ""),))
    return NONE


def _short(text: str) -> str:
    """Return a text that fits into a line of a report."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _library() -> t.Any:
    """Return license-expression, which parses SPDX expressions; cyclonedx-python-lib depends on it."""
    try:
        return importlib.import_module("license_expression")
    except ImportError as error:
        raise AirgapError(
            "A wheel declares its licence as an SPDX expression, but %s has no license-expression to read it. "
            "Install license-expression>=30 for it (the packages in stage_evidence of the role stage include it)."
            % sys.executable
        ) from error


def parse(expression: str) -> t.Any:
    """Return an SPDX expression as license-expression reads it, or None if it is not one."""
    if len(expression) > LONGEST_EXPRESSION:
        return None
    licensing = _library().Licensing()
    try:
        parsed = licensing.parse(expression)
    # It raises two kinds of errors, and others for unexpected characters.
    except Exception:
        return None
    # The library accepts names with spaces, which SPDX does not have.
    if parsed is None or not all(_ID.match(str(symbol)) for symbol in licensing.license_keys(parsed)):
        return None
    return parsed


def _suffices(parsed: t.Any, known: t.Collection[str]) -> bool:
    """Return whether known licences suffice; an exception (WITH) only permits more, so it is not considered."""
    name = type(parsed).__name__
    if name in ("AND", "OR"):
        results = [_suffices(one, known) for one in parsed.args]
        return all(results) if name == "AND" else any(results)
    return str(getattr(parsed, "license_symbol", parsed).key).lower() in known


def is_usual(license_: License, usual: t.Iterable[str] = USUAL) -> bool:
    """Return whether all licences that apply are usual ones; of alternatives, one usual licence suffices."""
    known = {one.lower() for one in usual}
    if license_.expression:
        parsed = parse(license_.expression)
        return parsed is not None and _suffices(parsed, known)
    return bool(license_.parts) and all(part.counts_as.lower() in known for part in license_.parts)
