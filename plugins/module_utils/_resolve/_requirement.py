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
from ansible_collections.airgap.python.plugins.module_utils._resolve._build_advice import instead
from ansible_collections.airgap.python.plugins.module_utils._secrets import without_secrets, without_user
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import NAME, normalize

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Z0-9_]+)\}")
_NAMED = re.compile(r"^" + NAME + r"\s*(?:$|[\[<>=!~;@(])")
_DIRECT = re.compile(r"^[A-Za-z0-9._-]+\s*(?:\[[^\]]*\]\s*)?@")
# What a path of a wheel begins with, read before packaging is loaded; whether it is a wheel's name, _wheel says.
_WHEEL = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._]*)-(?P<version>[A-Za-z0-9][^/-]*)(?:-[^/-]+){3,4}\.whl$")
_REQUIREMENT_OPTIONS = ("--hash", "--config-settings", "--config-setting", "-C", "--global-option")
_RELATIVE = "%s: %s is a relative path, which leads elsewhere on the internet host. %s"


class Line(t.NamedTuple):
    """A requirement or constraint, its hashes, and where it stands.

    ``text`` is what the proof reads (PEP 508), ``public`` what a lock may say. In both, a URL is as it is written, with
    ${NAME}, and without user, password and query; ``public`` has nothing else that came from the environment, either.
    ``identity`` is what a digest is made of, ``url`` the URL itself, "" for what comes from an index.
    """

    text: str
    hashes: t.Tuple[str, ...]
    where: str
    public: str
    identity: str
    url: str


def split_marker(text: str) -> t.Tuple[str, str]:
    """Return a requirement (PEP 508) without its marker, and the marker; in a URL only " ;" begins one."""
    head, semicolon, marker = text.partition(" ;" if "@" in text.partition(";")[0] else ";")
    return (head.strip(), marker.strip()) if semicolon else (text.strip(), "")


def split_options(line: str) -> t.Tuple[str, t.List[t.Tuple[str, str]]]:
    """Return a requirement and the options behind it as (name, value)."""
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


def named(text: str, where: str) -> str:
    """Return a requirement with its project's name; raises AirgapError where a path or URL does not tell it."""
    direct = _DIRECT.match(text)
    # What a variable at the beginning stands for is a whole URL.
    if direct and "://" not in text and re.match(r"\s*(?!\$\{)\S", text[direct.end() :]):
        name, path = re.split(r"[\s\[@]", text, maxsplit=1)[0], text[direct.end() :].partition(" ;")[0].strip()
        raise AirgapError(_RELATIVE % (where, path, instead(name, path)))
    if _NAMED.match(text) and (direct or not re.match(r"^\S+\.whl(?:$|[\s;#\[])", text)):
        return text
    place, semicolon, marker = text.partition(" ;")
    found = _WHEEL.search(urllib.parse.unquote(place.split("#")[0].split("?")[0]))
    egg = re.search(r"[#&]egg=([A-Za-z0-9._-]+(?:\[[^\]]*\])?)", place)
    name = egg.group(1) if egg else found.group("name") if found else ""
    url = place.split("#")[0].strip()
    if not name:
        raise AirgapError(
            "%s: %r does not say which project it is. If it is a wheel, write NAME @ URL. If not: %s"
            % (where, without_secrets(text)[:200], instead("NAME", place.strip()))
        )
    if "://" not in url and not url.startswith("${"):
        if not os.path.isabs(url):
            raise AirgapError(_RELATIVE % (where, url, instead(name, url)))
        url = "file://" + urllib.parse.quote(os.path.abspath(url))
    subdirectory = re.search(r"[#&](subdirectory=[^&]+)", place)
    url += "#" + subdirectory.group(1) if subdirectory else ""
    return "%s @ %s%s" % (name, url, " ;" + marker if semicolon else "")


def reference(text: str) -> t.Optional[t.Tuple[str, str]]:
    """Return name and URL of a requirement of the form NAME @ URL; None for any other."""
    match = re.match(r"^([A-Za-z0-9._-]+)\s*(?:\[[^\]]*\]\s*)?@\s*(\S+)", text)
    return (match.group(1), match.group(2)) if match else None


def public(text: str) -> str:
    """Return a requirement whose URL, if it has one, is without user, password and query."""
    found = reference(text)
    return text.replace(found[1], _secrets.public(found[1]), 1) if found else text


def _public(written: str, text: str, where: str) -> str:
    """Return a requirement without what came from the environment, by how it is written and what it means."""
    if written == text:
        return public(named(text, where))
    if reference(named(text, where)):
        try:
            return public(named(written, where))
        except AirgapError:
            # The name alone would be the index's namesake.
            return public("%s @ %s" % (named(text, where).partition("@")[0].strip(), written))
    # A version, maybe; the pins say it as far as anybody needs to know.
    without = re.sub(r"(?:===|[<>=!~]=|[<>])\s*[^,;\s]*\$\{[A-Z0-9_]+\}[^,;\s]*,?", "", written)
    return text if "${" in without else without.strip()


def whole(line: Line) -> str:
    """Return a requirement with its URL itself, in which variables are filled in."""
    if not line.url:
        return line.text
    found = reference(line.text)
    if not found:
        raise AirgapError("%s: %r has no place for its URL. Write NAME @ URL." % (line.where, line.text))
    return line.text.replace(found[1], line.url, 1)


def parse_requirement(text: str, where: str, written: str = "") -> Line:
    """Return one requirement as it stands in a file or in an option of a module.

    ``written`` is the text before variables were filled in, where there are any.
    """
    requirement, options = split_options(text)
    hashes = []
    for name, value in options:
        if name not in _REQUIREMENT_OPTIONS:
            raise AirgapError(
                "%s: the option %s cannot stand behind a requirement. Remove it, or give it a line of its own."
                % (where, name)
            )
        if name == "--hash":
            if not re.match(r"^[a-z0-9]+:[0-9a-f]+$", value):
                raise AirgapError("%s: %r is no hash of the form sha256:HEX. Correct it." % (where, value))
            hashes.append(value)
    if not requirement:
        raise AirgapError("%s: %r holds no requirement. Correct it." % (where, text[:200]))
    written = split_options(written)[0] if written else requirement
    meant, shown = without_user(named(requirement, where)), _public(written, requirement, where)
    found = reference(named(requirement, where))
    if not found:
        return Line(meant, tuple(hashes), where, shown, meant, "")
    # The query may be another each day, for the same file; where it is written, it is part of what is asked for.
    identity = shown if shown == meant else "%s %s" % (without_user(written), public(meant))
    return Line(shown, tuple(hashes), where, shown, identity, found[1])


def places(lines: t.Iterable[Line], mentioned: str) -> t.List[str]:
    """Return where the requirements stand that an engine calls so: a name, extras and specifiers, in whatever order."""
    return list(dict.fromkeys(line.where for line in lines if _canonical(line.text) == _canonical(mentioned)))


def _canonical(requirement: str) -> t.Tuple[str, t.FrozenSet[str], t.FrozenSet[str]]:
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


def mentioned(output: str) -> t.List[str]:
    """Return the requirements of the user that pip or uv speak of when they fail, as they write them."""
    found = re.findall(r"^ *The user requested (?:\(constraint\) )?(.+)$", output, re.MULTILINE)
    found += re.findall(r"No matching distribution found for (.+?)(?: \(from .*\))?$", output, re.MULTILINE)
    flat = " ".join(output.split())
    found += re.findall(r"^ +(\S+) from \S+://\S+", output, re.MULTILINE)
    asked = r"(?!you )[A-Za-z0-9._-]+(?:\[[^\]]*\])?(?:(?:,(?! ))?[=<>!~]+[^\s,]+)*"
    for some in re.findall(r"you require (%s(?: and %s)*)" % (asked, asked), flat):
        found += some.split(" and ")
    return list(dict.fromkeys(one.strip().rstrip(".") for one in found))


def for_engine(line: Line, built: t.Mapping[str, t.Tuple[str, str]], is_hashed: bool) -> str:
    """Return a requirement as an engine reads it.

    Where requirements are hashed, so must be all; ``built`` has version and
    SHA-256 of the wheels that were built since, by project.
    """
    text, hashes = whole(line), line.hashes
    head, marker = split_marker(text)
    name = _canonical(text)[0]
    if is_hashed and name in built and "@" not in head:
        version, sha256 = built[name]
        hashes += ("sha256:" + sha256,)
        if "==" not in head:
            comma = "," if _canonical(head)[2] else ""
            text = "%s%s==%s%s" % (head, comma, version, " ; " + marker if marker else "")
    return text + "".join(" --hash=" + one for one in hashes)
