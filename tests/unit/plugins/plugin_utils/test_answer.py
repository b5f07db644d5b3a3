# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every answer of a host passes through one place, and only what is documented is used of it."""

from __future__ import annotations

import importlib
import pathlib
import re
import types
import typing as t

import pytest
import yaml
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._target import _target_file
from ansible_collections.airgap.python.plugins.plugin_utils import _answer

ROOT = pathlib.Path(__file__).parents[4]
MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py"))
# What runs on the control host alone.
AT_HOME = {"assert", "debug", "fail", "import_playbook", "import_role", "import_tasks", "include_role", "include_tasks"}
AT_HOME |= {"meta", "set_fact"}


class Checked(_answer.CheckedAction):
    """An action that does nothing."""

    def run(self, tmp=None, task_vars=None):
        """Do nothing."""
        return {}


def tasks(content):
    """Return every task of a tasks file or a playbook."""
    for one in content or []:
        yield one
        for block in ("tasks", "pre_tasks", "post_tasks", "block", "rescue", "always", "handlers"):
            yield from tasks(one.get(block))


def test_what_ansible_would_act_on_is_dropped():
    answer = {
        "changed": True,
        "id": "0" * 32,
        "ansible_facts": {"publish_allowed_signers": ["mallory"]},
        "add_host": {"host_name": "mallory", "groups": ["airgap_nodes"]},
        "add_group": "airgap_nodes",
        "ansible_stats": {"data": {"airgap_dir": "/"}},
        "results": [{"ansible_facts": {}}],
        "unreachable": True,
        "_ansible_notify": ["Restart devpi-server"],
    }
    assert _answer.check(answer, {"id": str}) == {"changed": True, "id": "0" * 32}


def test_arguments_of_a_module_are_not_in_its_answer():
    answer = {"changed": False, "invocation": {"module_args": {"root_password": "canary"}}}
    assert _answer.check(answer, {}) == {"changed": False}


@pytest.mark.parametrize(
    "deprecation", [{"msg": "six is old", "version": "2.24", "collection_name": "ansible.builtin"}, "six is old"]
)
def test_deprecation_of_a_module_is_shown_as_a_warning(deprecation):
    kept = _answer.check({"warnings": ["one"], "deprecations": [deprecation]}, {})
    assert kept["warnings"][0] == "one"
    assert "six is old" in kept["warnings"][1]
    assert "deprecations" not in kept


@pytest.mark.parametrize(
    ("args", "is_logged"),
    [
        ({"index_url": "https://reader:canary@h.example/simple"}, False),
        ({"extra_index_urls": ["https://t0ken@h.example/simple"]}, False),
        ({"sets": [{"requirements": ["a @ https://h.example/a.whl?sig=canary"]}]}, False),
        ({"vcs": "git+https://x:canary@h.example/a@0123", "name": "a"}, False),
        ({"index_url": "https://h.example/simple", "targets": [{"python": "3.11.2"}], "port": 3141}, True),
    ],
)
def test_module_does_not_log_a_secret_in_a_url_that_it_gets(monkeypatch, args, is_logged):
    def as_ansible_has_it(self, module_name, module_args, task_vars):
        module_args["_ansible_no_log"] = False

    monkeypatch.setattr(_answer.ActionBase, "_update_module_args", as_ansible_has_it)
    action = Checked(None, types.SimpleNamespace(), None, None, None, None)
    action._update_module_args("pip_download", args, {})
    assert args["_ansible_no_log"] is not is_logged


def test_files_of_each_target_that_pip_download_returns_are_kept():
    targets = {
        "base/node311": {
            "lock": "/srv/airgap/bundle/locks/base/node311.txt",
            "files": [{"name": "app", "version": "1.0"}],
        }
    }
    assert _answer.check({"targets": targets}, _answer.documented("pip_download"))["targets"] == targets


def test_only_documented_keys_of_a_dictionary_are_kept():
    assert _answer.check({"stat": {"exists": True, "lnk_source": "/"}}, _answer.BUILTIN["stat"]) == {
        "stat": {"exists": True}
    }


@pytest.mark.parametrize(
    ("key", "kind", "value"),
    [
        ("id", str, "/../../owned/evil"),
        ("id", str, "0" * 32 + "\n"),
        ("id", str, 7),
        ("target", str, "../../../secret/note"),
        ("target", str, "/secret"),
        ("sha256", str, "g" * 64),
        ("version", str, "{{ lookup('pipe', 'id') }}"),
        ("path", str, "wheels/../../evil"),
        ("path", [dict], [{"path": "../evil", "sha256": "0" * 64, "size": 1}]),
        ("path", [dict], [{"path": "a\u2028b"}]),
        ("sha256", [dict], [{"sha256": "0" * 63}]),
        ("entries", [dict], {"path": "a"}),
        ("files", int, "1"),
        ("files", int, True),
        ("files", int, 1 << 70),
        ("found", bool, "yes"),
        ("description", dict, {"name\n": "x"}),
        ("principal", str, "\x1b]0;owned\x07"),
        ("principal", str, "\u202eevil"),
        ("principal", str, "x" * 10_000_000),
        ("content", str, "\u00e9"),
        ("content", str, "\x1b[2J"),
        ("path", str, "wheels/{{ lookup('ansible.builtin.pipe', 'id') }}"),
        ("origin", str, "{% set x = 1 %}"),
    ],
)
def test_a_value_of_another_type_or_form_is_refused_by_name(key, kind, value):
    with pytest.raises(_answer.AnswerError, match=key):
        _answer.check({key: value}, {key: kind})


def test_endless_nesting_is_refused():
    value: t.Dict[str, t.Any] = {}
    for _step in range(100):
        value = {"a": value}
    with pytest.raises(_answer.AnswerError, match="nested"):
        _answer.check({"description": value}, {"description": dict})


def test_texts_for_people_are_shown_with_escapes_and_cut():
    kept = _answer.check({"failed": True, "msg": "a\x1b[2J\n\u202eb" + "x" * 1_000_000}, {})
    assert kept["msg"].startswith("a\\x1b[2J\n\\u202eb") and len(kept["msg"]) < 110_000
    kept = _answer.check({"diff": {"before": "\x1b]0;x\x07", "after": "ok\n"}}, {})
    assert kept["diff"] == {"before": "\\x1b]0;x\\x07", "after": "ok\n"}


def test_line_ends_of_a_terminal_are_line_ends():
    assert _answer.check({"stdout": "a\r\nb"}, _answer.BUILTIN["command"])["stdout_lines"] == ["a", "b"]


def test_keys_of_ansible_itself_are_dropped_before_ansible_prints_them():
    text = _answer._without_internals(
        '{"changed": false, "\\u005fansible_x\\u001b": "\\u001b[2J", "add_host": {"a": "\\u001b"}}'
    )
    assert text == '{"changed": false}'
    assert _answer._without_internals("no answer") == "no answer"


@pytest.mark.parametrize("call", ["exec_command", "put_file"])
def test_errors_of_a_connection_are_shown_with_escapes(call):
    class Connection:
        def refuse(self, *dummy):
            raise AnsibleConnectionFailure("banner \x1b[2J")

        exec_command = put_file = fetch_file = refuse

    connection = Connection()
    Checked(None, connection, None, None, None, None)
    with pytest.raises(AnsibleConnectionFailure) as caught:
        getattr(connection, call)("a")
    assert "\x1b" not in str(caught.value) and "banner \\x1b[2J" in str(caught.value)


@pytest.mark.parametrize("module", [*MODULES, "checked"])
def test_no_action_starts_where_facts_would_override_settings(module, monkeypatch):
    found = importlib.import_module("ansible_collections.airgap.python.plugins.action." + module)
    if found.ActionModule._requires_connection is False:
        return
    monkeypatch.setattr(_answer.ActionBase, "run", lambda self, tmp=None, task_vars=None: {})
    task = types.SimpleNamespace(action="airgap.python." + module, args={}, delegate_to=None)
    action = found.ActionModule(task, types.SimpleNamespace(exec_command=None), None, None, None, None)
    with pytest.raises(AnsibleActionFail, match="mallory has facts with the names of settings: stage_build"):
        action.run(task_vars={"ansible_facts": {"stage_build": []}, "inventory_hostname": "mallory"})


def test_what_a_host_prints_around_an_answer_does_not_reach_the_terminal():
    class Connection:
        def exec_command(self, command):
            return 0, b'{"changed": false}\x1b]0;owned\x07\xff', b"\x1b[2J"

    connection = Connection()
    for _step in range(2):
        Checked(None, connection, None, None, None, None)
    rc, out, err = connection.exec_command("id")
    assert (rc, err) == (0, b"\\x1b[2J")
    assert out == b'{"changed": false}\\x1b]0;owned\\x07\\udcff'


def test_a_failure_has_a_reason():
    assert _answer.check({"failed": True}, {})["msg"]


def test_a_warning_names_its_host():
    task = types.SimpleNamespace(action="airgap.python.bundle_verify", delegate_to=None, args={})
    action = Checked(task, types.SimpleNamespace(exec_command=None), None, None, None, None)
    kept = action.checked({"warnings": ["the disk is old"]}, {}, {"inventory_hostname": "mallory"}, action)
    assert kept["warnings"] == ["mallory: the disk is old"]


@pytest.mark.parametrize("module", MODULES)
def test_the_answer_of_every_module_is_checked(module):
    found = importlib.import_module("ansible_collections.airgap.python.plugins.action." + module)
    # target_files runs on the control host alone.
    assert issubclass(found.ActionModule, _answer.CheckedAction) or found.ActionModule._requires_connection is False
    assert _answer.documented(module)


def test_roles_and_playbooks_run_modules_of_ansible_builtin_through_the_check_alone():
    files = [*ROOT.glob("roles/*/tasks/*.yml"), *ROOT.glob("roles/*/handlers/*.yml"), *ROOT.glob("playbooks/**/*.yml")]
    assert files
    for path in files:
        for task in tasks(yaml.load(path.read_text(), Loader=loader())):
            used = {key.partition("ansible.builtin.")[2] for key in task if key.startswith("ansible.builtin.")}
            assert used <= AT_HOME, "%s: %s" % (path, task.get("name"))
            assert not task.get("gather_facts"), path
            if "hosts" in task:
                assert task["gather_facts"] is False, "%s gathers facts" % path


def loader():
    """Return a loader that reads Ansible's tags as plain text."""

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))
    return Loader


def test_what_may_be_run_is_what_is_documented():
    text = (ROOT / "plugins/modules/checked.py").read_text()
    found = re.search(r'DOCUMENTATION = r"""(.*?)"""', text, re.DOTALL)
    assert found
    document = yaml.safe_load(found.group(1))
    assert sorted(document["options"]["module"]["choices"]) == sorted(_answer.BUILTIN)


def test_facts_with_names_of_settings_are_found():
    facts = {"stage_base": "/etc/shadow", "__stage_build": 1, "_install_pip": 1, "distribution": "Debian", "stages": 1}
    assert _answer.settings_among(facts) == ["__stage_build", "_install_pip", "stage_base"]


ENTRY = {
    "name": "cp311-linux-x86_64-glibc-2.36",
    "python": "3.11.2",
    "os": "linux",
    "arch": "x86_64",
    "libc": "glibc-2.36",
}


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../elsewhere/owned"},
        {"name": "owned"},
        {"name": "cp39-linux-x86_64-glibc-2.36"},
        {"name": "cp311-linux-x86_64-glibc-2.36\n"},
        {"python": "3.11.2\n"},
        {"tags": ["py3-none-any\n"]},
        {"more": "x"},
    ],
)
def test_a_host_does_not_name_its_target_file(change):
    good = {"description": dict(ENTRY, implementation="cpython"), "info": {"executable": "/usr/bin/python3"}}
    assert _target_file.parse_answer("node", good).entry["name"] == ENTRY["name"]
    with pytest.raises(AirgapError, match="node"):
        _target_file.parse_answer("node", dict(good, description=dict(good["description"], **change)))


@pytest.mark.parametrize("python", ["python3", "/usr/bin/python3\nname: evil", "/usr/bin/\x1b[2J", 7, None])
def test_a_host_does_not_write_lines_into_target_files(python):
    with pytest.raises(AirgapError, match="node"):
        _target_file.parse_answer("node", {"description": dict(ENTRY), "info": {"executable": python}})
