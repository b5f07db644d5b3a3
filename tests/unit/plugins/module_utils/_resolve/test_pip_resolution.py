# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pip is asked for a target, and what its output means."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._pip import _failure
from ansible_collections.airgap.python.plugins.module_utils._resolve import _pip_resolution, _resolve_error
from ansible_collections.airgap.python.plugins.module_utils._resolve._inputs import EngineInputs
from ansible_collections.airgap.python.plugins.module_utils._target import _target_parser
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

TARGET = _target_parser.parse({"name": "node39", "python": "3.9.2", "libc": "glibc-2.31"})[0]


def test_no_argument_contains_a_password():
    pin = _lock.Pin(
        "a", "1", "f" * 64, "a-1-py3-none-any.whl", 0, _secrets.without_password("https://u:secret@a.example/a.whl")
    )
    assert "secret" not in _pip_resolution.fetch_line(pin)
    assert _secrets.passwords(["https://u:se%20cret@a.example", None]) == {"se%20cret", "se cret"}


def test_pip_gets_the_full_version_and_every_tag():
    arguments = _pip_resolution.resolve_arguments(TARGET, EngineInputs(["r.txt"], ["c.txt"], ["/wheels"]), "/scratch")
    assert arguments[arguments.index("--python-version") + 1] == "3.9.2"
    assert arguments[arguments.index("--abi") + 1] == "cp39"
    assert "--only-binary=:all:" in arguments
    assert arguments.count("--platform") == len(TARGET.platforms())
    assert "--find-links=/wheels" in arguments


def report(**changes):
    """Return a report of one file as pip writes it."""
    item = {
        "download_info": {
            "url": "https://u:p@index.example/f/Flask-3.1.1%2Blocal-py3-none-any.whl",
            "archive_info": {"hashes": {"sha256": "a" * 64}},
        },
        "metadata": {"name": "Flask", "version": "3.1.1+local"},
    }
    item.update(changes)
    return {"environment": TARGET.markers(), "install": [item]}


def test_report_gives_normalized_pins_with_their_urls():
    pin = _pip_resolution.read_report(report(), TARGET)[0]
    assert pin.name == "flask"
    assert pin.filename == "Flask-3.1.1+local-py3-none-any.whl"
    assert pin.origin == "https://u:p@index.example/f/Flask-3.1.1%2Blocal-py3-none-any.whl"


def test_error_names_target_reason_and_fix():
    said = _pip_resolution.why_unresolved(
        "noise\nERROR: No matching distribution found for nope\n", TARGET, "cannot be resolved"
    )
    assert "target node39" in said
    assert "No matching distribution found for nope" in said
    assert "python 3.9.2 on linux x86_64 (glibc-2.31)" in said


def test_conflict_shows_who_asks_for_what():
    output = "The user requested a==1\n    b 2 depends on a>=2\nERROR: ResolutionImpossible: see"
    said = _pip_resolution.why_unresolved(output, TARGET, "x")
    assert "The user requested a==1" in said
    assert "b 2 depends on a>=2" in said


def test_failure_of_the_network_is_distinguished_from_one_of_the_requirements():
    assert _failure.is_temporary("Could not fetch URL x: connection error: Connection refused")
    assert _failure.is_temporary("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.")
    assert not _failure.is_temporary("ERROR: No matching distribution found for x")
    assert "No space left" in _pip_resolution.why_unresolved(
        "ERROR: Exception:\nTraceback\nOSError: No space left", TARGET, "x"
    )


def test_extras_that_pip_or_uv_did_not_find_are_read_from_their_output():
    said = "WARNING: requests 2.32.3 does not provide the extra 'securty'\n"
    assert _pip_resolution.unknown_extras(said) == [("requests", "2.32.3", "securty")]
    said = "warning: The package `Requests_X==2.32.3` does not have an extra named `securty`\n"
    assert _pip_resolution.unknown_extras(said) == [("requests-x", "2.32.3", "securty")]


METADATA = """\
WARNING: Ignoring version 2.0.6 of omega since it has invalid metadata:
Requested omega==2.0.6 from http://i/o.whl (from -r /s/r.txt (line 1)) has invalid metadata: .* suffix can only be used with `==` or `!=` operators
    dep (>=5.1.*)
         ~~~~~~^
Please use pip<24.1 if you need to use this version.
ERROR: Could not find a version that satisfies the requirement omega==2.0.6 (from versions: %s)
ERROR: No matching distribution found for omega==2.0.6
"""


def test_metadata_that_pip_refuses_is_the_reason_without_a_list_of_versions():
    said = _pip_resolution.why_unresolved(METADATA % ", ".join("1.%d" % number for number in range(90)), TARGET, "what")
    assert (
        "omega 2.0.6 has invalid metadata: .* suffix can only be used with `==` or `!=` operators: dep (>=5.1.*)"
        in said
    )
    assert "Name another version of omega" in said
    assert "1.3" not in said
    assert "has a wheel" not in said


def test_long_lists_of_versions_are_cut():
    versions = ", ".join("1.%d" % number for number in range(90))
    out = "ERROR: Could not find a version that satisfies the requirement x==2 (from versions: %s)\n" % versions
    out += "ERROR: No matching distribution found for x==2\n"
    assert "(from versions: 85 older ones, 1.85, 1.86, 1.87, 1.88, 1.89)" in _pip_resolution.why_unresolved(
        out, TARGET, "what"
    )
    python = "; ".join("1.%d Requires-Python >=3.10" % number for number in range(90))
    out = "ERROR: Ignored the following versions that require a different python version: %s\n" % python
    said = _pip_resolution.why_unresolved(out, TARGET, "what")
    assert "85 others" in said
    assert len(said) < 500


@pytest.mark.parametrize(
    "reason",
    [
        "all requirements must be pinned with ==. These do not:",
        "Hashes are missing. Here is a list of those. Add them.",
    ],
)
def test_list_that_belongs_to_the_reason_of_pip_is_part_of_it(reason):
    out = "    before\nERROR: %s\n    a>=1 from https://i/a.whl#sha256=aa (from b==1->-r /s/r.txt (line 1))\n    c==2 --hash=x\n"
    said = _pip_resolution.why_unresolved(out % reason + "\nother\n    after\n", TARGET, "what")
    assert "%s a>=1 (from b==1->-r /s/r.txt (line 1)), c==2 --hash=x" % reason in said
    assert "before" not in said
    assert "after" not in said
    many = "ERROR: These do not:\n" + "".join("    p%d>=1\n" % number for number in range(90))
    assert "p9>=1 and 80 more" in _pip_resolution.why_unresolved(many, TARGET, "what")


def test_log_is_named_with_its_path_where_it_is_the_fix():
    assert "Read /srv/pip.log for pip's whole output" in _pip_resolution.why_unresolved(
        "ERROR: odd\n", TARGET, "what", "/srv/pip.log"
    )
    assert "log" not in _pip_resolution.why_unresolved("ERROR: odd\n", TARGET, "what").replace("Name a file in log", "")


def test_report_for_other_markers_is_refused():
    wrong = report()
    wrong["environment"] = dict(wrong["environment"], python_version="3.11")
    with pytest.raises(_resolve_error.ResolveError, match="another interpreter"):
        _pip_resolution.read_report(wrong, TARGET)


def test_file_without_sha256_is_refused_by_name():
    url = {"url": "https://index.example/x-1-py3-none-any.whl", "archive_info": {"hashes": {}}}
    with pytest.raises(_resolve_error.ResolveError, match="x-1-py3-none-any.whl"):
        _pip_resolution.read_report(report(download_info=url), TARGET)


def test_source_archive_is_refused_by_name():
    url = {"url": "https://index.example/x-1.tar.gz", "archive_info": {"hashes": {"sha256": "a" * 64}}}
    with pytest.raises(_resolve_error.ResolveError, match="x-1.tar.gz is not a wheel"):
        _pip_resolution.read_report(report(download_info=url), TARGET)
