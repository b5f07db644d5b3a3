# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One requirement or constraint as a file has it: its text, its hashes and its place. No I/O happens here."""

from __future__ import annotations

import os
import re
import shlex
import typing as t
import urllib.parse

from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._resolve._build_advice import replacement_advice
from ansible_collections.airgap.python.plugins.module_utils._secrets import without_secrets, without_user
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import NAME, normalize

VARIABLE = re.compile(r"\$\{(?P<name>[A-Z0-9_]+)\}")
_NAMED = re.compile(r"^" + NAME + r"\s*(?:$|[\[<>=!~;@(])")
_DIRECT = re.compile(r"^[A-Za-z0-9._-]+\s*(?:\[[^\]]*\]\s*)?@")
# The start of a wheel's file name, read before packaging is loaded; _wheel decides whether the name is valid.
WHEEL_PATH = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._]*)-(?P<version>[A-Za-z0-9][^/-]*)(?:-[^/-]+){3,4}\.whl$")
_REQUIREMENT_OPTIONS = ("--hash", "--config-settings", "--config-setting", "-C", "--global-option")
_RELATIVE = "%s: %s is a relative path, which is another place on the internet host. %s"


class Line(t.NamedTuple):
    """A requirement or constraint, its hashes and its place.

    ``text`` is what the closure check reads (PEP 508), ``public`` what a lock may show. In both, a URL is as it is
    written, with ${NAME}, and without user, password and query; nothing else in ``public`` came from the environment
    either. ``identity`` is part of the digest of a lock's inputs, ``url`` the full URL, "" for what comes from an index.
    """

    text: str
    hashes: t.Tuple[str, ...]
    where: str
    public: str
    identity: str
    url: str


def split_marker(text: str) -> t.Tuple[str, str]:
    """Return a requirement (PEP 508) without its marker, and the marker; after a URL, a marker starts with " ;"."""
    head, semicolon, marker = text.partition(" ;" if "@" in text.partition(";")[0] else ";")
    return (head.strip(), marker.strip()) if semicolon else (text.strip(), "")


def split_options(line: str) -> t.Tuple[str, t.List[t.Tuple[str, str]]]:
    """Return a requirement, and the options that follow it as (name, value)."""
    match = re.search(r"(?:^|\s)(?=(?:--[a-z]|-C))", line)
    if match is None:
        return line, []
    options = []
    words = shlex.split(line[match.start() :])
    while words:
        name, equals, value = words.pop(0).partition("=")
        if not equals and words:
            value = words.pop(0)
        options.append((name, value))
    return line[: match.start()].strip(), options


def with_project_name(text: str, where: str) -> str:
    """Return a requirement with its project's name; raises AirgapError if a path or URL does not contain it."""
    direct = _DIRECT.match(text)
    # A variable at the start is replaced by a whole URL.
    if direct and "://" not in text and re.match(r"\s*(?!\$\{)\S", text[direct.end() :]):
        name, path = re.split(r"[\s\[@]", text, maxsplit=1)[0], text[direct.end() :].partition(" ;")[0].strip()
        raise AirgapError(_RELATIVE % (where, path, replacement_advice(name, path)))
    if _NAMED.match(text) and (direct or not re.match(r"^\S+\.whl(?:$|[\s;#\[])", text)):
        return text
    place, semicolon, marker = text.partition(" ;")
    found = WHEEL_PATH.search(urllib.parse.unquote(place.split("#")[0].split("?")[0]))
    egg = re.search(r"[#&]egg=([A-Za-z0-9._-]+(?:\[[^\]]*\])?)", place)
    name = egg.group(1) if egg else found.group("name") if found else ""
    url = place.split("#")[0].strip()
    if not name:
        raise AirgapError(
            "%s: %r does not name its project. If it is a wheel, write NAME @ URL. If not: %s"
            % (where, without_secrets(text)[:200], replacement_advice("NAME", place.strip()))
        )
    if "://" not in url and not url.startswith("${"):
        if not os.path.isabs(url):
            raise AirgapError(_RELATIVE % (where, url, replacement_advice(name, url)))
        url = "file://" + urllib.parse.quote(os.path.abspath(url))
    subdirectory = re.search(r"[#&](subdirectory=[^&]+)", place)
    url += "#" + subdirectory.group(1) if subdirectory else ""
    return "%s @ %s%s" % (name, url, " ;" + marker if semicolon else "")


def parse_reference(text: str) -> t.Optional[t.Tuple[str, str]]:
    """Return name and URL of a requirement of the form NAME @ URL; None for any other."""
    match = re.match(r"^([A-Za-z0-9._-]+)\s*(?:\[[^\]]*\]\s*)?@\s*(\S+)", text)
    return (match.group(1), match.group(2)) if match else None


def public_text(text: str) -> str:
    """Return a requirement whose URL, if it has one, is without user, password and query."""
    found = parse_reference(text)
    return text.replace(found[1], _secrets.public(found[1]), 1) if found else text


def _public_requirement(written: str, text: str, where: str) -> str:
    """Return a requirement without values of the environment, from its written form and its expanded form."""
    if written == text:
        return public_text(with_project_name(text, where))
    if parse_reference(with_project_name(text, where)):
        try:
            return public_text(with_project_name(written, where))
        except AirgapError:
            # The name alone would mean the project of that name on the index.
            return public_text("%s @ %s" % (with_project_name(text, where).partition("@")[0].strip(), written))
    # Probably a version, which the pins show as far as it matters.
    without = re.sub(r"(?:===|[<>=!~]=|[<>])\s*[^,;\s]*\$\{[A-Z0-9_]+\}[^,;\s]*,?", "", written)
    return text if "${" in without else without.strip()


def with_full_url(line: Line) -> str:
    """Return a requirement with its full URL, in which variables are expanded."""
    if not line.url:
        return line.text
    found = parse_reference(line.text)
    if not found:
        raise AirgapError("%s: %r has no URL to replace. Write NAME @ URL." % (line.where, line.text))
    return line.text.replace(found[1], line.url, 1)


def parse_requirement(text: str, where: str, written: str = "") -> Line:
    """Return one requirement of a file or of a module's option.

    ``written`` is the text before variables were expanded, if it has any.
    """
    requirement, options = split_options(text)
    hashes = []
    for name, value in options:
        if name not in _REQUIREMENT_OPTIONS:
            raise AirgapError(
                "%s: the option %s cannot follow a requirement. Remove it, or write it on a line of its own."
                % (where, name)
            )
        if name == "--hash":
            if not re.match(r"^[a-z0-9]+:[0-9a-f]+$", value):
                raise AirgapError("%s: %r is not a hash of the form sha256:HEX. Correct it." % (where, value))
            hashes.append(value)
    if not requirement:
        raise AirgapError("%s: %r contains no requirement. Correct it." % (where, text[:200]))
    written = split_options(written)[0] if written else requirement
    meant, shown = without_user(with_project_name(requirement, where)), _public_requirement(written, requirement, where)
    found = parse_reference(with_project_name(requirement, where))
    if not found:
        return Line(meant, tuple(hashes), where, shown, meant, "")
    # The query of a URL may change every day for the same file; if it is written in the file, it is part of the requirement.
    identity = shown if shown == meant else "%s %s" % (without_user(written), public_text(meant))
    return Line(shown, tuple(hashes), where, shown, identity, found[1])


def places_of(lines: t.Iterable[Line], mentioned: str) -> t.List[str]:
    """Return the places of the requirements that an engine means: by name, extras and specifiers, in any order."""
    return list(dict.fromkeys(line.where for line in lines if comparison_key(line.text) == comparison_key(mentioned)))


def comparison_key(requirement: str) -> t.Tuple[str, t.FrozenSet[str], t.FrozenSet[str]]:
    """Return a requirement's name, extras and specifiers, without its marker."""
    match = re.match(r"^\s*([A-Za-z0-9._-]+?)\s*(?:\[([^\]]*)\])?\s*([(=<>!~@][^;]*)?(?:;.*)?$", requirement)
    if match is None:
        return requirement, frozenset(), frozenset()
    name, extras, specifiers = (part or "" for part in match.groups())
    parts = [re.sub(r"[\s()]", "", part) for part in specifiers.split(",")]
    return (
        normalize(name),
        frozenset(normalize(one.strip()) for one in extras.split(",") if one.strip()),
        frozenset(part for part in parts if part),
    )


def mentioned_requirements(output: str) -> t.List[str]:
    """Return the requirements of the user that the output of a failed pip or uv names, in their spelling."""
    found = re.findall(r"^ *The user requested (?:\(constraint\) )?(.+)$", output, re.MULTILINE)
    found += re.findall(r"No matching distribution found for (.+?)(?: \(from .*\))?$", output, re.MULTILINE)
    flat = " ".join(output.split())
    found += re.findall(r"^ +(\S+) from \S+://\S+", output, re.MULTILINE)
    asked = r"(?!you )[A-Za-z0-9._-]+(?:\[[^\]]*\])?(?:(?:,(?! ))?[=<>!~]+[^\s,]+)*"
    for some in re.findall(r"you require (%s(?: and %s)*)" % (asked, asked), flat):
        found += some.split(" and ")
    return list(dict.fromkeys(one.strip().rstrip(".") for one in found))


def engine_line(line: Line, built: t.Mapping[str, t.Tuple[str, str]], is_hashed: bool) -> str:
    """Return a requirement as an engine reads it.

    If one requirement has hashes, all must have some; ``built`` has version and
    SHA-256 of the wheels that were built, by project.
    """
    text, hashes = with_full_url(line), line.hashes
    head, marker = split_marker(text)
    name = comparison_key(text)[0]
    if is_hashed and name in built and "@" not in head:
        version, sha256 = built[name]
        hashes += ("sha256:" + sha256,)
        if "==" not in head:
            comma = "," if comparison_key(head)[2] else ""
            text = "%s%s==%s%s" % (head, comma, version, " ; " + marker if marker else "")
    return text + "".join(" --hash=" + one for one in hashes)
