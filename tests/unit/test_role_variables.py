# SPDX-License-Identifier: GPL-3.0-or-later
"""What is documented of a role's variables is so: their defaults, and what modules make of them."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
import typing as t

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())
TYPES: t.Dict[str, t.Union[type, t.Tuple[type, ...]]] = {
    "str": str,
    "path": str,
    "int": int,
    "float": (int, float),
    "bool": bool,
    "list": list,
    "dict": dict,
    "raw": object,
}
# A variable that goes to a module as it is, or is left out where it is empty.
PASSED = re.compile(r"^\{\{\s*(\w+)\s*(\|\s*default\(omit(, true)?\)\s*)?\}\}\s*$")
# A default that is another variable's value where that is set: {{ NAME | default(…) }}, with parentheses in it.
FOLLOWED = re.compile(r"^\{\{ (\w+) \| default\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\) \}\}$")


class Loader(yaml.SafeLoader):
    """Reads YAML as Ansible writes it."""


Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def read(path):
    """Return the content of a YAML file."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader)


def defaults(role):
    """Return the defaults of a role by their names."""
    return read(ROOT / "roles" / role / "defaults/main.yml") or {}


def entry_points(role):
    """Return the options of each entry point of a role."""
    specs = read(ROOT / "roles" / role / "meta/argument_specs.yml")["argument_specs"]
    return {name: spec.get("options", {}) for name, spec in specs.items()}


def options(role):
    """Return the options of all entry points of a role."""
    return {name: option for found in entry_points(role).values() for name, option in found.items()}


# Ansible finds collections once for a process, and other tests have imported ours: what needs its loaders runs apart.
RENDER = """
import json, sys
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar
try:
    from ansible.template import trust_as_template
except ImportError:  # ansible-core 2.18 trusts every text.
    def trust_as_template(value):
        return value
init_plugin_loader()
def trusted(value):
    return trust_as_template(value) if isinstance(value, str) else value
rendered = {}
for role, defaults in json.load(sys.stdin).items():
    variables = dict({name: trusted(value) for name, value in defaults["all"].items()}, groups={}, playbook_dir="/site")
    templar = Templar(loader=DataLoader(), variables=variables)
    rendered[role] = {name: templar.template(trusted(defaults["all"][name])) for name in defaults["wanted"]}
print(json.dumps(rendered))
"""


def ask(*command, given=""):
    """Run a program of this environment with the checkout's settings, and return the JSON that it prints."""
    done = subprocess.run(
        [sys.executable, *command],
        env=dict(os.environ, ANSIBLE_CONFIG=str(ROOT / "ansible.cfg")),
        cwd=str(ROOT),
        input=given.encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.fixture(name="rendered", scope="module")
def rendered_fixture():
    """Return the defaults of each role as they are for a site that sets nothing, but those that depend on the host."""
    wanted = {
        role: {
            "all": defaults(role),
            "wanted": [name for name, value in defaults(role).items() if not follows_the_host(value)],
        }
        for role in ROLES
    }
    return ask("-c", RENDER, given=json.dumps(wanted))


@pytest.fixture(name="module_options", scope="module")
def module_options_fixture():
    """Return the options of each module as its documentation, which ansible-test compares with its code, has them."""
    dumped = ask("-m", "ansible", "doc", "--metadata-dump", "-t", "module", "airgap.python")
    modules = {name.rpartition(".")[2]: one["doc"]["options"] for name, one in dumped["all"]["module"].items()}
    assert modules
    return modules


def follows_the_host(value):
    """Tell whether a default is made of what only a run knows: hosts and folders of the inventory, facts, the environment."""
    return isinstance(value, str) and bool(
        re.search(
            r"\b(hostvars|inventory_hostname|inventory_dir|groups|ansible_facts|ansible\.builtin\.env|_[a-z]+_\w+)\b",
            value,
        )
    )


def tasks(content):
    """Give every task of a tasks file."""
    for task in content or []:
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks(task.get(part))


def passed():
    """Give each variable of a role that a task hands to a module of this collection as it is, and to which option."""
    for role in ROLES:
        public = options(role)
        for path in sorted((ROOT / "roles" / role / "tasks").glob("*.yml")):
            for task in tasks(read(path)):
                for action, arguments in task.items():
                    prefix, _dot, module = action.rpartition(".")
                    if prefix != "airgap.python" or not isinstance(arguments, dict):
                        continue
                    for option, value in arguments.items():
                        found = isinstance(value, str) and PASSED.match(value)
                        if found and found.group(1) in public:
                            yield role, found.group(1), module, option


def shape(option):
    """Return what both kinds of specification say about the values of an option."""
    within = option.get("options", option.get("suboptions"))
    return {
        "type": option.get("type", "str"),
        "elements": option.get("elements"),
        "choices": option.get("choices"),
        "options": within and {name: shape(one) for name, one in within.items()},
    }


@pytest.mark.parametrize("role", ROLES)
def test_every_default_is_documented_and_every_documented_default_is_there(role):
    for entry_point, documented in entry_points(role).items():
        assert set(documented) == set(defaults(role)), entry_point


@pytest.mark.parametrize("role", ROLES)
def test_documented_default_is_that_of_a_site_that_sets_nothing(role, rendered):
    for entry_point, documented in entry_points(role).items():
        for name, option in documented.items():
            value = defaults(role)[name]
            where = "%s, %s" % (entry_point, name)
            if follows_the_host(value):
                assert "default" not in option, where
                continue
            found = rendered[role][name]
            # ansible-core 2.18 renders every template as text, which the argument specification converts.
            if option["type"] == "int" and isinstance(found, str) and found.isdigit():
                found = int(found)
            assert "default" in option, "%s: %r" % (where, found)
            assert option["default"] == found, where
            assert isinstance(found, TYPES[option["type"]]), where
            # A truth value is a number, too.
            assert isinstance(found, bool) == (option["type"] == "bool") or option["type"] == "raw", where


@pytest.mark.parametrize("role", ROLES)
def test_every_public_variable_has_a_comment(role):
    """A comment stands above each paragraph of variables."""
    text = (ROOT / "roles" / role / "defaults/main.yml").read_text(encoding="utf-8")
    paragraphs = [one for one in text.split("---\n", 1)[1].split("\n\n") if re.search(r"^\w+:", one, re.MULTILINE)]
    assert sum(len(re.findall(r"^\w+:", one, re.MULTILINE)) for one in paragraphs) == len(defaults(role))
    assert not [one for one in paragraphs if not one.lstrip("\n").startswith("# ")]


@pytest.mark.parametrize(("role", "variable", "module", "option"), sorted(set(passed())))
def test_variable_that_goes_to_a_module_has_its_type_and_its_choices(module_options, role, variable, module, option):
    mine, its = options(role)[variable], module_options[module][option]
    assert shape(mine) == shape(its)
    if its.get("default") is not None and "default" in mine:
        assert mine["default"] == its["default"]


def test_every_result_that_a_role_reads_is_registered_by_a_task():
    texts = [path.read_text(encoding="utf-8") for one in ("roles", "playbooks") for path in (ROOT / one).rglob("*.yml")]
    registered = {
        name for text in texts for name in re.findall(r"(?:register|loop_var): (__\w+)|(__\w+):", text) for name in name
    }
    read_names = {name for text in texts for name in re.findall(r"\b__[a-z]\w+", text)}
    assert read_names - registered == set()


def test_variable_that_follows_another_role_has_its_type():
    everywhere = {name: option for role in ROLES for name, option in options(role).items()}
    followed = 0
    for role in ROLES:
        for name, value in defaults(role).items():
            other = isinstance(value, str) and FOLLOWED.match(value)
            if other and other.group(1) in everywhere:
                assert shape(options(role)[name]) == shape(everywhere[other.group(1)]), (name, other.group(1))
                followed += 1
    assert followed
