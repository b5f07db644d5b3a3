# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The severity of a vulnerability, from its OSV record and CVSS. No I/O happens here."""

from __future__ import annotations

import math
import re
import typing as t

SEVERITIES = ("critical", "high", "medium", "low", "unknown")


def severity_ids(finding: t.Mapping[str, t.Any]) -> t.List[str]:
    """Return the ids under which a severity may be found, the most likely first, and only those that fit in a URL."""
    names = [finding["id"]] + list(finding["aliases"])
    good = [name for name in names if re.match(r"^[A-Za-z0-9][A-Za-z0-9-]{2,60}$", name)]
    return sorted(good, key=lambda name: (not name.startswith("GHSA-"), not name.startswith("PYSEC-"), name))


def severity_of(record: t.Any) -> str:
    """Return the severity in an OSV record (OSV schema: severity, database_specific.severity)."""
    if not isinstance(record, dict):
        return "unknown"
    special = record.get("database_specific")
    rated = str(special.get("severity", "")).lower() if isinstance(special, dict) else ""
    rated = {"moderate": "medium"}.get(rated, rated)
    if rated in SEVERITIES:
        return rated
    vectors = record.get("severity")
    for one in vectors if isinstance(vectors, list) else []:
        score = cvss3(str(one.get("score", ""))) if isinstance(one, dict) else None
        if score:
            return rating(score)
    return "unknown"


def rating(score: float) -> str:
    """Return the word for a CVSS score (CVSS 3.1, 5: qualitative severity rating scale)."""
    for least, word in ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.1, "low")):
        if score >= least:
            return word
    return "unknown"


_METRICS = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "UI": {"N": 0.85, "R": 0.62},
    "C": {"H": 0.56, "L": 0.22, "N": 0.0},
    "I": {"H": 0.56, "L": 0.22, "N": 0.0},
    "A": {"H": 0.56, "L": 0.22, "N": 0.0},
}
_PRIVILEGES = {"U": {"N": 0.85, "L": 0.62, "H": 0.27}, "C": {"N": 0.85, "L": 0.68, "H": 0.5}}


def cvss3(vector: str) -> t.Optional[float]:
    """Return the base score of a CVSS 3 vector (CVSS 3.1, 7.1), or None for anything else."""
    if not re.match(r"^CVSS:3\.[01]/", vector):
        return None
    metrics = dict(part.split(":", 1) for part in vector.split("/")[1:] if ":" in part)
    try:
        scope = metrics["S"]
        value = {key: numbers[metrics[key]] for key, numbers in _METRICS.items()}
        privileges = _PRIVILEGES[scope][metrics["PR"]]
    except KeyError:
        return None
    missed = 1 - (1 - value["C"]) * (1 - value["I"]) * (1 - value["A"])
    exploit = 8.22 * value["AV"] * value["AC"] * privileges * value["UI"]
    if scope == "U":
        impact = 6.42 * missed
        score = impact + exploit
    else:
        impact = 7.52 * (missed - 0.029) - 3.25 * (missed - 0.02) ** 15
        score = 1.08 * (impact + exploit)
    if impact <= 0:
        return 0.0
    # Round up to one decimal place as in appendix A, without the noise of floating point.
    return math.ceil(round(min(score, 10.0) * 100000) / 10000) / 10.0
