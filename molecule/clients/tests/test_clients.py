# SPDX-License-Identifier: GPL-3.0-or-later
"""People's own tools install from the index and upload to it, on hosts without a way out, with what pip_conf wrote.

That a file came from the index is seen by its content: it is that of a wheel of the bundle, which no host inside had before.
"""

from __future__ import annotations

import json
import re
import shlex

import pytest
from conftest import BUNDLE, lock_pins, on, read

INDEX = "https://airgap-index.internal"
SIMPLE = INDEX + "/airgap/prod/+simple/"
TOOLS = "/opt/airgap/tools/bin/"
SITE_PACKAGES = "lib/python3.11/site-packages"
# What flask needs on these nodes.
FLASK = {"flask", "blinker", "click", "itsdangerous", "jinja2", "markupsafe", "werkzeug"}

# Prints the files of each distribution in a folder: {distribution: {path: sha256}}.
INSTALLED = """
import csv, glob, hashlib, json, os, sys
found = {}
for record in glob.glob(os.path.join(sys.argv[1], "*.dist-info/RECORD")):
    files = found[os.path.basename(os.path.dirname(record))] = {}
    for path, *_ in csv.reader(open(record)):
        whole = os.path.join(sys.argv[1], path)
        if not path.startswith("../") and os.path.isfile(whole):
            files[path] = hashlib.sha256(open(whole, "rb").read()).hexdigest()
print(json.dumps(found))
"""
# Prints the same of the wheels in the bundle that have one of these distributions: [[distribution, {path: sha256}], ...].
CARRIED = (
    """
import glob, hashlib, json, re, sys, zipfile
found = []
for path in glob.glob("%s/wheels/*.whl"):
    with zipfile.ZipFile(path) as wheel:
        names = [one for one in wheel.namelist() if not one.endswith("/") and ".data/" not in one]
        name = next(one for one in names if re.search("^[^/]+[.]dist-info/RECORD$", one)).split("/")[0]
        if name in sys.argv[1:]:
            names = [one for one in names if not re.search("[.]dist-info/RECORD", one)]
            found.append([name, {one: hashlib.sha256(wheel.read(one)).hexdigest() for one in names}])
print(json.dumps(found))
"""
    % BUNDLE
)
PROJECT = """
[project]
name = "ours"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["%s"]
"""
# What `hatch new` writes, as short as it can be.
HATCH = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[tool.hatch.build.targets.wheel]
packages = ["ours"]
"""


def attempt(host, user, script):
    """Run a shell script in a new folder as a user who has logged in, and who has nothing in a cache."""
    start = "set -eu; cd; rm -rf desk .cache .local; mkdir desk; cd desk\n"
    return on(host, "su - %s -c %s" % (user, shlex.quote(start + script)))


def login(host, user, script):
    """As attempt; it must succeed. Return what it prints."""
    result = attempt(host, user, script)
    assert result.rc == 0, result.out
    return result.out


def from_index(host, folder, run="python3 -"):
    """Return the names of what is installed in a folder; every file of it must be that of a wheel of the bundle."""
    script = "%s %s <<'E'\n%s\nE"
    # podman may warn first.
    installed = json.loads(read(host, script % (run, folder, INSTALLED)).splitlines()[-1])
    # virtualenv and Debian bring these into an environment from their own files.
    installed = {name: files for name, files in installed.items() if not re.match("(pip|setuptools|ours)-", name)}
    carried = json.loads(read("index", script % ("python3 -", " ".join(installed), CARRIED)))
    for name, files in installed.items():
        wheels = [contents for other, contents in carried if other == name]
        assert any(contents.items() <= files.items() for contents in wheels), "%s is in no wheel of the bundle" % name
    return {name.split("-")[0].lower().replace("_", "-") for name in installed}


def sums(host, paths):
    """Return the sums of files, by their names."""
    lines = read(host, "sha256sum " + paths).splitlines()
    return {line.split("/")[-1]: line.split()[0] for line in lines}


def write(name, text):
    """Return a line of shell that writes a file."""
    return "cat > %s <<'E'\n%sE\n" % (name, text.lstrip())


@pytest.mark.parametrize("program", ["/usr/bin/pip3", "/opt/airgap/pip20/bin/pip"])
def test_pip_20_3_of_debian_11_and_of_the_bundle_install_with_pip_conf_alone(program):
    pip = "env -i HOME=$HOME PATH=$PATH " + program
    out = login("debian11", "dave", "%s --version; %s install --target target flask" % (pip, pip))
    assert out.startswith("pip 20.3.4 ") and "Looking in indexes: " + SIMPLE in out
    assert from_index("debian11", "/home/dave/desk/target") >= FLASK


def test_pip_of_debian_13_which_refuses_an_ip_address_installs_by_the_name_of_the_index():
    env = "env -i HOME=$HOME PATH=$PATH "
    script = "%spython3 -m venv env; env/bin/pip --version; %senv/bin/pip install flask" % (env, env)
    out = login("builder", "dave", script)
    assert out.startswith("pip 25."), out
    assert from_index("builder", "/home/dave/desk/env/lib/python3.13/site-packages") == FLASK
    refused = attempt(
        "builder", "dave", script + " --index-url https://10.213.71.20/airgap/prod/+simple/ --no-cache-dir -I"
    )
    assert "check_hostname requires server_hostname" in refused.out


def test_newest_pip_installs_with_pip_conf_alone_and_its_report_names_only_the_index():
    pip = "env -i HOME=$HOME PATH=$PATH /opt/airgap/app/bin/pip "
    script = "%s --version; python3 -m venv --without-pip env; %s --python env install --report report.json flask"
    out = login("node311", "dave", script % (pip, pip))
    assert out.startswith("pip %s " % lock_pins("airgap-pip", "node311")["pip"])
    assert from_index("node311", "/home/dave/desk/env/" + SITE_PACKAGES) == FLASK
    report = json.loads(read("node311", "cat /home/dave/desk/report.json"))
    urls = [one["download_info"]["url"] for one in report["install"]]
    assert len(urls) == len(FLASK) and all(url.startswith(INDEX + "/") for url in urls), urls


def test_developer_downloads_the_files_of_the_bundle_with_pip_download():
    login("node311", "dave", "/opt/airgap/app/bin/pip download --dest wheels flask")
    found = sums("node311", "/home/dave/desk/wheels/*")
    assert len(found) == len(FLASK)
    assert found.items() <= sums("index", BUNDLE + "/wheels/*").items()


def test_uv_pip_install_uses_the_index():
    login("node311", "dave", "{0} venv env; {0} pip install --python env flask".format(TOOLS + "uv"))
    assert from_index("node311", "/home/dave/desk/env/" + SITE_PACKAGES) == FLASK


def test_uv_pip_install_needs_no_variables():
    script = (
        "env -i HOME=$HOME PATH=$PATH {0} venv env; env -i HOME=$HOME PATH=$PATH {0} pip install --python env flask"
    )
    login("node311", "dave", script.format(TOOLS + "uv"))
    assert from_index("node311", "/home/dave/desk/env/" + SITE_PACKAGES) == FLASK


def test_uv_locks_a_project_inside_and_syncs_it_frozen():
    limit = "[tool.uv]\nenvironments = [\"sys_platform == 'linux'\"]\n"
    script = write("pyproject.toml", PROJECT % "flask" + limit) + "{0} lock; rm -rf ~/.cache; {0} sync --frozen"
    login("node311", "dave", script.format(TOOLS + "uv"))
    assert from_index("node311", "/home/dave/desk/.venv/" + SITE_PACKAGES) == FLASK
    urls = re.findall("https?://[^/]*", read("node311", "cat /home/dave/desk/uv.lock"))
    assert set(urls) == {INDEX}


def test_poetry_locks_and_installs_with_the_index_as_its_primary_source():
    source = '[tool.poetry]\npackage-mode = false\n[[tool.poetry.source]]\nname = "airgap"\nurl = "%s"\npriority = "primary"\n'
    script = write("pyproject.toml", PROJECT % "flask; sys_platform == 'linux'" + source % SIMPLE)
    script += "export POETRY_VIRTUALENVS_IN_PROJECT=true\n{0} lock; rm -rf ~/.cache; {0} install -vv"
    login("node311", "dave", script.format(TOOLS + "poetry --no-interaction"))
    assert from_index("node311", "/home/dave/desk/.venv/" + SITE_PACKAGES) == FLASK
    assert 'url = "%s' % SIMPLE.rstrip("/") in read("node311", "cat /home/dave/desk/poetry.lock")


def test_pdm_locks_and_installs_with_the_variables_of_pip_conf():
    script = write("pyproject.toml", PROJECT % "flask" + "[tool.pdm]\ndistribution = false\n")
    script += "{0} lock --platform linux --static-urls; rm -rf ~/.cache; {0} sync"
    login("node311", "dave", script.format(TOOLS + "pdm"))
    assert from_index("node311", "/home/dave/desk/.venv/" + SITE_PACKAGES) == FLASK
    urls = re.findall("https?://[^/]*", read("node311", "cat /home/dave/desk/pdm.lock"))
    assert set(urls) == {INDEX}


@pytest.mark.parametrize(
    ("host", "pipx", "python", "backend"),
    [("node311", TOOLS + "pipx", "python3.11", "uv"), ("builder", "/opt/airgap/pipx/bin/pipx", "python3.13", "pip")],
)
def test_pipx_installs_a_program_with_uv_and_with_pip(host, pipx, python, backend):
    script = "%s environment --value PIPX_RESOLVED_BACKEND; %s install flask; ~/.local/bin/flask --version"
    out = login(host, "dave", script % (pipx, pipx))
    assert out.split()[0] == backend and "Werkzeug" in out
    assert from_index(host, "/home/dave/.local/share/pipx/venvs/flask/lib/%s/site-packages" % python) == FLASK


def test_hatch_makes_an_environment_from_the_index():
    script = write("pyproject.toml", PROJECT % "flask" + HATCH) + "mkdir ours; touch ours/__init__.py\n"
    script += "%shatch run python -c \"import flask, sysconfig; print(sysconfig.get_path('purelib'))\"" % TOOLS
    folder = login("node311", "dave", script).splitlines()[-1]
    assert from_index("node311", folder) == FLASK


@pytest.fixture(name="built", scope="module")
def built_fixture():
    """Return the sum of a wheel that olga builds with hatch; it is in her folder dist."""
    script = write("pyproject.toml", PROJECT % "flask" + HATCH) + "mkdir ours; touch ours/__init__.py\n"
    login("node311", "olga", script + "%shatch build --target wheel; rm -rf ~/dist; mv dist ~" % TOOLS)
    return sums("node311", "/home/olga/dist/*")["ours-1.0-py3-none-any.whl"]


def test_publisher_uploads_to_dev_with_twine_and_the_pypirc_of_pip_conf(built):
    assert attempt("node311", "dave", "cat /home/olga/.pypirc").rc != 0
    # Nothing but the file says where, who, and which CA.
    out = login("node311", "olga", "env -i HOME=$HOME PATH=$PATH %stwine upload -r airgap ~/dist/*.whl" % TOOLS)
    assert "Uploading distributions to %s/site/dev/" % INDEX in out
    pip = "/opt/airgap/app/bin/pip download --no-deps ours"
    login("node311", "dave", "%s --index-url %s/site/dev/+simple/" % (pip, INDEX))
    assert sums("node311", "/home/dave/desk/*.whl") == {"ours-1.0-py3-none-any.whl": built}
    # Nodes get it once it is promoted.
    assert "No matching distribution found for ours" in attempt("node311", "dave", pip).out


@pytest.mark.parametrize("index", ["site/prod", "airgap/prod"])
def test_publisher_cannot_upload_to_prod(built, index):
    script = "export TWINE_USERNAME=olga TWINE_PASSWORD=$(sed -n 's/^password = //p' ~/.pypirc)\n"
    script += "%stwine upload --repository-url %s/%s/ ~/dist/*.whl" % (TOOLS, INDEX, index)
    result = attempt("node311", "olga", script)
    assert result.rc != 0 and "403" in result.out, result.out
    url = "%s/%s/+simple/" % (INDEX, index)
    result = attempt("node311", "dave", "/opt/airgap/app/bin/pip download --no-deps --index-url %s ours" % url)
    assert "No matching distribution found for ours" in result.out
    assert built


INSTALL = "RUN python3 -m venv /opt/app && /opt/app/bin/pip install --no-cache-dir flask\n"
MOUNTS = "--volume /etc/pip.conf:/etc/pip.conf:ro --volume /etc/airgap/ca.pem:/etc/airgap/ca.pem:ro"
COPIED = "COPY pip.conf /etc/pip.conf\nCOPY ca.pem /etc/airgap/ca.pem\n"


@pytest.mark.parametrize(("before", "options"), [("", MOUNTS), (COPIED, "")], ids=["mounted", "copied"])
def test_image_is_built_with_what_pip_in_it_installs_from_the_index(before, options):
    lines = "FROM localhost/site/python:trixie\n" + before + INSTALL
    script = "rm -rf /root/desk; mkdir /root/desk; cd /root/desk\n" + write("Containerfile", lines)
    script += "cp /etc/pip.conf /etc/airgap/ca.pem .\n" if before else ""
    out = read(
        "builder", script + "podman build --network host --no-cache --tag localhost/site/app %s . 2>&1" % options
    )
    assert "Looking in indexes: " + SIMPLE in out
    run = "podman run --rm --interactive --network none localhost/site/app python3 -"
    assert from_index("builder", "/opt/app/lib/python3.13/site-packages", run) == FLASK
    read("builder", "podman rmi localhost/site/app")
