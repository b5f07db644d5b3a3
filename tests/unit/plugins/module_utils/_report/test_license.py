# SPDX-License-Identifier: GPL-3.0-or-later
"""The report shows the licence that a project declares, and marks every licence that is not certainly usual."""

from __future__ import annotations

import sys

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._report import _license


def read(*lines):
    """Return the licence in METADATA with these lines."""
    return _license.read("\n".join(("Metadata-Version: 2.4", "Name: a", "Version: 1") + lines) + "\n")


def test_expression_comes_before_classifier_and_field():
    found = read("License: GPL", "Classifier: License :: OSI Approved :: BSD License", "License-Expression: MIT")
    assert (found.text, found.source, found.expression) == ("MIT", "License-Expression", "MIT")


def test_known_name_in_the_field_comes_before_a_vague_classifier():
    found = read("Classifier: License :: OSI Approved :: BSD License", "License: BSD-3-Clause")
    assert found.parts == (_license.Part("BSD-3-Clause", "BSD-3-Clause", "BSD-3-Clause"),)


def test_classifier_comes_before_an_unknown_text():
    found = read("License: see LICENSE", "Classifier: License :: OSI Approved :: MIT License")
    assert (found.text, found.source, found.parts[0].spdx) == ("MIT License", "Classifier", "MIT")


def test_whole_licence_text_in_the_field_is_shown_by_its_first_line():
    assert read("License: MIT License", "        |", "        Copyright (c) 2026 Somebody").parts[0].spdx == "MIT"
    assert len(read("License: " + "word " * 200).text) == _license.LONGEST


@pytest.mark.parametrize(
    "line",
    [
        "License-Expression: MIT",
        "License-Expression: apache-2.0 OR gpl-3.0-only",
        "License-Expression: Apache-2.0 AND (MIT OR GPL-2.0-only)",
        "License-Expression: Apache-2.0 WITH LLVM-exception",
        "License: Apache License, Version 2.0",
        "License: The MIT License",
        "License: BSD",
        "License: MIT OR Apache-2.0",
        "Classifier: License :: OSI Approved :: BSD License",
    ],
)
def test_usual_licence_is_usual(line):
    assert _license.is_usual(read(line))


@pytest.mark.parametrize(
    "line",
    [
        "X: nothing",
        "License: UNKNOWN",
        "License: Proprietary",
        "License: MIT-like, but with a catch",
        "License-Expression: MIT AND GPL-2.0-only",
        "License-Expression: GPL-2.0-only WITH Classpath-exception-2.0",
        "License-Expression: MIT OR",
        "License-Expression: (MIT",
        "License-Expression: LicenseRef-Vendor",
        "Classifier: License :: Other/Proprietary License",
        "Classifier: License :: OSI Approved",
        "Classifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)",
        "Classifier: License :: OSI Approved :: MIT License\nClassifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)",
    ],
)
def test_licence_that_is_not_certainly_usual_is_marked(line):
    assert not _license.is_usual(read(line))


def test_site_sets_the_usual_licences():
    assert _license.is_usual(read("License-Expression: LicenseRef-Vendor"), ["licenseref-vendor"])
    assert not _license.is_usual(read("License-Expression: MIT"), ["Apache-2.0"])


def test_expression_of_any_shape_is_decided_quickly():
    many = " AND ".join(["(MIT OR GPL-3.0-only)"] * 15)
    assert _license.is_usual(read("License-Expression: " + many))
    assert not _license.is_usual(read("License-Expression: " + many + " AND GPL-3.0-only"))
    assert not _license.is_usual(read("License-Expression: " + "(" * 100000 + "MIT" + ")" * 100000))


@pytest.mark.parametrize(
    "text", ["the MIT OR any later one", "MIT AND", "MIT WITH", "MIT OR (BSD", "MIT OR Apäche", "A WITH b c OR MIT"]
)
def test_sentence_in_the_field_is_not_an_expression(text):
    found = read("License: " + text, "Classifier: License :: OSI Approved :: MIT License")
    assert (found.source, found.expression) == ("Classifier", "")


def test_library_is_needed_only_for_an_expression_and_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "license_expression", None)
    assert _license.is_usual(read("Classifier: License :: OSI Approved :: MIT License"))
    with pytest.raises(AirgapError, match="Install license-expression"):
        _license.is_usual(read("License-Expression: MIT"))
