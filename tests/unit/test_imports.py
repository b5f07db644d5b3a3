# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may import whom: the floors of the collection, written once.

docs/architecture.md has the same picture in words. A room may import its own
files, the files on the ground floor of module_utils, and the rooms named here.
"""

from __future__ import annotations

import ast
import pathlib
import typing as t

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLUGINS = "ansible_collections.airgap.python.plugins"
GROUND = "module_utils"
# Room of module_utils -> rooms below it that it may import. The ground floor imports no room.
ROOMS: t.Dict[str, t.Set[str]] = {
    GROUND: set(),
    "_target": set(),
    "_wheels": {"_target"},
    "_pip": {"_wheels"},
    "_bundle": {"_target", "_wheels"},
    "_resolve": {"_target", "_wheels", "_pip", "_bundle"},
    "_transfer": {"_bundle"},
    "_report": {"_target", "_wheels", "_pip", "_resolve", "_bundle"},
    "_clients": {"_report"},
    "_install": {"_target", "_wheels", "_pip", "_bundle"},
    "_index": {"_wheels", "_bundle", "_install"},
    "_backup": {"_index"},
    "_site": {"_target", "_wheels", "_pip", "_bundle", "_report", "_install", "_index", "_backup"},
}
# Kind of plugin -> kinds of this collection that it may import. No plugin imports a module.
KINDS: t.Dict[str, t.Set[str]] = {
    "module_utils": {"module_utils"},
    "modules": {"module_utils"},
    "plugin_utils": {"module_utils", "plugin_utils"},
    "action": {"module_utils", "plugin_utils"},
    "lookup": {"module_utils", "plugin_utils"},
    "filter": {"module_utils"},
    "callback": {"module_utils", "plugin_utils"},
    "doc_fragments": set(),
}
# What a room may not import whatever it needs: Ansible, where the code must also run without it.
WITHOUT_ANSIBLE = (
    "_target",
    "_wheels",
    "_pip/_arguments.py",
    "_pip/_failure.py",
    "_bundle",
    "_backup/_program.py",
    "_backup/_snapshot.py",
    "_backup/_check.py",
    "_backup/_restore.py",
    "_install/_program.py",
    "_install/_bundle_venv.py",
    "_install/_index_file.py",
    "_install/_lock_choice.py",
    "_install/_venv.py",
    "_install/_venv_plan.py",
    "_install/_verified_bundle.py",
    GROUND,
)


def sources() -> t.List[pathlib.Path]:
    """Return the Python files of the plugins; a link to another one is that one."""
    return sorted(path for path in (ROOT / "plugins").rglob("*.py") if not path.is_symlink())


def imported(path: pathlib.Path) -> t.Iterator[str]:
    """Return the dotted names that a file imports, at its top or within a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ("%s.%s" % (node.module, name.name) for name in node.names)


def own(path: pathlib.Path) -> t.List[t.List[str]]:
    """Return what a file imports of this collection's plugins, as the parts of the names below ``plugins``."""
    return [name[len(PLUGINS) + 1 :].split(".") for name in imported(path) if name.startswith(PLUGINS + ".")]


def room_of(parts: t.Sequence[str]) -> str:
    """Return the room that a name below module_utils is in."""
    return parts[0] if (ROOT / "plugins/module_utils" / parts[0]).is_dir() else GROUND


def name(path: pathlib.Path) -> str:
    """Return a file's path below plugins."""
    return str(path.relative_to(ROOT / "plugins"))


@pytest.mark.parametrize("path", sources(), ids=name)
def test_file_imports_only_what_its_floor_may(path: pathlib.Path) -> None:
    kind, *below = path.relative_to(ROOT / "plugins").parts
    for parts in own(path):
        assert parts[0] in KINDS[kind], "%s imports %s" % (name(path), ".".join(parts))
        if kind == "module_utils" and parts[0] == "module_utils":
            here, there = room_of(below), room_of(parts[1:])
            assert there in {here, GROUND} | ROOMS[here], "%s, in %s, may not import %s of %s" % (
                name(path),
                here,
                ".".join(parts[1:]),
                there,
            )


@pytest.mark.parametrize("path", [path for path in sources() if "module_utils" in path.parts], ids=name)
def test_code_that_also_runs_without_ansible_does_not_import_it(path: pathlib.Path) -> None:
    below = path.relative_to(ROOT / "plugins/module_utils")
    if room_of(below.parts) in WITHOUT_ANSIBLE or str(below) in WITHOUT_ANSIBLE:
        assert not [found for found in imported(path) if found.partition(".")[0] == "ansible"]


def test_every_room_is_on_a_floor() -> None:
    rooms = {
        path.name for path in (ROOT / "plugins/module_utils").iterdir() if path.is_dir() and path.name != "__pycache__"
    }
    assert rooms == set(ROOMS) - {GROUND}


def test_no_room_imports_one_above_it() -> None:
    def above(room: str, way: t.Tuple[str, ...] = ()) -> None:
        assert room not in way, "the rooms import each other in a circle: %s" % " -> ".join((*way, room))
        for below in ROOMS[room]:
            above(below, (*way, room))

    for room in ROOMS:
        above(room)


def test_what_must_do_without_ansible_exists() -> None:
    places = ROOT / "plugins/module_utils"
    assert [one for one in WITHOUT_ANSIBLE if one != GROUND and not (places / one).exists()] == []
