# SPDX-License-Identifier: GPL-3.0-or-later
"""The messages that docs/troubleshooting.md and the operator's guide explain are messages that the collection prints."""

from __future__ import annotations

import ast
import pathlib
import re
import typing as t

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = "troubleshooting.md"

# Stands for whatever a message fills in: a format specifier, a Jinja expression, a shell variable.
FILLED = "\0"


class Row(t.NamedTuple):
    """One row of a table of messages."""

    message: str
    meaning: str
    fix: str


def rows(text: str) -> t.List[Row]:
    """Return the rows of all tables whose first column is 'message'."""
    found = []
    inside = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")] if line.startswith("|") else []
        if not cells or cells[0] == "message":
            inside = bool(cells)
        elif inside and not line.startswith("|--"):
            found.append(Row(*(cells + ["", "", ""])[:3]))
    return found


def fragments(row: Row) -> t.List[str]:
    """Return what a row quotes of a message."""
    return re.findall(r"`([^`]+)`", row.message)


def one_line(text: str) -> str:
    """Return a text with single spaces, as it is compared."""
    return " ".join(text.split())


def fragment_pattern(fragment: str) -> t.Pattern[str]:
    """Return the pattern of a fragment: CAPITALS are filled in, unless the message has the same word; … skips text."""
    parts = []
    for part in re.split(r"(…|\b[A-Z][A-Z0-9]*\b)", one_line(fragment)):
        if part == "…":
            parts.append(".*?")
        elif re.fullmatch(r"[A-Z][A-Z0-9]*", part):
            parts.append("(?:%s+|%s)" % (FILLED, re.escape(part)))
        else:
            parts.append(re.escape(part))
    return re.compile("".join(parts))


def literal_in(node: ast.AST) -> t.Optional[str]:
    """Return the text of a string expression with FILLED for what is not constant, or None for another expression."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(literal_in(part) or FILLED for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = literal_in(node.left), literal_in(node.right)
        return None if left is None and right is None else (left or FILLED) + (right or FILLED)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        return literal_in(node.left)
    return None


def python_texts(source: str) -> t.Iterator[str]:
    """Return the strings of a module, except for documentation; Python joins adjacent literals itself."""
    tree = ast.parse(source)
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    documentation |= {id(node.value) for node in tree.body if isinstance(node, ast.Assign) and is_documentation(node)}
    for node in ast.walk(tree):
        text = literal_in(node) if id(node) not in documentation else None
        if text:
            yield re.sub(r"%+(?:\(\w+\))?[-#0 +]*\d*(?:\.\d+)?[a-z]|\{\w*\}", FILLED, text).replace("%%", "%")


def is_documentation(node: ast.Assign) -> bool:
    """Say whether an assignment is a module's documentation."""
    names = {target.id for target in node.targets if isinstance(target, ast.Name)}
    return bool(names & {"DOCUMENTATION", "EXAMPLES", "RETURN"})


def yaml_texts(source: str) -> t.Iterator[str]:
    """Return the scalars of a YAML file, and the texts within their Jinja expressions."""
    for node in yaml.compose_all(source, Loader=yaml.SafeLoader):
        for scalar in scalars(node):
            yield re.sub(r"\{\{.*?\}\}", FILLED, scalar, flags=re.DOTALL)
            for expression in re.findall(r"\{\{.*?\}\}", scalar, re.DOTALL):
                yield FILLED.join(re.findall(r"'([^']*)'", expression))


def scalars(node: t.Optional[yaml.Node]) -> t.Iterator[str]:
    """Return the values of all scalars below a node."""
    if isinstance(node, yaml.ScalarNode):
        yield node.value
    elif isinstance(node, yaml.SequenceNode):
        for one in node.value:
            yield from scalars(one)
    elif isinstance(node, yaml.MappingNode):
        for _key, value in node.value:
            yield from scalars(value)


def shell_texts(source: str) -> t.Iterator[str]:
    """Return what a shell script echoes, and the strings of the Python program in it."""
    for text in re.findall(r'^\s*echo "(.*?)"', source, re.MULTILINE):
        yield re.sub(r"\$\w+|\$\{\w+\}", FILLED, text)
    for program in re.findall(r"<<'PYTHON'\n(.*?)^PYTHON$", source, re.MULTILINE | re.DOTALL):
        yield from python_texts(program)


def nginx_texts(source: str) -> t.Iterator[str]:
    """Return what nginx itself responds."""
    yield from re.findall(r'^\s*return 50\d "(.*?)\\n";', source, re.MULTILINE)


READERS: t.Dict[str, t.Callable[[str], t.Iterator[str]]] = {
    "plugins/**/*.py": python_texts,
    "playbooks/**/*.yml": yaml_texts,
    "roles/*/tasks/*.yml": yaml_texts,
    "roles/*/vars/*.yml": yaml_texts,
    "roles/stage/files/install.sh": shell_texts,
    "roles/front/templates/nginx.conf.j2": nginx_texts,
}


def read_messages(root: pathlib.Path) -> str:
    """Return all texts of the collection, one on a line."""
    texts = set()
    for pattern, read in READERS.items():
        for path in root.glob(pattern):
            texts |= {one_line(text) for text in read(path.read_text(encoding="utf-8"))}
    return "\n".join(sorted(texts))


@pytest.fixture(scope="module")
def messages() -> str:
    """All texts of this collection."""
    return read_messages(ROOT)


ROWS = {page: rows((ROOT / "docs" / page).read_text(encoding="utf-8")) for page in (PAGE, "operator.md")}
QUOTED = [(page, fragment) for page, found in ROWS.items() for row in found for fragment in fragments(row)]


@pytest.mark.parametrize(("page", "fragment"), QUOTED)
def test_the_collection_prints_the_message(page: str, fragment: str, messages: str) -> None:
    found = fragment_pattern(fragment).search(messages) is not None
    assert found, "docs/%s explains a message that the collection does not print: %s" % (page, fragment)


@pytest.mark.parametrize("fragment", [fragment for page, fragment in QUOTED if page == PAGE])
def test_a_fragment_has_enough_fixed_words_to_name_one_message(fragment: str) -> None:
    assert len(re.findall(r"\b[a-z][a-z_-]*", fragment)) >= 2


@pytest.mark.parametrize("row", ROWS[PAGE], ids=lambda row: row.message)
def test_each_message_has_a_meaning_and_a_fix(row: Row) -> None:
    assert fragments(row)
    assert row.meaning
    assert row.fix


def test_no_message_is_explained_twice() -> None:
    quoted = [fragment for page, fragment in QUOTED if page == PAGE]
    assert sorted(set(quoted)) == sorted(quoted)


@pytest.mark.parametrize(
    ("fragment", "text", "is_found"),
    [
        ("FILE is missing. Stage", "%s is missing. Stage the bundle, or transfer it again.", True),
        ("FILE is missing. Stage", "%s is absent. Stage the bundle, or transfer it again.", False),
        ("FILE is missing", "it is missing", False),
        ("the SHA256SUMS of N files", "the SHA256SUMS of %d files", True),
        ("There is no wheel for NAME … The newest", "There is no wheel for %s on %s. The newest", True),
    ],
)
def test_capitals_and_dots_match_what_a_message_fills_in_and_nothing_else(
    fragment: str, text: str, is_found: bool
) -> None:
    (found,) = python_texts("raise Error(%r)" % text)
    assert bool(fragment_pattern(fragment).search(found)) is is_found
