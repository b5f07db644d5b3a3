# SPDX-License-Identifier: GPL-3.0-or-later
"""What people read agrees with what is there: the READMEs of the roles, and the links between documents."""

from __future__ import annotations

import pathlib
import re
import unicodedata

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROLES = sorted(path.parent for path in ROOT.glob("roles/*/README.md"))
DOCUMENTS = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("roles/*/README.md")])


def anchors(text):
    """Return the anchors of a document's headings, as forges make them."""
    found = set()
    for title in re.findall(
        r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    ):
        plain = unicodedata.normalize("NFC", title).lower().replace(" ", "-")
        found.add(re.sub(r"[^\w-]", "", plain))
    return found


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_the_readme_of_a_role_describes_every_variable(role):
    specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    names = {name for spec in specs.values() for name in spec["options"]}
    described = re.findall(r"^\| `(\w+)` \|", (role / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert names <= set(described)
    assert {name for name in described if name.startswith(role.name + "_")} <= names


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_link_leads_to_a_file_and_a_heading(path):
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        name, dummy, anchor = target.partition("#")
        other = path.parent / name if name else path
        assert other.exists(), target
        if anchor:
            assert anchor in anchors(other.read_text(encoding="utf-8")), target


def test_the_readme_has_at_most_120_lines():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_test_that_a_document_names_exists(path):
    sources = [one for folder in ("tests", "molecule") for one in (ROOT / folder).glob("**/*.py")]
    known = {name for one in sources for name in re.findall(r"^def (test_\w+)", one.read_text(), re.MULTILINE)}
    known.update(one.stem for one in sources)
    assert set(re.findall(r"\btest_\w+", path.read_text(encoding="utf-8"))) <= known
