# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON with one meaning only: always written in the same way, and refused where two readers could differ."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError


def render(document: t.Any) -> str:
    """Return the JSON of a document; the same content gives the same text."""
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _once(pairs: t.List[t.Tuple[str, t.Any]]) -> t.Dict[str, t.Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = sorted(key for key in found if [one for one, dummy in pairs].count(key) > 1)
        raise ValueError("the key %r is in one object twice" % twice[0][:80])
    return found


def _no_number(text: str) -> t.Any:
    raise ValueError("%s is not a JSON number" % text)


def _integer(text: str) -> int:
    # Python needs minutes to read a number of a million digits.
    if len(text) > 18:
        raise ValueError("a number has %d digits" % len(text))
    return int(text)


def parse(text: str, where: str) -> t.Any:
    """Return the document that JSON from outside holds; raises AirgapError where two readers could read it differently."""
    try:
        return json.loads(text, object_pairs_hook=_once, parse_int=_integer, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise AirgapError("%s is not JSON: %s. Transfer the bundle again." % (where, error)) from error
