# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A page as HTML: a template with plain values, such as report.html.j2 with those of _page.

The values are untrusted text. Characters that would hide, reorder or break the
text around them become visible escapes, then Jinja2 escapes each value for HTML.
Values are never read as a template.
"""

from __future__ import annotations

import re
import traceback
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._text import shown

LIBRARY_ERROR = ""
try:
    import jinja2
    from markupsafe import Markup
except ImportError:
    LIBRARY_ERROR = traceback.format_exc()

THIN_SPACE = "\u202f"


def render(page: t.Any, template: str, style: str) -> str:
    """Return the page as HTML that loads and runs nothing; ``template`` and ``style`` are the texts of those files."""
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(number=number, plural=plural, weight=weight, megabytes=megabytes, moment=moment)
    # The style is part of the collection, like the template.
    return environment.from_string(template).render(page=page, style=Markup(style))


def _finalize(value: t.Any) -> t.Any:
    """Return a value for the page: the template's own markup, a number, or a text in which every character is visible."""
    if isinstance(value, (Markup, jinja2.Undefined)):
        return value
    if isinstance(value, (str, int)):
        return shown(str(value))
    raise TypeError(
        "The template prints a value of type %s, which is neither text nor a number." % type(value).__name__
    )


def number(count: int) -> Markup:
    """Return a number with thin spaces between thousands."""
    return Markup("{:,}".format(count).replace(",", THIN_SPACE))


def megabytes(size: int) -> Markup:
    """Return a size in millions of bytes, with two decimals, so that they line up in a column."""
    return Markup("{:,.2f}".format(size / 1e6).replace(",", THIN_SPACE))


def weight(size: int) -> str:
    """Return a size with its unit, for a sentence."""
    if size >= 1e9:
        return "%.2f GB" % (size / 1e9)
    return "%.1f MB" % (size / 1e6) if size >= 1e6 else "%.0f kB" % (size / 1e3)


def plural(count: int, one: str, more: str = "") -> Markup:
    """Return a number with its noun."""
    return Markup("%s %s") % (number(count), one if count == 1 else more or one + "s")


def moment(stamp: str) -> str:
    """Return a time of RFC 3339 in readable form, and any other text as it is."""
    match = re.match(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d(?:\.\d+)?)?Z$", stamp)
    return "%s, %s UTC" % match.groups() if match else stamp
