# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import zipfile

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _wheel
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

SHA = "ab" * 32


def metadata(name="demo", version="1.0", rest=""):
    return "Metadata-Version: 2.1\nName: %s\nVersion: %s\n%s" % (name, version, rest)


@pytest.mark.parametrize(
    "filename, expected",
    [
        ("demo-1.0-py3-none-any.whl", ("demo", "1.0", "py3")),
        ("ruamel.yaml-0.18-py3-none-any.whl", ("ruamel.yaml", "0.18", "py3")),
        ("demo-1.0-1build-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", ("demo", "1.0", "cp311")),
        ("torch-2.0+cu118-cp311-cp311-linux_x86_64.whl", ("torch", "2.0+cu118", "cp311")),
    ],
)
def test_a_wheels_name_says_name_version_and_python(filename, expected):
    assert _wheel.split_filename(filename) == expected


def test_a_wheels_name_stands_for_every_combination_of_its_tags():
    assert _wheel.tags("demo-1.0-1b-py2.py3-none-any.whl") == ["py2-none-any", "py3-none-any"]
    assert _wheel.tags("d-1-cp39-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl") == [
        "cp39-abi3-manylinux_2_17_x86_64",
        "cp39-abi3-manylinux2014_x86_64",
    ]


@pytest.mark.parametrize(
    "filename", ["demo-1.0.tar.gz", "demo.whl", "../demo-1.0-py3-none-any.whl", 'a"b-1.0-py3-none-any.whl']
)
def test_what_is_no_wheels_name_is_refused(filename):
    with pytest.raises(AirgapError, match="has no wheel's name"):
        _wheel.split_filename(filename)


@pytest.mark.parametrize(
    "filename, name, version, sent",
    [
        ("Demo_Pkg-1.0-py3-none-any.whl", "demo-pkg", "1.0", "1.0"),
        ("demo-1.0.0-py3-none-any.whl", "demo", "1.0", "1.0"),
        ("demo-2024.1.5-py3-none-any.whl", "demo", "2024.01.05", "2024.1.5"),
        ("demo-2.0+cu118-py3-none-any.whl", "demo", "2.0+cu118", "2.0+cu118"),
        ("demo-2.0_cu118-py3-none-any.whl", "demo", "2.0+cu118", "2.0+cu118"),
        ("demo-1.0rc1-py3-none-any.whl", "demo", "1.0-rc1", "1.0rc1"),
    ],
)
def test_metadata_in_another_spelling_agree_with_the_name_and_devpi_accepts_the_version(filename, name, version, sent):
    wheel = _wheel.describe("/x/" + filename, SHA, metadata(name, version))
    assert dict(wheel.fields)["version"] == sent
    assert wheel.project == name


@pytest.mark.parametrize("name, version", [("other", "1.0"), ("demo", "1.1"), ("", "1.0"), ("demo", "")])
def test_metadata_about_another_project_or_version_are_refused(name, version):
    with pytest.raises(AirgapError, match="its METADATA says"):
        _wheel.describe("/x/demo-1.0-py3-none-any.whl", SHA, metadata(name, version))


def test_every_declared_field_is_sent_once_or_as_often_as_it_stands_there():
    rest = (
        "Classifier: A\nClassifier: B\nRequires-Python: >=3.9\nHome-page: UNKNOWN\nX-Own: no\nLicense-Expression: MIT\n"
    )
    fields = _wheel.describe("/x/demo-1.0-py3-none-any.whl", SHA, metadata(rest=rest)).fields
    assert [value for key, value in fields if key == "classifiers"] == ["A", "B"]
    assert ("requires_python", ">=3.9") in fields and ("license_expression", "MIT") in fields
    assert ("sha256_digest", SHA) in fields and ("filetype", "bdist_wheel") in fields
    assert not {"home_page", "x-own", "description"} & {key for key, dummy in fields}


def test_a_description_comes_from_the_body_or_from_a_folded_header():
    body = _wheel.form_fields(metadata(rest="\n# Title\n\nText\n"))
    assert ("description", "# Title\n\nText\n") in body
    folded = _wheel.form_fields(metadata(rest="Description: Title\n       |\n       |Text\n"))
    assert ("description", "Title\n\nText") in folded


def test_the_last_metadata_of_a_long_licence_keep_their_lines():
    fields = dict(_wheel.form_fields(metadata(rest="License: One\n        Two\n        Three\n")))
    assert fields["license"] == "One\nTwo\nThree"


def test_a_file_that_is_no_archive_is_named(tmp_path):
    path = tmp_path / "demo-1.0-py3-none-any.whl"
    path.write_bytes(b"not a zip")
    with pytest.raises(AirgapError, match="no readable zip archive"):
        _wheel.describe(str(path), SHA)


@pytest.mark.parametrize(
    "names", [[], ["a-1.dist-info/METADATA", "b-1.dist-info/METADATA"], ["x/demo-1.0.dist-info/METADATA"]]
)
def test_a_wheel_has_just_one_metadata_at_its_top(tmp_path, names):
    path = tmp_path / "demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("demo.py", "")
        for name in names:
            archive.writestr(name, metadata())
    with pytest.raises(AirgapError, match=r"\.dist-info/METADATA files instead of one"):
        _wheel.describe(str(path), SHA)


def test_metadata_that_fill_the_memory_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(_wheel, "LARGEST_METADATA", 1000)
    path = tmp_path / "demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("demo-1.0.dist-info/METADATA", metadata() + "\n" * 2000)
    with pytest.raises(AirgapError, match="more than 1000 bytes"):
        _wheel.describe(str(path), SHA)
