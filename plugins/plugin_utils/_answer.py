# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's answer is data: the one place on the control host that every module's answer passes through.

Ansible acts on what a module returns: ``ansible_facts`` become variables of the host, above the inventory's,
``add_host`` and ``add_group`` change the inventory, ``ansible_stats`` reach who started the run. A compromised host
answers in place of a module. So only what the module documents is used of each answer, with its type and form checked.
"""

from __future__ import annotations

import json
import os
import re
import typing as t

import yaml
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.common.text.converters import to_bytes, to_text
from ansible.module_utils.json_utils import _filter_non_json_lines
from ansible.plugins.action import ActionBase
from ansible_collections.airgap.python.plugins.module_utils._secrets import without_secrets
from ansible_collections.airgap.python.plugins.module_utils._text import is_plain, shown

# A longer text for people, in characters, is cut; a value in one line may not be longer than LINE.
TEXT = 100_000
LINE = 65_536
# A lock, sums or signatures, in characters: the largest text of a bundle in base64.
LARGEST = 96 * 1024 * 1024
# Everything that a host prints for one task, in bytes.
ALL = 2 * LARGEST
DEEPEST = 16

# Texts for people that every module may return besides what it documents. They are shown and never used.
SPOKEN = ("msg", "stdout", "stderr", "module_stdout", "module_stderr", "pip_output")
# Long encoded texts; their users parse them strictly.
ENCODED = ("sums", "armor", "content")
# The form that some keys must have, wherever they are in an answer.
FORMS = {
    "id": r"([0-9a-f]{32})?",
    "base": r"([0-9a-f]{32})?",
    "sha256": r"([0-9a-f]{64})?",
    "signatures_sha256": r"([0-9a-f]{64})?",
    "volumes_sha256": r"([0-9a-f]{64})?",
    "known": r"[0-9a-f]{64}",
    "wanted": r"[0-9]+(-[0-9]+|@[0-9]+-[0-9]+)?",
    "target": r"([A-Za-z0-9][A-Za-z0-9._+-]*)?",
    "version": r"[A-Za-z0-9!+._*-]*",
    "created": r"[0-9TZtz:+. -]*",
}
PATHS = ("path", "folder", "dest", "executable", "record", "wheel", "filename")
# What the roles use of ansible.builtin's answers; the rest is dropped.
BUILTIN: t.Dict[str, t.Any] = {
    "blockinfile": {},
    "command": {"rc": int, "stdout": str, "stderr": str},
    "copy": {},
    "fetch": {},
    "file": {},
    "get_url": {},
    "slurp": {"content": str},
    "stat": {"stat": {"exists": bool, "isreg": bool, "islnk": bool, "isdir": bool, "pw_name": str, "uid": int}},
    "template": {},
    "uri": {"status": int, "json": {"type": str}},
}
# Our own requests do not use the proxies and logins of the user that they run as.
_DIRECTLY = {"use_proxy": False, "use_netrc": False}
ARGUMENTS: t.Dict[str, t.Dict[str, t.Any]] = {"get_url": _DIRECTLY, "uri": _DIRECTLY}
_TYPES: t.Dict[str, t.Any] = {
    "str": str,
    "path": str,
    "int": int,
    "float": float,
    "bool": bool,
    "dict": dict,
    "raw": None,
}


class AnswerError(Exception):
    """An answer differs from what the module documents; the message names the difference."""


def readable(text: str) -> str:
    """Return a text of several lines with everything escaped that a terminal would act on, except line ends and tabs."""
    # A terminal in between ends lines with both characters.
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join("\t".join(shown(part) for part in line.split("\t")) for line in lines)


def documented(module: str) -> t.Dict[str, t.Any]:
    """Return what a module of this collection documents in RETURN: key to type."""
    path = os.path.join(os.path.dirname(os.path.dirname(__file__)), "modules", module + ".py")
    with open(path, encoding="utf-8") as stream:
        found = re.search(r'^RETURN = r?"""(.*?)"""', stream.read(), re.MULTILINE | re.DOTALL)
    return {key: _kind(entry) for key, entry in (yaml.safe_load(found.group(1)) if found else {}).items()}


def _kind(entry: t.Mapping[str, t.Any]) -> t.Any:
    if entry["type"] == "list":
        return [_kind({"type": entry.get("elements", "raw"), "contains": entry.get("contains")})]
    if entry["type"] == "dict" and entry.get("contains"):
        return {key: _kind(one) for key, one in entry["contains"].items()}
    return _TYPES[entry["type"]]


def check(answer: t.Any, kinds: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
    """Return what may be used of an answer; raises AnswerError where a value is not of its documented type and form."""
    if not isinstance(answer, dict):
        raise AnswerError("an answer that is not an object")
    kept: t.Dict[str, t.Any] = {key: answer[key] is True for key in ("changed", "failed") if key in answer}
    kept.update({key: _spoken(answer[key]) for key in SPOKEN if isinstance(answer.get(key), str)})
    for key, kind in dict({"rc": int}, **kinds).items():
        if key in answer and key not in SPOKEN:
            kept[key] = _value(answer[key], kind, key, 0)
    if isinstance(kept.get("stdout"), str):
        kept["stdout_lines"] = kept["stdout"].split("\n")
    if isinstance(kept.get("stderr"), str):
        kept["stderr_lines"] = kept["stderr"].split("\n")
    # Not the invocation: from ansible-core 2.22 on, it holds the secrets that a module was given.
    if isinstance(answer.get("diff"), (dict, list)):
        kept["diff"] = _lenient(answer["diff"], 0)
    if answer.get("skipped") is True:
        kept["skipped"] = True
    # As a deprecation, a text would choose by itself which collection it accuses.
    for key in ("warnings", "deprecations"):
        said = answer.get(key)
        if isinstance(said, (list, tuple)) and said:
            kept.setdefault("warnings", []).extend(_spoken(_said(one))[:2000] for one in said[:20])
    if kept.get("failed"):
        # Newer versions of Ansible put a module's message and its traceback there.
        reason = _said(answer.get("exception")) if answer.get("exception") else ""
        kept["msg"] = kept.get("msg") or _spoken(reason) or "it failed without a reason"
    return kept


def _said(thing: t.Any) -> str:
    """Return the text of a warning or an error, which Ansible stores as a text or as an object that contains one."""
    if isinstance(thing, dict):
        return "Deprecated: %s" % thing.get("msg")
    event = getattr(thing, "event", None)
    said = getattr(event, "msg", None) if event is not None else thing
    traceback = getattr(event, "formatted_traceback", None)
    return "%s\n%s" % (said, traceback) if traceback else str(said)


def has_secret(value: t.Any) -> bool:
    """Return whether a URL in a module's arguments has a user, a password or a query, which may be a signature."""
    if isinstance(value, dict):
        return any(has_secret(one) for one in value.values())
    if isinstance(value, (list, tuple)):
        return any(has_secret(one) for one in value)
    return isinstance(value, str) and without_secrets(value) != value


def _spoken(text: str) -> str:
    cut = text if len(text) <= TEXT else text[:TEXT] + " ... (%d characters in all)" % len(text)
    return readable(cut)


def _lenient(value: t.Any, depth: int) -> t.Any:
    """Return a value that is only shown, such as a diff, without anything that a terminal would act on."""
    if isinstance(value, dict) and depth < DEEPEST:
        return {_spoken(str(key)): _lenient(one, depth + 1) for key, one in value.items()}
    if isinstance(value, (list, tuple)) and depth < DEEPEST:
        return [_lenient(one, depth + 1) for one in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return _spoken(str(value))


def _value(value: t.Any, kind: t.Any, key: str, depth: int) -> t.Any:
    """Return a value if its type is correct and its texts have the form that their keys require."""
    if depth > DEEPEST:
        raise AnswerError("a %s that is nested too deeply" % key)
    if value is None:
        return None
    if isinstance(kind, dict) or kind is dict:
        if not isinstance(value, dict):
            raise AnswerError("a %s that is not a dictionary" % key)
        known = kind if isinstance(kind, dict) else {}
        inner = {one: value[one] for one in known if one in value} if known else value
        return {_text(one, "key of " + key): _value(inner[one], known.get(one), one, depth + 1) for one in inner}
    if isinstance(kind, list):
        if not isinstance(value, (list, tuple)):
            raise AnswerError("a %s that is not a list" % key)
        return [_value(one, kind[0], key, depth + 1) for one in value]
    if kind is None:
        return _value(value, _kind_of(value, key), key, depth)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise AnswerError(
            "a %s that is not a %s" % (key, {str: "text", int: "number", float: "number", bool: "boolean"}[kind])
        )
    if kind is int and abs(value) >= 1 << 63:
        raise AnswerError("a %s that is too large to be true" % key)
    return _text(value, key) if kind is str else value


def _kind_of(value: t.Any, key: str) -> t.Any:
    if isinstance(value, (list, tuple)):
        return [None]
    for kind in (dict, bool, int, float, str):
        if isinstance(value, kind):
            return kind
    raise AnswerError("a %s of a type that JSON lacks" % key)


def _text(value: t.Any, key: str) -> str:
    if not isinstance(value, str):
        raise AnswerError("a %s that is not a text" % key)
    # A plain str: Ansible marks strings with tags that change how they are used.
    text = "".join(value)
    if key in ENCODED:
        if len(text) > LARGEST or not re.fullmatch(r"[A-Za-z0-9+/= \n-]*", text):
            raise AnswerError("a %s that is longer than %d characters or neither base64 nor PEM" % (key, LARGEST))
        return text
    if len(text) > LINE:
        raise AnswerError("a %s of %d characters" % (key, len(text)))
    if not is_plain(text):
        raise AnswerError("a %s with a line end or another control character: %s" % (key, _brief(text)))
    # No documented value contains a template; some versions of Ansible would run it where another host's play reads it.
    if re.search(r"\{[{%#]", text):
        raise AnswerError("a %s with a template in it: %s" % (key, _brief(text)))
    if key in FORMS and not re.fullmatch(FORMS[key], text):
        raise AnswerError("the %s %s, which is not valid" % (key, _brief(text)))
    if key in PATHS and ".." in text.split("/"):
        raise AnswerError("the %s %s, which leads out of its folder" % (key, _brief(text)))
    return text


def _brief(text: str) -> str:
    return "'%s'" % shown(text[:120])


def _readable_call(call: t.Callable[..., t.Any]) -> t.Callable[..., t.Any]:
    """Return a method of a connection without anything in its result and errors that a terminal would act on."""

    def readable_call(*args: t.Any, **kwargs: t.Any) -> t.Any:
        try:
            result = call(*args, **kwargs)
        except AnsibleError as error:
            raise type(error)(readable(str(error))[:TEXT]) from None
        if not isinstance(result, tuple):
            return result
        rc, out, err = result
        if len(out) + len(err) > ALL:
            raise AnsibleError("The host printed %d bytes for one task. None of that is used." % (len(out) + len(err)))
        texts = [readable(to_text(one, errors="surrogateescape")) for one in (out, err)]
        return rc, to_bytes(_without_internals(texts[0])), to_bytes(texts[1])

    return readable_call


def _without_internals(text: str) -> str:
    """Return a module's answer without keys that only Ansible itself may set; it would print their values in warnings."""
    try:
        answer = json.loads(_filter_non_json_lines(text, objects_only=True)[0])
    except (ValueError, RecursionError):
        return text
    inner = [key for key in answer if key.startswith("_ansible_") or key in ("add_host", "add_group")]
    return json.dumps({key: answer[key] for key in answer if key not in inner}) if inner else text


class CheckedAction(ActionBase):
    """An action that checks its module's answers before anything else reads them."""

    # What the action uses of its module's answer besides what is documented, key to type.
    between: t.Dict[str, t.Any] = {}

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().__init__(*args, **kwargs)
        # Ansible puts what a host prints around a module's answer into its own warnings and errors.
        if not hasattr(self._connection, "_airgap_is_readable"):
            self._connection._airgap_is_readable = True
            for name in ("exec_command", "put_file", "fetch_file"):
                if hasattr(self._connection, name):
                    setattr(self._connection, name, _readable_call(getattr(self._connection, name)))

    def run(self, tmp: t.Optional[str] = None, task_vars: t.Optional[t.Dict[str, t.Any]] = None) -> t.Dict[str, t.Any]:
        """Refuse to start where facts would override settings; every action calls this first."""
        result = super().run(tmp, task_vars)
        shadowed = settings_among((task_vars or {}).get("ansible_facts") or {})
        if shadowed:
            raise AnsibleActionFail(
                "%s has facts with the names of settings: %s. A host must not set these: clear its facts (the fact cache, "
                "set_fact with cacheable) and set them in the inventory."
                % (self.host(task_vars or {}), ", ".join(shadowed))
            )
        return result

    def _update_module_args(
        self, module_name: str, module_args: t.Dict[str, t.Any], *args: t.Any, **kwargs: t.Any
    ) -> None:
        """Have the module not log what it was called with where that is a secret; the host's journal is read by others."""
        super()._update_module_args(module_name, module_args, *args, **kwargs)
        if has_secret(module_args):
            module_args["_ansible_no_log"] = True

    def _execute_module(self, *args: t.Any, **kwargs: t.Any) -> t.Dict[str, t.Any]:
        module = args[0] if args else kwargs.get("module_name")
        task_vars = kwargs.get("task_vars") or {}
        answer = super()._execute_module(*args, **kwargs)
        # Modules of ansible.builtin that Ansible's own actions run are checked with the action's answer.
        if module is not None:
            return answer
        name = self._task.action.rpartition(".")[2]
        return self.checked(answer, dict(documented(name), **self.between), task_vars, self)

    def checked(
        self, answer: t.Any, kinds: t.Mapping[str, t.Any], task_vars: t.Mapping[str, t.Any], action: ActionBase
    ) -> t.Dict[str, t.Any]:
        """Return what may be used of an answer, or a failure that names the host. ``action`` ran the module."""
        try:
            kept = dict(check(answer, kinds), **self.interpreter(action))
        except AnswerError as error:
            return {
                "failed": True,
                "msg": "%s answered %s with %s. None of that answer is used. Find out what answers there in place of the module."
                % (self.host(task_vars), self._task.action, error),
            }
        # Ansible prints a warning without its host, and the same warning of two hosts only once.
        if "warnings" in kept:
            kept["warnings"] = ["%s: %s" % (self.host(task_vars), one) for one in kept["warnings"]]
        return kept

    def interpreter(self, action: ActionBase) -> t.Dict[str, t.Any]:
        """Return the Python that Ansible discovered on the host, so that it does not search again at each task.

        Never for a delegated task: the other host would choose what Ansible runs on this one.
        """
        path = getattr(action, "_discovered_interpreter", None)
        if self._task.delegate_to or not isinstance(path, str) or not re.fullmatch(r"/[A-Za-z0-9._/+-]+", path):
            return {}
        return {"ansible_facts": {"discovered_interpreter_python": path}}

    def host(self, task_vars: t.Mapping[str, t.Any]) -> str:
        """Return the name of the host that answers."""
        return self._task.delegate_to or str(task_vars.get("inventory_hostname", "the host"))


# How names of variables of the collection start, whether public, internal or registered.
OURS = re.compile(
    r"_{0,2}(airgap|approve|controller|devpi|front|history|install|kubespray|media|pip_conf|publish|stage|static|survey|teardown|transfer)_"
)


def settings_among(facts: t.Mapping[str, t.Any]) -> t.List[str]:
    """Return the names of facts that would override a variable of the collection; facts outrank the inventory."""
    return sorted(name for name in facts if OURS.match(str(name)))[:5]
