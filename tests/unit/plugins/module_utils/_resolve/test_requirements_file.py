# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requirements files are read as pip reads them, and nothing in them is dropped."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._resolve import _build_advice, _requirements_file

from tests.unit.plugins.module_utils._resolve.examples import parse


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


def test_hashes_are_separated_from_the_requirement():
    parsed = parse({"r.txt": "flask==3.1.1 ; python_version > '3' \\\n --hash=sha256:aa \\\n --hash sha256:bb\n"})
    assert parsed.requirements[0].text == "flask==3.1.1 ; python_version > '3'"
    assert parsed.requirements[0].hashes == ("sha256:aa", "sha256:bb")


@pytest.mark.parametrize("line", ["flask --hash=sha256", "flask --hash=sha256:XY", "flask --index-url https://x"])
def test_option_that_cannot_follow_a_requirement_is_refused_with_its_line(line):
    with pytest.raises(AirgapError, match="r.txt, line 2"):
        parse({"r.txt": "a\n%s\n" % line})


@pytest.mark.parametrize(
    "form", ["-r sub/more.txt", "--requirement sub/more.txt", "--requirement=sub/more.txt", "-rsub/more.txt"]
)
def test_included_files_are_relative_to_the_file_that_names_them(form):
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
    with pytest.raises(AirgapError, match="b.txt, line 1: r.txt includes itself"):
        parse({"r.txt": "-r b.txt\n", "b.txt": "-r r.txt\n"})


def test_missing_file_is_named_with_the_file_that_names_it():
    with pytest.raises(AirgapError, match=r"r\.txt, line 2: b\.txt cannot be read"):
        parse({"r.txt": "a\n-r b.txt\n"})


def test_file_on_the_network_is_refused_without_its_password():
    with pytest.raises(AirgapError, match="r.txt, line 1: .*is a file on the network") as error:
        parse({"r.txt": "-c https://user:s3cret@host/c.txt\n"})
    assert "s3cret" not in str(error.value)


def test_options_are_returned_with_their_place():
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
def test_reference_that_does_not_name_its_project_is_refused(line):
    with pytest.raises(AirgapError, match="NAME @ URL"):
        parse({"r.txt": line + "\n"})


def test_editable_is_refused():
    with pytest.raises(AirgapError, match="editable"):
        parse({"r.txt": "-e ./app\n"})


def test_variables_that_are_set_are_expanded():
    parsed = parse({"r.txt": "a==${VERSION}\nb @ https://${HOST}/b.zip\n"}, variables={"VERSION": "1.2"})
    assert texts(parsed.requirements) == ["a==1.2", "b @ https://${HOST}/b.zip"]


def test_strings_are_read_like_lines_and_options_among_them_are_refused():
    parsed = parse({}, requirements=["flask>=3  # web", "a==1 --hash=sha256:aa"])
    assert texts(parsed.requirements) == ["flask>=3", "a==1"]
    assert parsed.requirements[1].hashes == ("sha256:aa",)
    with pytest.raises(AirgapError, match="is an option"):
        parse({}, requirements=["--index-url https://x"])


VARIABLES = {
    "TOKEN": "canary-1",
    "HOST": "canary.example",
    "VERSION": "1.2",
    "ALL": "demo @ https://canary/demo-1-py3-none-any.whl",
    "BASE": "https://canary/files",
    "FILE": "demo-1-py3-none-any.whl",
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
        ("${ALL}", "demo @ ${ALL}", None),
        ("demo @ ${BASE}/demo-1-py3-none-any.whl", "demo @ ${BASE}/demo-1-py3-none-any.whl", None),
        ("${BASE}/demo-1-py3-none-any.whl", "demo @ ${BASE}/demo-1-py3-none-any.whl", None),
        ("https://u:pw@h/${FILE} ; os_name == 'x'", "demo @ https://h/${FILE} ; os_name == 'x'", None),
        (
            "demo[web]>=1,==${VERSION} ; os_name == 'x'",
            "demo[web]>=1,==1.2 ; os_name == 'x'",
            "demo[web]>=1, ; os_name == 'x'",
        ),
        ("demo==${VERSION}", "demo==1.2", "demo"),
        ("demo==${UNSET}", "demo==${UNSET}", "demo==${UNSET}"),
    ],
)
def test_values_of_the_environment_and_queries_do_not_leave_the_host(line, text, public):
    parsed = parse({"r.txt": line + "\n"}, variables=VARIABLES).requirements[0]
    assert parsed.text == text
    assert parsed.public == (text if public is None else public)
    assert "canary" not in parsed.text + parsed.public


def test_full_url_and_the_secrets_in_it_are_known():
    parsed = parse(
        {"r.txt": "demo @ https://u:pw@h/${TOKEN}/demo-1-py3-none-any.whl?sig=x\nb==${VERSION}\n"}, variables=VARIABLES
    )
    assert parsed.requirements[0].url == "https://u:pw@h/canary-1/demo-1-py3-none-any.whl?sig=x"
    assert parsed.secrets == {"canary-1": "${TOKEN}", "pw": "********"}


def test_identity_changes_with_the_required_file_and_not_with_its_signature():
    def identity(line, **variables):
        return parse({"r.txt": line + "\n"}, variables=variables).requirements[0].identity

    signed = "demo @ https://h/${BUILD}/demo-1-py3-none-any.whl?sig=${SIGNATURE}"
    first = identity(signed, BUILD="7", SIGNATURE="monday")
    assert identity(signed, BUILD="7", SIGNATURE="tuesday") == first
    assert identity(signed, BUILD="8", SIGNATURE="monday") != first
    assert identity("demo==${V}", V="1") != identity("demo==${V}", V="2")
    assert identity("demo @ https://u:pw@h/demo-1-py3-none-any.whl") == "demo @ https://h/demo-1-py3-none-any.whl"


def test_lines_that_cannot_be_read_are_all_reported_at_once():
    with pytest.raises(AirgapError) as error:
        parse({"r.txt": "a\nhttps://host/download\nb --hash=sha256\n-e ./app\n-r more.txt\n", "more.txt": "../x\n"})
    said = str(error.value).split("\n")
    assert [line.split(":")[0] for line in said] == [
        "r.txt, line 2",
        "r.txt, line 3",
        "r.txt, line 4",
        "more.txt, line 1",
    ]


def test_constraint_with_an_extra_is_refused_with_its_line():
    with pytest.raises(AirgapError, match="c.txt, line 2: .*requests.socks.*extra.*requests==2"):
        parse({"c.txt": "six\nrequests[socks]==2\n"}, constraints=["c.txt"])
    with pytest.raises(AirgapError, match="c.txt, line 1"):
        parse({"r.txt": "-c c.txt\n", "c.txt": "requests [socks] == 2\n"})


@pytest.mark.parametrize("line", ["./x-1.0-py3-none-any.whl", "wheels/x-1.0-py3-none-any.whl", "x @ ./x-1.0.tar.gz"])
def test_relative_path_is_refused_with_its_line_and_the_variable_for_such_wheels(line):
    with pytest.raises(AirgapError, match="r.txt, line 1: .*relative path") as error:
        parse({"r.txt": line + "\n"})
    assert "find_links" in str(error.value) or "stage_build" in str(error.value)


def test_line_from_another_machine_has_its_place_there():
    text = "six  # airgap: my reqs/base.txt, line 7\nflask\nattrs --hash=sha256:aa  # airgap: p.toml, extra # web\n"
    parsed = parse({"r.txt": text})
    assert [line.where for line in parsed.requirements] == [
        "my reqs/base.txt, line 7",
        "r.txt, line 2",
        "p.toml, extra # web",
    ]


COMMIT = "0123456789abcdef0123456789abcdef01234567"


def refused(text):
    """Return the message about a file that is refused."""
    with pytest.raises(AirgapError) as error:
        _requirements_file.refuse_options(parse({"r.txt": text}))
    return str(error.value)


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        (
            "-e git+https://user:pw@git.example/x.git@%s#egg=x&subdirectory=py" % COMMIT,
            'Add to stage_build: {name: x, vcs: "git+https://git.example/x.git@%s#subdirectory=py"}. '
            "Then write x in place of the line." % COMMIT,
        ),
        (
            "--editable=git+ssh://git@git.example/x.git@v1#egg=x",
            'Add to stage_build: {name: x, vcs: "git+ssh://git@git.example/x.git@COMMIT"}, where COMMIT is what '
            "'git ls-remote ssh://git@git.example/x.git v1' prints. Then write x in place of the line.",
        ),
        ("-e git+https://git.example/x.git", "{name: NAME, vcs: "),
        ("-e x[web] @ git+https://git.example/x.git@%s" % COMMIT, "{name: x, vcs: "),
        ("-e ./app[web]", "{name: NAME, source: ./app}"),
        ("-e .", "{name: NAME, source: .}. Then write NAME in place of the line; or remove it, if only"),
        ("git+https://git.example/x.git@%s" % COMMIT, '{name: NAME, vcs: "git+https://git.example/x.git@%s"}' % COMMIT),
        ("-e hg+https://hg.example/x#egg=x", "{name: x, source: FOLDER}"),
        ("./app", "{name: NAME, source: ./app}"),
        ("https://host/x-1.0.tar.gz", "{name: NAME, source: x-1.0.tar.gz}"),
    ],
)
def test_requirement_that_must_be_built_is_refused_with_the_complete_entry(line, entry):
    said = refused("six\n%s\n" % line)
    assert said.startswith("r.txt, line 2: ")
    assert entry in said
    assert "pw" not in said


@pytest.mark.parametrize(
    ("line", "fix"),
    [
        ("--no-binary lxml", "Add to stage_build: {name: lxml}"),
        ("--no-binary=lxml,Py_Yaml", "Add to stage_build: {name: lxml}, {name: py-yaml}"),
        ("--no-binary :all:", "Add the projects that must be built to stage_build, such as {name: NAME}"),
        ("--only-binary :all:", "only wheels are used"),
        ("--prefer-binary", "only wheels are used"),
        ("--require-hashes", "hashes in a file are always enforced"),
        ("--pre", "NAME>=2.0rc1"),
        ("--no-index", "stage_find_links"),
        ("--config-settings x=y", "stage_build"),
        ("--use-feature fast-deps", "of pip on another machine"),
        ("-i https://user:pw@host/simple", "stage_index_url"),
    ],
)
def test_option_is_refused_with_its_replacement(line, fix):
    said = refused("six\n%s\n" % line)
    assert said.startswith("r.txt, line 2: the option ")
    assert fix in said
    assert "nothing takes its place" not in said
    assert "pw" not in said


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("--no-binary lxml", "is an option.*stage_build: {name: lxml}"),
        ("-e git+https://git.example/x.git@%s#egg=x" % COMMIT, "editable.*stage_build: {name: x, vcs: "),
        ("-r other.txt", "is an option.*requirements_file"),
        ("-c limits.txt", "is an option.*constraints_file"),
        ("--index-url https://user:pw@host/simple", "is an option.*stage_index_url"),
    ],
)
def test_option_among_the_requirements_of_a_set_is_refused_with_its_replacement(text, fix):
    with pytest.raises(AirgapError, match=fix) as error:
        parse({}, requirements=["six", text])
    assert "pw" not in str(error.value)


def test_all_options_are_reported_at_once():
    assert refused("--pre\nsix\n--no-binary lxml\n").count("the option") == 2


@pytest.mark.parametrize(
    "line",
    [
        "-e git+https://git.example/${TOKEN}/x.git#egg=x",
        "https://host/download?sig=${TOKEN}",
        "https://host/x-1.0.tar.gz?sig=${TOKEN}",
        "six ${TOKEN} --nope=1",
        "x @ ./wheels/x-1.whl?sig=${TOKEN}",
    ],
)
def test_value_of_a_variable_is_in_no_message_about_its_line(line):
    with pytest.raises(AirgapError) as error:
        parse({"r.txt": line + "\n"}, variables={"TOKEN": "canary-1"})
    assert str(error.value).startswith("r.txt, line 1")
    assert "canary-1" not in str(error.value)


def test_query_of_a_url_is_in_no_entry_that_is_shown():
    for url in ("https://host/x-1-py3-none-any.whl?sig=canary", "https://host/x-1.tar.gz?sig=canary"):
        assert "canary" not in _build_advice.build_advice("x", url)
    with pytest.raises(AirgapError) as error:
        parse({"r.txt": "https://host/download?sig=canary\n"})
    assert "canary" not in str(error.value)
