# SPDX-License-Identifier: GPL-3.0-or-later
"""A test that attacks a task by its name attacks a task that exists: otherwise a renamed task would no longer be tested."""

from __future__ import annotations

import pathlib
import re
import typing as t

import pytest
import yaml

from tests.hostile.site import ANSWERS
from tests.unit.test_playbook_files import Loader

ROOT = pathlib.Path(__file__).resolve().parents[2]
# A line with the name of a task of a role.
_NAMED = re.compile(r'"airgap\.python\.(\w+) : ([^"]+)"')


def task_names(entries: t.Any) -> t.Iterator[str]:
    """Return the names of all tasks in a file, also of those in blocks."""
    for entry in entries if isinstance(entries, list) else []:
        if "name" in entry:
            yield entry["name"]
        for part in ("tasks", "block", "rescue", "always", "pre_tasks", "post_tasks", "handlers"):
            yield from task_names(entry.get(part))


def is_in(name: str, pattern: str) -> bool:
    """Say whether a task in one of these files of the project has a name; a variable in a name stands for any text."""
    return any(
        re.fullmatch(re.sub(r"\\{\\{.*?\\}\\}", ".*", re.escape(one)), name)
        for path in ROOT.glob(pattern)
        for one in task_names(yaml.load(path.read_text(encoding="utf-8"), Loader))
    )


def named() -> t.List[t.Tuple[str, str]]:
    """Return the role and the name of each task that the hostile test names."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "tests/hostile").glob("*.py")]
    return sorted({found for text in texts for found in _NAMED.findall(text)})


@pytest.mark.parametrize(("role", "name"), named())
def test_task_of_a_role_that_is_attacked_exists(role: str, name: str) -> None:
    assert is_in(name, "roles/%s/tasks/*.yml" % role)


def test_task_of_a_playbook_whose_answer_is_replaced_exists() -> None:
    tasks = [task for task in ANSWERS if " : " not in task]
    assert tasks and named()
    assert all(is_in(task, "playbooks/**/*.yml") for task in tasks)
