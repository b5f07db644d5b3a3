# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requirements files, read strictly: what they require, what they constrain, and which options they hold.

The rules are those of pip's documentation, "Requirements File Format". The
resolver reads the same files by itself; this reads them for the proof, and to
say what would otherwise be dropped.
"""

from __future__ import annotations

import codecs
import os
import re
import shlex
import typing as t
import urllib.parse

from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._resolve import _build
from ansible_collections.airgap.python.plugins.module_utils._secrets import without_secrets, without_user
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import NAME, normalize

_COMMENT = re.compile(r"(^|\s+)#.*$")
_VARIABLE = re.compile(r"\$\{(?P<name>[A-Z0-9_]+)\}")
_NAMED = re.compile(r"^" + NAME + r"\s*(?:$|[\[<>=!~;@(])")
_DIRECT = re.compile(r"^[A-Za-z0-9._-]+\s*(?:\[[^\]]*\]\s*)?@")
# What a path of a wheel begins with, read before packaging is loaded; whether it is a wheel's name, _wheel says.
_WHEEL = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._]*)-(?P<version>[A-Za-z0-9][^/-]*)(?:-[^/-]+){3,4}\.whl$")
_REQUIREMENT_OPTIONS = ("--hash", "--config-settings", "--config-setting", "-C", "--global-option")
# Behind it stands where a line stood on the machine that it was brought from.
ORIGIN = "  # airgap: "
_RELATIVE = "%s: %s is a relative path, which leads elsewhere on the internet host. %s"
_SHORT = {"-i": "--index-url", "-f": "--find-links", "-r": "--requirement", "-c": "--constraint", "-e": "--editable"}


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


class Option(t.NamedTuple):
    """An option in a file; ``value`` may hold a password."""

    name: str
    value: str
    where: str


class Parsed(t.NamedTuple):
    """What files hold together.

    ``files`` has the text of each file that was read, by its path; ``secrets`` what must not be seen anywhere, and what
    stands for it.
    """

    requirements: t.Tuple[Line, ...]
    constraints: t.Tuple[Line, ...]
    options: t.Tuple[Option, ...]
    files: t.Dict[str, str]
    secrets: t.Dict[str, str]


def logical_lines(text: str) -> t.Iterator[t.Tuple[int, str]]:
    """Yield (number, line) with continued lines joined and comments gone; empty lines are left out."""
    parts: t.List[str] = []
    first = 0
    for number, raw in enumerate(text.lstrip("\ufeff").splitlines(), 1):
        first = first if parts else number
        # As for pip, a line that is all comment goes on nowhere.
        alone = _COMMENT.match(raw) is not None
        if raw.endswith("\\") and not alone:
            parts.append(raw.strip("\\"))
            continue
        parts.append(" " + raw if alone else raw)
        line = _COMMENT.sub("", "".join(parts)).strip()
        parts = []
        if line:
            yield first, line
    line = _COMMENT.sub("", "".join(parts)).strip()
    if line:
        yield first, line


# What a file may begin with, the longer ones first: the mark of UTF-16 begins that of UTF-32.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decode(data: bytes) -> str:
    """Return the text of a requirements file: by its byte order mark, by a coding in its first two lines, or UTF-8, as pip does.

    Raises UnicodeDecodeError, and LookupError for a coding that there is not.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding)
    for line in data.split(b"\n")[:2]:
        match = re.search(rb"coding[:=]\s*([-\w.]+)", line) if line.startswith(b"#") else None
        if match:
            return data.decode(match.group(1).decode("ascii", "replace"))
    return data.decode("utf-8")


def read_file(path: str) -> str:
    """Return the text of a requirements file; raises OSError, and what decode() raises."""
    with open(path, "rb") as stream:
        return decode(stream.read())


def stage_build_entry(name: str, reference: str) -> str:
    """Return the sentences with the entry of stage_build that makes a project from what a requirement's URL or path names."""
    parts = urllib.parse.urlsplit(reference.partition("#")[0])
    if urllib.parse.unquote(parts.path).endswith(".whl"):
        if parts.scheme in ("", "file"):
            return "Put the wheel into a folder of the internet host, and name that in stage_find_links."
        return "Require %s @ %s." % (name, without_secrets(reference.partition("#")[0]))
    if "+" in parts.scheme and not parts.scheme.startswith("git+"):
        return "Check it out into a folder, and add to stage_build: {name: %s, source: FOLDER}." % name
    return "Add to stage_build: %s." % _build.build_entry(name, reference)


def instead(name: str, reference: str) -> str:
    """Return how a project is had of which a line of a requirements file names the source."""
    return "%s Then write %s in place of the line." % (stage_build_entry(name, reference), name)


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


class _Reader:
    """Reads files and those that they name."""

    def __init__(self, read: t.Callable[[str], str], variables: t.Mapping[str, str]) -> None:
        self.read = read
        self.variables = variables
        self.requirements: t.List[Line] = []
        self.constraints: t.List[Line] = []
        self.options: t.List[Option] = []
        self.files: t.Dict[str, str] = {}
        self.secrets: t.Dict[str, str] = {}
        self.errors: t.List[str] = []

    def take(self, raw: str, where: str, constraint: bool) -> None:
        """Take a requirement or constraint, or note what is wrong with it, without the values of its variables."""
        line = self.expand(raw)
        try:
            found = self.line(raw, where)
            extras = re.match(r"^([A-Za-z0-9._-]+)\s*\[[^\]]*\]\s*", found.text) if constraint else None
            if extras:
                raise AirgapError(
                    "%s: the constraint %s has an extra, and a constraint only says which versions are allowed. "
                    "Write %s%s." % (where, found.text, extras.group(1), found.text[extras.end() :])
                )
            (self.constraints if constraint else self.requirements).append(found)
        except AirgapError as error:
            said = str(error)
            if line != raw:
                said = "%s: %r cannot be read with its variables filled in. Correct it, or what they hold." % (
                    where,
                    raw,
                )
            self.errors.append(said)

    def expand(self, line: str) -> str:
        """Return a line with ${NAME} replaced where the variable is set, as pip does."""
        return _VARIABLE.sub(lambda match: self.variables.get(match.group("name")) or match.group(), line)

    def line(self, written: str, where: str) -> Line:
        """Return a requirement, and note what is secret in it."""
        line = parse_requirement(self.expand(written), where, written)
        if line.url:
            values = {name: self.variables.get(name, "") for name in _VARIABLE.findall(written)}
            self.secrets.update(_secrets.masks(_secrets.passwords([line.url])))
            for name, value in values.items():
                if len(value) >= _secrets.SHORTEST:
                    self.secrets.update({one: "${%s}" % name for one in (value, urllib.parse.quote(value))})
        return line

    def file(self, path: str, constraint: bool, inside: t.Tuple[str, ...] = (), named_in: str = "") -> None:
        """Read a file and those that it names; ``named_in`` is the line that names it."""
        begin = named_in + ": " if named_in else ""
        if path in inside:
            raise AirgapError(
                "%s%s names itself, by way of %s. Remove one of the -r or -c lines." % (begin, path, ", ".join(inside))
            )
        if re.match(r"^[A-Za-z][A-Za-z0-9+.-]+://", path):
            raise AirgapError(
                "%s%s is a file on the net. Fetch it yourself, read it, and name the copy."
                % (begin, without_secrets(path))
            )
        if path not in self.files:
            try:
                self.files[path] = self.read(path)
            except (OSError, UnicodeDecodeError, LookupError) as error:
                raise AirgapError(
                    "%s%s cannot be read: %s. Name a file that is there, in UTF-8 or UTF-16." % (begin, path, error)
                ) from error
        physical = self.files[path].lstrip("\ufeff").splitlines()
        for number, raw in logical_lines(self.files[path]):
            line = self.expand(raw)
            origin = physical[number - 1].partition(ORIGIN)[2].strip()
            where = origin or "%s, line %d" % (path, number)
            if line.startswith("-"):
                self.option(line, raw, where, path, constraint, inside)
            else:
                self.take(raw, where, constraint)

    def option(self, line: str, raw: str, where: str, path: str, constraint: bool, inside: t.Tuple[str, ...]) -> None:
        """Follow -r and -c, take an editable as the requirement that it is, note all others."""
        name, value = self.split_option(line)
        if name in ("--requirement", "--constraint"):
            try:
                words = shlex.split(value)
            except ValueError as error:
                raise AirgapError("%s: a quote is not closed (%s). Close it." % (where, error)) from error
            if len(words) != 1:
                raise AirgapError(
                    "%s: %s must be followed by one file, and is by %d. If its path has spaces, put it in quotes."
                    % (where, name, len(words))
                )
            value = words[0]
            if "://" not in value:
                value = os.path.normpath(os.path.join(os.path.dirname(path), value))
            # As for pip, -r in a constraints file requires.
            self.file(value, name == "--constraint", inside + (path,), where)
        elif name == "--editable":
            self.editable(self.split_option(raw)[1], where)
        else:
            self.options.append(Option(name, value, where))

    def editable(self, value: str, where: str) -> None:
        """Note that what is editable cannot be had, and how else it can."""
        egg = re.search(r"[#&]egg=([A-Za-z0-9._-]+)", value)
        direct = re.match(r"^([A-Za-z0-9._-]+)\s*(?:\[[^\]]*\]\s*)?@\s*(?=\S+:|[./])", value)
        name = egg.group(1) if egg else direct.group(1) if direct else "NAME"
        reference = value[direct.end() :] if direct else re.sub(r"\[[^\]]*\]$", "", value)
        mend = instead(name, reference)
        if "://" not in reference:
            # Tools that export a lock write the project itself so.
            mend = mend[:-1] + "; or remove it, if only what the project requires is wanted and stands in the file."
        self.errors.append(
            "%s: %s is editable, which no other machine can install. %s" % (where, without_secrets(value), mend)
        )

    @staticmethod
    def split_option(line: str) -> t.Tuple[str, str]:
        """Return the option's long name and its value."""
        match = re.match(r"^(--[a-z-]+)(?:(?:\s*=\s*|\s+)(.*))?$", line) or re.match(r"^(-[A-Za-z])\s*=?\s*(.*)$", line)
        if match is None:
            return line, ""
        return _SHORT.get(match.group(1), match.group(1)), (match.group(2) or "").strip()


def parse(
    requirements: t.Sequence[str],
    files: t.Sequence[str],
    constraints_files: t.Sequence[str],
    read: t.Callable[[str], str],
    variables: t.Optional[t.Mapping[str, str]] = None,
) -> Parsed:
    """Return what requirement strings, requirements files and constraints files hold together.

    ``read`` returns the text of a file, ``variables`` are those that files may
    name as ${NAME}. Raises AirgapError.
    """
    reader = _Reader(read, variables or {})
    for text in requirements:
        for _number, line in logical_lines(text):
            if line.startswith("-"):
                name, value = reader.split_option(line)
                if name == "--editable":
                    reader.editable(value, "requirements")
                else:
                    mend = _mend(Option(name, value, ""), "")
                    reader.errors.append("The requirement %r is an option of pip. %s" % (without_secrets(line), mend))
                continue
            reader.take(line, "requirements", False)
    for path in files:
        reader.file(path, False)
    for path in constraints_files:
        reader.file(path, True)
    if reader.errors:
        raise AirgapError(*reader.errors)
    return Parsed(
        tuple(reader.requirements), tuple(reader.constraints), tuple(reader.options), reader.files, reader.secrets
    )


# Where what an option says has its place; no option hides in a file.
_PLACES = {
    "--requirement": "requirements_files (requirements_file of a set)",
    "--constraint": "constraints_files (constraints_file of a set)",
    "--index-url": "index_url (stage_index_url in the role stage)",
    "--extra-index-url": "extra_index_urls (stage_extra_index_urls in the role stage)",
    "--find-links": "find_links (stage_find_links in the role stage)",
    "--trusted-host": "the configuration of pip on the internet host",
}
_WHEELS = "Remove it: nothing but wheels is taken, save what stage_build lists."
_BUILDS = "Remove it: nothing is built but what stage_build lists."
# What is to be done for an option that has no such place.
_MENDS = {
    "--only-binary": _WHEELS,
    "--prefer-binary": _WHEELS,
    "--require-hashes": "Remove it: hashes in a file are always kept to.",
    "--pre": "Remove it, and name the pre-releases that you want, such as NAME>=2.0rc1.",
    "--no-index": "Remove it, and name folders with wheels in find_links (stage_find_links in the role stage).",
    "--config-settings": _BUILDS,
    "--global-option": _BUILDS,
}


def _mend(option: Option, remove: str = " Remove it from the file.") -> str:
    """Return what to do for an option that stands where none counts."""
    if option.name in _PLACES:
        return "Its place is %s.%s" % (_PLACES[option.name], remove)
    if option.name != "--no-binary":
        return _MENDS.get(option.name, "Remove it: it is a setting of the pip of another machine.")
    names = [normalize(name.strip()) for name in option.value.split(",") if name.strip()]
    if not names or any(name.startswith(":") for name in names):
        return "Remove it. Add to stage_build those that you want built, such as {name: NAME}."
    return "Remove it. Add to stage_build: %s." % ", ".join("{name: %s}" % name for name in names)


def refuse_options(parsed: Parsed) -> None:
    """Raise AirgapError for all options in files: options count for the whole resolution, not for a file."""
    errors = [
        "%s: the option %s does not count in a file here. %s" % (option.where, option.name, _mend(option))
        for option in parsed.options
    ]
    if errors:
        raise AirgapError(*errors)


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


def shown_with_place(line: Line) -> str:
    """Return a requirement with where it stands, as messages show it."""
    return "%s (%s)" % (line.text, line.where)


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


def refuse_other_hashes(
    lines: t.Iterable[Line], have: t.Mapping[str, str], built: t.Container[str] = (), is_checked: bool = False
) -> None:
    """Raise AirgapError where a file, of project to SHA-256, is none of those that hashed lines promise.

    ``is_checked`` says that the engine looks for the promised files by itself, in whatever algorithm, as pip does for
    requirements. What is in ``built`` has no such promise.
    """
    promised: t.Dict[str, t.List[Line]] = {}
    for line in lines:
        if line.hashes:
            promised.setdefault(_canonical(line.text)[0], []).append(line)
    errors = []
    for name, some in sorted(promised.items()):
        if name not in have or name in built or any("sha256:" + have[name] in line.hashes for line in some):
            continue
        other = [line for line in some if not any(one.startswith("sha256:") for one in line.hashes)]
        if other and not is_checked:
            errors.append(
                "%s: it promises no sha256, and no other hash can be compared here. Write --hash=sha256:HEX behind it."
                % shown_with_place(other[0])
            )
        elif not other:
            errors.append(
                "%s: the index's file for it has the sha256 %s, which is not among the promised. Do not go on before you "
                "know why; if the index has more files of that version, resolver pip looks for the promised one where the "
                "hash stands behind a requirement." % (shown_with_place(some[0]), have[name])
            )
    if errors:
        raise AirgapError(*errors)


# Where conda builds what it installs; its pip freezes such places.
_CONDA = re.compile(r"/croot/|/feedstock_root/|/conda-bld/|/tmp/build/[0-9a-f]{8}/|/C:/ci/|/work/ci_")


def refuse_missing_files(lines: t.Iterable[Line], is_there: t.Callable[[str], bool]) -> None:
    """Raise AirgapError for all lines that name a file which is not on this host, as a conda freeze does."""
    errors = []
    for line in lines:
        local, found = _local_path(line.url), reference(line.text)
        if not local or not found or is_there(local):
            continue
        name, path = found[0], _local_path(found[1]) or found[1]
        wheel = _WHEEL.search(path)
        pinned = "%s==%s" % (name, wheel.group("version") if wheel else "VERSION")
        if _CONDA.search(path):
            errors.append(
                "%s: %s comes from %s, a place on the machine where the list was written. Write %s; "
                "'pip list --format=freeze' writes all lines so." % (line.where, name, path, pinned)
            )
        else:
            mend = instead(pinned if wheel else name, path)
            errors.append(
                "%s: %s comes from %s, which is not on this host. Copy it there, or: %s"
                % (line.where, name, path, mend)
            )
    if errors:
        raise AirgapError(*errors)


def _local_path(url: str) -> str:
    """Return the path that a URL names on this host, "" for any other URL."""
    match = re.match(r"^file://(?:localhost)?(/[^\s#;]*)", url)
    return urllib.parse.unquote(match.group(1)) if match else ""


def refuse_unreadable(lines: t.Iterable[Line], read: t.Callable[[str], t.Any]) -> None:
    """Raise AirgapError for all lines that ``read``, which raises ValueError, cannot read (PEP 508)."""
    errors = []
    for line in lines:
        unset = _VARIABLE.search(line.url)
        if unset:
            mend = "Set it, or write in its place what it stands for."
            errors.append("%s: %s is not set in the environment of this host. %s" % (line.where, unset.group(), mend))
            continue
        try:
            read(line.text)
        except ValueError as error:
            # What follows shows by signs where in the line it is.
            reason = str(error).partition("\n")[0].rstrip(".")
            errors.append("%s: %r cannot be read: %s. Correct it, or remove it." % (line.where, line.text, reason))
    if errors:
        raise AirgapError(*errors)
