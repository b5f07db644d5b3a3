# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a requirements file says, as pip would read it; what we cannot honour is never dropped in silence."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _requirements


def parse(files, requirements=(), constraints=(), variables=None):
    """Parse the file r.txt of a made-up disk."""

    def read(path):
        if path not in files:
            raise FileNotFoundError(2, "No such file or directory", path)
        return files[path]

    first = ["r.txt"] if "r.txt" in files else []
    return _requirements.parse(list(requirements), first, list(constraints), read, variables)


def texts(lines):
    """Return the requirements alone."""
    return [line.text for line in lines]


def test_comments_empty_lines_and_continued_lines_are_read_as_pip_reads_them():
    parsed = parse({"r.txt": "\ufeff# top\n\nflask>=3  # web\nrequests \\\n  >=2 \\\n  ,<3\n   # end\nurl-lib3\n"})
    assert texts(parsed.requirements) == ["flask>=3", "requests   >=2   ,<3", "url-lib3"]
    assert [line.where for line in parsed.requirements] == ["r.txt, line 3", "r.txt, line 4", "r.txt, line 8"]


def test_comment_line_ends_a_continued_line():
    parsed = parse({"r.txt": "flask\\\n# not a part \\\nrequests\n"})
    assert texts(parsed.requirements) == ["flask", "requests"]


def test_markers_and_extras_stay_in_the_requirement():
    parsed = parse({"r.txt": "app[web,db] >= 1 ; python_version < '3.10' and sys_platform == 'linux'\n"})
    assert texts(parsed.requirements) == ["app[web,db] >= 1 ; python_version < '3.10' and sys_platform == 'linux'"]


def test_hashes_are_told_apart_from_the_requirement():
    parsed = parse({"r.txt": "flask==3.1.1 ; python_version > '3' \\\n --hash=sha256:aa \\\n --hash sha256:bb\n"})
    assert parsed.requirements[0].text == "flask==3.1.1 ; python_version > '3'"
    assert parsed.requirements[0].hashes == ("sha256:aa", "sha256:bb")


@pytest.mark.parametrize("line", ["flask --hash=sha256", "flask --hash=sha256:XY", "flask --index-url https://x"])
def test_what_cannot_stand_behind_a_requirement_is_refused_with_its_line(line):
    with pytest.raises(_requirements.RequirementsError, match="r.txt, line 2"):
        parse({"r.txt": "a\n%s\n" % line})


@pytest.mark.parametrize(
    "form", ["-r sub/more.txt", "--requirement sub/more.txt", "--requirement=sub/more.txt", "-rsub/more.txt"]
)
def test_named_files_are_read_beside_the_one_that_names_them(form):
    files = {"r.txt": form + "\na\n", "sub/more.txt": "b\n-c limits.txt\n", "sub/limits.txt": "c<2\n"}
    parsed = parse(files)
    assert texts(parsed.requirements) == ["b", "a"]
    assert texts(parsed.constraints) == ["c<2"]
    assert set(parsed.files) == set(files)


def test_requirements_named_in_a_constraints_file_require_as_for_pip():
    parsed = parse({"c.txt": "a<2\n-r r2.txt\n-c c2.txt\n", "r2.txt": "b\n", "c2.txt": "d<1\n"}, constraints=["c.txt"])
    assert texts(parsed.requirements) == ["b"]
    assert texts(parsed.constraints) == ["a<2", "d<1"]


def test_files_that_name_each_other_are_refused():
    with pytest.raises(_requirements.RequirementsError, match="names itself"):
        parse({"r.txt": "-r b.txt\n", "b.txt": "-r r.txt\n"})


def test_missing_file_is_named_with_the_file_that_names_it():
    with pytest.raises(_requirements.RequirementsError, match=r"b\.txt cannot be read.*in r\.txt"):
        parse({"r.txt": "-r b.txt\n"})


def test_file_on_the_net_is_refused_without_its_password():
    with pytest.raises(_requirements.RequirementsError, match="names a file on the net") as error:
        parse({"r.txt": "-c https://user:s3cret@host/c.txt\n"})
    assert "s3cret" not in str(error.value)


def test_options_are_told_with_their_place():
    text = "--index-url https://user:pw@host/simple\n-i https://other/simple\n--no-index\n--pre\n-f wheels\n--no-binary :all:\n"
    parsed = parse({"r.txt": text})
    assert [(option.name, option.where[-6:]) for option in parsed.options] == [
        ("--index-url", "line 1"),
        ("--index-url", "line 2"),
        ("--no-index", "line 3"),
        ("--pre", "line 4"),
        ("--find-links", "line 5"),
        ("--no-binary", "line 6"),
    ]
    assert parsed.options[0].value == "https://user:pw@host/simple"
    assert parsed.requirements == ()


@pytest.mark.parametrize(
    "line, meant",
    [
        ("demo @ https://user:pw@host/demo-1.0-py3-none-any.whl", "demo @ https://host/demo-1.0-py3-none-any.whl"),
        ("demo[x]@https://host/demo-1.0.zip", "demo[x]@https://host/demo-1.0.zip"),
        ("https://host/Demo_Pkg-1.0-py3-none-any.whl", "Demo_Pkg @ https://host/Demo_Pkg-1.0-py3-none-any.whl"),
        ("https://host/x.zip#egg=demo[web]", "demo[web] @ https://host/x.zip"),
        ("/srv/demo-1.0-1-py3-none-any.whl", "demo @ file:///srv/demo-1.0-1-py3-none-any.whl"),
        (
            "https://host/demo-1.0-py3-none-any.whl ; python_version > '3'",
            "demo @ https://host/demo-1.0-py3-none-any.whl ; python_version > '3'",
        ),
    ],
)
def test_direct_reference_gets_its_projects_name_and_loses_its_password(line, meant):
    assert texts(parse({"r.txt": line + "\n"}).requirements) == [meant]


@pytest.mark.parametrize("line", ["./folder", "../x", "https://host/download", "git+https://host/repo"])
def test_reference_that_does_not_tell_its_project_is_refused(line):
    with pytest.raises(_requirements.RequirementsError, match="NAME @ URL"):
        parse({"r.txt": line + "\n"})


def test_editable_is_refused():
    with pytest.raises(_requirements.RequirementsError, match="editable"):
        parse({"r.txt": "-e ./app\n"})


def test_variables_are_filled_in_where_they_are_set():
    parsed = parse({"r.txt": "a==${VERSION}\nb @ https://${HOST}/b.zip\n"}, variables={"VERSION": "1.2"})
    assert texts(parsed.requirements) == ["a==1.2", "b @ https://${HOST}/b.zip"]


def test_strings_are_read_like_lines_and_options_among_them_are_refused():
    parsed = parse({}, requirements=["flask>=3  # web", "a==1 --hash=sha256:aa"])
    assert texts(parsed.requirements) == ["flask>=3", "a==1"]
    assert parsed.requirements[1].hashes == ("sha256:aa",)
    with pytest.raises(_requirements.RequirementsError, match="is an option"):
        parse({}, requirements=["--index-url https://x"])


VARIABLES = {
    "TOKEN": "canary-1",
    "HOST": "canary.example",
    "VERSION": "1.2",
    "ALL": "demo @ https://canary/demo-1-py3-none-any.whl",
}


@pytest.mark.parametrize(
    ("line", "text", "public"),
    [
        (
            "demo @ https://u:pw@h/demo-1-py3-none-any.whl?sig=${TOKEN}",
            "demo @ https://h/demo-1-py3-none-any.whl",
            None,
        ),
        (
            "demo @ https://h/demo-1-py3-none-any.whl?sig=canary ; os_name == 'x'",
            "demo @ https://h/demo-1-py3-none-any.whl ; os_name == 'x'",
            None,
        ),
        (
            "https://${HOST}/${TOKEN}/demo-1-py3-none-any.whl",
            "demo @ https://${HOST}/${TOKEN}/demo-1-py3-none-any.whl",
            None,
        ),
        ("https://u:${TOKEN}@h/demo-1-py3-none-any.whl", "demo @ https://h/demo-1-py3-none-any.whl", None),
        ("${ALL}", "demo", None),
        (
            "demo[web]>=1,==${VERSION} ; os_name == 'x'",
            "demo[web]>=1,==1.2 ; os_name == 'x'",
            "demo[web]>=1, ; os_name == 'x'",
        ),
        ("demo==${VERSION}", "demo==1.2", "demo"),
        ("demo==${UNSET}", "demo==${UNSET}", "demo==${UNSET}"),
    ],
)
def test_what_came_from_the_environment_and_queries_do_not_leave_the_host(line, text, public):
    parsed = parse({"r.txt": line + "\n"}, variables=VARIABLES).requirements[0]
    assert parsed.text == text
    assert parsed.public == (text if public is None else public)
    assert "canary" not in parsed.text + parsed.public


def test_url_itself_and_what_is_secret_in_it_are_known():
    parsed = parse(
        {"r.txt": "demo @ https://u:pw@h/${TOKEN}/demo-1-py3-none-any.whl?sig=x\nb==${VERSION}\n"}, variables=VARIABLES
    )
    assert parsed.requirements[0].url == "https://u:pw@h/canary-1/demo-1-py3-none-any.whl?sig=x"
    assert parsed.secrets == {"canary-1": "${TOKEN}", "pw": "********"}


def test_identity_changes_with_the_file_that_is_asked_for_and_not_with_its_signature():
    def identity(line, **variables):
        return parse({"r.txt": line + "\n"}, variables=variables).requirements[0].identity

    signed = "demo @ https://h/${BUILD}/demo-1-py3-none-any.whl?sig=${SIGNATURE}"
    first = identity(signed, BUILD="7", SIGNATURE="monday")
    assert identity(signed, BUILD="7", SIGNATURE="tuesday") == first
    assert identity(signed, BUILD="8", SIGNATURE="monday") != first
    assert identity("demo==${V}", V="1") != identity("demo==${V}", V="2")
    assert identity("demo @ https://u:pw@h/demo-1-py3-none-any.whl") == "demo @ https://h/demo-1-py3-none-any.whl"


@pytest.mark.parametrize("line", ["demo", "demo[x] @ https://u:${PW}@h/demo-1-py3-none-any.whl?sig=a ; os_name == 'x'"])
def test_line_that_is_passed_on_to_the_host_that_downloads_keeps_all_of_its_url(line):
    assert _requirements.whole(parse({"r.txt": line + "\n"}).requirements[0]) == line
