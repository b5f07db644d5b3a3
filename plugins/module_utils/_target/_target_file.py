# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Target files: the survey of a site writes them, and airgap_targets may name them.

A target file is a small YAML file with one entry for airgap_targets. Its
comments name the hosts that have this kind of interpreter.
"""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_bytes
from ansible_collections.airgap.python.plugins.module_utils._target import _target, _target_parser
from ansible_collections.airgap.python.plugins.module_utils._versions import release

HEADER = "# Written by the playbook survey: one kind of interpreter of the site. Changes here are lost at its next run."
# Ansible reads every .yml file in the folder of an inventory as a part of the inventory, but no .txt file.
SUFFIX = ".target.txt"
USE = "# To stage for it, name this file in airgap_targets, and the target in the sets that are for it."
_HOST = re.compile(r"^# host: (?P<host>\S+) (?P<python>\S.*)$", re.MULTILINE)

Entry = t.Dict[str, t.Any]


class Found(t.NamedTuple):
    """An interpreter that reported itself: where it is, and its complete entry."""

    host: str
    python: str
    entry: Entry


class Plan(t.NamedTuple):
    """The target files of a site.

    ``files`` are the texts by file name, ``hosts`` the names of the targets by
    host, ``left`` the names of target files that no known host matches any more.
    """

    files: t.Dict[str, str]
    hosts: t.Dict[str, t.List[str]]
    left: t.List[str]


def resolve_targets(
    terms: t.Iterable[t.Any], find: t.Callable[[str], t.List[str]], read: t.Callable[[str], t.Any]
) -> t.List[Entry]:
    """Return the targets that airgap_targets describes or names.

    ``find`` returns the files that match a path or a pattern, ``read`` the content of a file.
    Raises AirgapError for an entry that is neither.
    """
    found: t.List[Entry] = []
    for term in terms:
        if isinstance(term, str):
            found += [_entry(read(path), path) for path in find(str(term))]
        elif isinstance(term, t.Mapping) and "file" in term:
            unknown = sorted(set(term) - {"file", "name"})
            paths = find(str(term["file"]))
            if unknown or len(paths) != 1:
                raise AirgapError(
                    "an entry of airgap_targets with 'file' must name exactly one target file, and may have 'name'; %s: %s. "
                    "Describe the target, or name one file." % (term["file"], ", ".join(unknown or paths))
                )
            entry = _entry(read(paths[0]), paths[0])
            found.append(dict(entry, name=str(term.get("name") or entry["name"])))
        elif isinstance(term, t.Mapping):
            found.append(dict(term))
        elif isinstance(term, t.Sequence):
            found += resolve_targets(term, find, read)
        else:
            raise AirgapError(
                "an entry of airgap_targets is %r. Each is a target or the path of a target file." % (term,)
            )
    return found


def _entry(content: t.Any, path: str) -> Entry:
    """Return the content of a target file if it is a target; raises AirgapError."""
    try:
        if not isinstance(content, t.Mapping):
            raise AirgapError("it does not contain a target.")
        _target_parser.parse(content)
    except AirgapError as error:
        raise AirgapError("Target file %s: %s Play airgap.python.survey to write it again." % (path, error)) from error
    return dict(content)


def parse_answer(host: str, answer: t.Any) -> Found:
    """Return what the survey uses of a host's result; raises AirgapError if it does not describe an interpreter.

    A host reports what it is; it does not choose the name of a file. The name must follow from the description.
    """
    try:
        entry = _target_parser.parse(answer["description"])[0].as_dict()
        python = answer["info"]["executable"]
    except (KeyError, TypeError, AttributeError, AirgapError) as error:
        raise AirgapError("%s does not describe an interpreter: %s" % (host, error)) from error
    if not isinstance(python, str) or not re.match(r"^/[!-~ ]+\Z", python):
        raise AirgapError(
            "%s reported the path of its interpreter as %r, which is not an absolute path." % (host, str(python)[:80])
        )
    version = "".join(entry["python"].split(".")[:2])
    rest = [entry[key] for key in ("os", "arch", "libc", "os_version") if entry.get(key)]
    if not re.match(r"^[a-z]{2}%s[a-z]*-%s\Z" % (version, re.escape("-".join(rest))), entry["name"]):
        raise AirgapError(
            "%s named its interpreter %r, which does not match its description." % (host, entry["name"][:80])
        )
    return Found(host, python, entry)


def is_survey_file(text: str) -> bool:
    """Return whether the survey wrote a text."""
    return text.startswith(HEADER + "\n")


def plan(found: t.Sequence[Found], existing: t.Mapping[str, t.Tuple[str, t.Any]], known_hosts: t.Iterable[str]) -> Plan:
    """Return the target files of a site.

    ``existing`` are the texts and contents of the existing files, by name.
    A known host that was not asked this time keeps its entries in them.
    Raises AirgapError if a file that the survey did not write has the name of a target file.
    """
    asked = {one.host for one in found}
    silent = set(known_hosts) - asked
    everyone = list(found)
    for name, (text, content) in existing.items():
        if is_survey_file(text):
            for match in _HOST.finditer(text):
                if match.group("host") in silent:
                    entry = dict(_entry(content, name))
                    everyone.append(Found(match.group("host"), match.group("python"), entry))
    files: t.Dict[str, str] = {}
    hosts: t.Dict[str, t.List[str]] = {}
    known = {
        _kind(_entry(content, name)) for name, (text, content) in existing.items() if is_survey_file(text) and content
    }
    for target, users in _distinct(everyone, known):
        name = target["name"] + SUFFIX
        if name in existing and not is_survey_file(existing[name][0]):
            raise AirgapError(
                "The survey did not write %s, and does not replace it. Move it away, or set survey_dest." % name
            )
        files[name] = render(target, users)
        for host, _python in users:
            hosts.setdefault(host, []).append(target["name"])
    left = sorted(name for name, (text, _content) in existing.items() if is_survey_file(text) and name not in files)
    return Plan(files, hosts, left)


def _kind(entry: Entry) -> str:
    """Return a text that identifies a kind of interpreter."""
    return json.dumps(dict(entry), sort_keys=True)


def _distinct(found: t.Sequence[Found], known: t.Collection[str]) -> t.List[t.Tuple[Entry, t.List[t.Tuple[str, str]]]]:
    """Return each kind of interpreter once, under a unique name, with its hosts and their interpreters.

    A kind that is ``known`` under its short name keeps it: no other host can claim the name of a file in use.
    """
    kinds: t.Dict[str, t.Tuple[Entry, t.Set[t.Tuple[str, str]]]] = {}
    for one in found:
        # A suffix that distinguished two kinds of one name is computed again.
        entry = dict(one.entry, name=_short_name(one.entry))
        key = _kind(entry)
        kinds.setdefault(key, (entry, set()))[1].add((one.host, one.python))
    named: t.List[t.Tuple[Entry, t.List[t.Tuple[str, str]]]] = []
    taken: t.Set[str] = set()
    for key in sorted(
        kinds, key=lambda key: (kinds[key][0]["name"], key not in known, release(kinds[key][0]["python"]), key)
    ):
        entry, users = kinds[key]
        # The oldest keeps the short name: what is resolved for it fits the newer ones as well.
        digest = sha256_bytes(key.encode("utf-8"))[:8]
        for name in (entry["name"], entry["name"] + "-python-" + entry["python"], entry["name"] + "-" + digest):
            if name not in taken:
                break
        taken.add(name)
        named.append((dict(entry, name=name), sorted(users)))
    return named


def _short_name(entry: Entry) -> str:
    """Return the name of an interpreter without the suffix that distinguishes it from another of that name."""
    return re.sub(r"-(python-3\.[0-9a-z.]+|[0-9a-f]{8})$", "", entry["name"])


def render(target: Entry, users: t.Sequence[t.Tuple[str, str]]) -> str:
    """Return the text of a target file: the same interpreter and hosts give the same bytes."""
    lines = [HEADER, USE]
    lines += ["# host: %s %s" % user for user in users]
    lines.append("---")
    for field in _target.FIELDS:
        value = target.get(field)
        if isinstance(value, t.Mapping):
            lines.append("%s:" % field)
            lines += ["  %s: %s" % (key, json.dumps(value[key])) for key in value]
        elif isinstance(value, (list, tuple)):
            lines.append("%s:" % field)
            lines += ["  - %s" % one for one in value]
        elif value:
            lines.append("%s: %s" % (field, json.dumps(value)))
    return "\n".join(lines) + "\n"
