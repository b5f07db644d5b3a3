# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import zipfile

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._wheels import _metadata, _packaging, _wheel, _wheel_name
from packaging.tags import parse_tag

PACKAGING = _packaging.load()
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
def test_a_wheels_name_has_name_version_and_python(filename, expected):
    assert _wheel_name.parse_wheel_name(PACKAGING, filename).written == expected


def test_a_wheels_name_means_every_combination_of_its_tags():
    assert _wheel_name.tags_of("demo-1.0-1b-py2.py3-none-any.whl") == ("py2-none-any", "py3-none-any")
    assert _wheel_name.tags_of("d-1-cp39-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl") == (
        "cp39-abi3-manylinux_2_17_x86_64",
        "cp39-abi3-manylinux2014_x86_64",
    )


@pytest.mark.parametrize(
    "written", ["py2.py3-none-any", "cp39-abi3-manylinux_2_5_i686.Linux_i686", "cp38.cp39-cp38.none-win32"]
)
def test_tags_of_a_name_are_those_of_packaging(written):
    assert set(_wheel_name.tags_of("d-1-%s.whl" % written)) == {str(tag) for tag in parse_tag(written)}


def test_builds_of_one_version_can_be_ordered_and_none_comes_first():
    names = ["demo-1.0-10-py3-none-any.whl", "demo-1.0-9b-py3-none-any.whl", "demo-1.0-py3-none-any.whl"]
    assert sorted(names, key=lambda name: _wheel_name.parse_wheel_name(PACKAGING, name).build) == names[::-1]


@pytest.mark.parametrize(
    "filename",
    [
        "demo-1.0.tar.gz",
        "demo.whl",
        "../demo-1.0-py3-none-any.whl",
        'a"b-1.0-py3-none-any.whl',
        "démo-1.0-py3-none-any.whl",
        "de__mo-1.0-py3-none-any.whl",
        "demo-one-py3-none-any.whl",
        "demo-1.0-b1-py3-none-any.whl",
        "demo-1.0-py3-none-any.whl\n",
        "demo-1.0-py3.-none-any.whl",
        "demo-1.0-py3-none-.whl",
    ],
)
def test_what_is_not_a_wheels_name_is_refused(filename):
    with pytest.raises(AirgapError, match="is not a wheel's name"):
        _wheel_name.parse_wheel_name(PACKAGING, filename)


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
def test_metadata_in_another_spelling_agrees_with_the_name_and_devpi_accepts_the_version(filename, name, version, sent):
    wheel = _wheel.describe(PACKAGING, "/x/" + filename, SHA, metadata(name, version))
    assert dict(wheel.fields)["version"] == sent
    assert wheel.project == name


@pytest.mark.parametrize("name, version", [("other", "1.0"), ("demo", "1.1"), ("", "1.0"), ("demo", "")])
def test_metadata_of_another_project_or_version_is_refused(name, version):
    with pytest.raises(AirgapError, match="in its METADATA is"):
        _wheel.describe(PACKAGING, "/x/demo-1.0-py3-none-any.whl", SHA, metadata(name, version))


def test_every_declared_field_is_sent_once_or_as_often_as_it_occurs():
    rest = (
        "Classifier: A\nClassifier: B\nRequires-Python: >=3.9\nHome-page: UNKNOWN\nX-Own: no\nLicense-Expression: MIT\n"
    )
    fields = _wheel.describe(PACKAGING, "/x/demo-1.0-py3-none-any.whl", SHA, metadata(rest=rest)).fields
    assert [value for key, value in fields if key == "classifiers"] == ["A", "B"]
    assert ("requires_python", ">=3.9") in fields and ("license_expression", "MIT") in fields
    assert ("sha256_digest", SHA) in fields and ("filetype", "bdist_wheel") in fields
    assert not {"home_page", "x-own", "description"} & {key for key, dummy in fields}


def test_a_description_comes_from_the_body_or_from_a_folded_header():
    body = form_fields(metadata(rest="\n# Title\n\nText\n"))
    assert ("description", "# Title\n\nText\n") in body
    folded = form_fields(metadata(rest="Description: Title\n       |\n       |Text\n"))
    assert ("description", "Title\n\nText") in folded


def test_a_long_licence_keeps_its_lines():
    fields = dict(form_fields(metadata(rest="License: One\n        Two\n        Three\n")))
    assert fields["license"] == "One\nTwo\nThree"


def form_fields(text):
    """Return the fields of the upload form."""
    return _wheel.form_fields(_metadata.parse(text))


def test_a_file_that_is_not_an_archive_is_named(tmp_path):
    path = tmp_path / "demo-1.0-py3-none-any.whl"
    path.write_bytes(b"not a zip")
    with pytest.raises(AirgapError, match="not a readable zip archive"):
        _wheel.describe(PACKAGING, str(path), SHA)


@pytest.mark.parametrize(
    "names", [[], ["a-1.dist-info/METADATA", "b-1.dist-info/METADATA"], ["x/demo-1.0.dist-info/METADATA"]]
)
def test_a_wheel_has_exactly_one_metadata_at_its_top(tmp_path, names):
    path = tmp_path / "demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("demo.py", "")
        for name in names:
            archive.writestr(name, metadata())
    with pytest.raises(AirgapError, match=r"\.dist-info/METADATA files instead of one"):
        _wheel.describe(PACKAGING, str(path), SHA)


def test_metadata_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(_metadata, "LARGEST", 1000)
    path = tmp_path / "demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("demo-1.0.dist-info/METADATA", metadata() + "\n" * 2000)
    with pytest.raises(AirgapError, match="more than 1000 bytes"):
        _wheel.describe(PACKAGING, str(path), SHA)


def test_the_name_of_the_pip_wheel_gives_its_version():
    assert _wheel_name.pip_version("pip-26.0.1-py3-none-any.whl") == "26.0.1"
    with pytest.raises(AirgapError, match="Restore the name of the file"):
        _wheel_name.pip_version("pip.whl")


def oldest(text):
    """Return the oldest Python that METADATA admits."""
    return _metadata.oldest_python(_metadata.parse(text))


def test_the_oldest_python_of_a_wheel_is_read_from_its_metadata():
    assert oldest("Name: pip\nRequires-Python: !=3.9.1, >= 3.10\nVersion: 1\n") == (3, 10)
    assert oldest("Name: pip\n\nRequires-Python: >=3.10\n") == ()


def test_metadata_has_requirements_and_may_depend_on_the_os_release():
    lines = "Requires-Dist: Foo.Bar>=1;\n  python_version < '3'\nrequires-dist: baz[x] (>2)\n\nRequires-Dist: no"
    message = _metadata.parse("Name: x\n" + lines)
    assert _metadata.requires_dist(message) == ["Foo.Bar>=1; python_version < '3'", "baz[x] (>2)"]
    assert _metadata.required_names(message) == {"foo-bar", "baz"}
    assert not _metadata.depends_on_os_release(message)
    assert _metadata.depends_on_os_release(_metadata.parse("Requires-Dist: a; platform_release >= '20.0'\n\n"))


@pytest.mark.parametrize("end", ["\n\nText\n\nMore", "\r\n\r\nText", "\r\rText", "\nnot a header\n\nText", ""])
def test_headers_declare_the_same_as_the_whole_metadata(end):
    text = metadata(rest="Requires-Dist: a\n Classifier: folded" + end)
    assert _metadata.parse(_metadata.headers(text)).items() == _metadata.parse(text).items()
