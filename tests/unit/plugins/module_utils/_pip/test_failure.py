# SPDX-License-Identifier: GPL-3.0-or-later
"""A sentence of pip or uv means the same wherever it is read, and has the fix of the place where it is said."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._pip import _causes, _failure

NO_MATCH = "ERROR: Could not find a version that satisfies the requirement x==1 (from versions: none)\nERROR: No matching distribution found for x==1\n"
RETRY = (
    "WARNING: Retrying (Retry(total=1, connect=None, read=None, redirect=None, status=None)) after connection broken by "
    "'NewConnectionError('<pip._vendor.urllib3.connection.HTTPConnection object at 0x7f>: Failed to establish a new connection: "
    "[Errno 111] Connection refused')': /a/+simple/x/\n"
)
HASH = """ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated the package versions
    idna==3.20 from http://h/idna-3.20-py3-none-any.whl (from -r /tmp/x/tmp1.txt (line 6)):
        Expected sha256 00
             Got        11
"""


@pytest.mark.parametrize(
    ("output", "reason", "line"),
    [
        (HASH, "not the one that the lock names", "idna==3.20 from http://h/idna-3.20-py3-none-any.whl:"),
        (NO_MATCH, "no file that the lock asks for", "No matching distribution found for x==1"),
        (
            RETRY * 2 + NO_MATCH,
            "does not answer",
            "/a/+simple/x/: Failed to establish a new connection: [Errno 111] Connection refused",
        ),
        (
            "WARNING: The repository located at h is not a trusted or secure host and is being ignored.\n" + NO_MATCH,
            "ignores an index on plain http",
            "WARNING: The repository located at h is not a trusted or secure host and is being ignored.",
        ),
        (
            "ERROR: HTTP error 403 while getting x\nERROR: 403 Client Error: Forbidden for url: http://h\n",
            "forbids this host or user",
            None,
        ),
        (
            "ERROR: Hashes are required in --require-hashes mode, but they are missing\n    y==2 from http://h\n",
            "lock is not complete",
            None,
        ),
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n",
            "disk is full",
            None,
        ),
        ("Traceback\nZeroDivisionError: x\n", "pip failed", "ZeroDivisionError: x"),
    ],
)
def test_the_reason_of_pips_failure_is_recognized(output, reason, line):
    said, lines, fix = _failure.diagnose(output, _causes.INSTALLING)
    assert reason in said
    assert fix
    assert lines
    assert line is None or line in lines


@pytest.mark.parametrize(
    "output",
    [
        "ERROR: Could not install packages: Max retries exceeded with url: /dep-1.0-py3-none-any.whl\n",
        "ERROR: HTTP error 403 while getting https://h/dep.whl\nERROR: 403 Client Error: Forbidden\n",
        "ERROR: No matching distribution found for dep==1.0\n",
        "ERROR: 502 Server Error: Bad Gateway\n",
    ],
)
def test_without_an_index_none_is_blamed(output):
    reason, dummy, fix = _failure.diagnose(output, _causes.OFFLINE)
    assert "index" not in reason + fix
    assert "index" in _failure.diagnose(output, _causes.INSTALLING)[0]


@pytest.mark.parametrize(
    ("reason", "what", "look_at"),
    [
        ("401 Client Error: Unauthorized for url: https://h/simple/app/", "user and password", "index_url"),
        ("403 Client Error: Forbidden for url: https://h/simple/app/", "forbids", "extra_index_urls"),
        ("407 Proxy Authentication Required", "proxy", "stage_proxy"),
        (
            "connection error: ProxyError('Cannot connect to proxy', OSError('Tunnel failed: 407'))",
            "proxy",
            "stage_proxy",
        ),
        ("429 Client Error: Too Many Requests", "too many requests", "index_url"),
        ("503 Server Error: Unavailable", "an internal error", "its operator"),
        ("410 Client Error: Gone", "refuses", "index_url"),
        ("There was a problem confirming the ssl certificate: self signed certificate", "not trusted", "stage_cert"),
        ("connection error: Failed to resolve 'h' ([Errno -2] Name or service not known)", "DNS", "index_url"),
        ("error: dns error: failed to lookup address information", "DNS", "index_url"),
        (
            "connection error: NewConnectionError('<x at 0x1>: [Errno 111] Connection refused')",
            "not answer",
            "index_url",
        ),
        (
            "HTTPConnectionPool(host='127.0.0.1', port=40735): Max retries exceeded (too many 500 error responses)",
            "an internal error",
            "reaches the index",
        ),
        ("HTTPConnectionPool(host='h', port=407): timed out", "not answer", "proxy"),
        ("timed out", "not answer", "proxy"),
        ("no answer from https://h/503/401/simple/app/: timed out", "not answer", "proxy"),
    ],
)
def test_reason_is_recognized_with_the_variable_to_check(reason, what, look_at):
    said, fix = _failure.why_unanswered(reason)
    assert what in said
    assert look_at in fix


def test_requirement_is_read_from_pip_and_from_uv():
    pip = (
        "ERROR: Could not find a version that satisfies the requirement lib>=2,<3 (from app) (from versions: 1.0)\n"
        "ERROR: No matching distribution found for lib>=2,<3\n"
    )
    assert _failure.not_found(pip) == ["lib>=2,<3"]
    uv = (
        "error: No solution found\n  cause: Because my-lib==1.1 has no wheels with a matching platform\n"
        "   tag and you require my-lib>=1.1, we can conclude that your requirements are unsatisfiable.\n"
    )
    assert _failure.not_found(uv) == ["my-lib>=1.1"]
    assert _failure.not_found("Because nope was not found in the package registry and you require nope, we") == ["nope"]
    many = "Because all versions of my-lib have no wheels with a matching Python ABI tag and you require my-lib, we"
    assert _failure.not_found(many) == ["my-lib"]
    assert _failure.not_found("ERROR: ResolutionImpossible") == []


@pytest.mark.parametrize(
    ("output", "staging", "installing", "building"),
    [
        (HASH, "Find out why before you continue", "find out who changed the file", "Find out why before you continue"),
        ("OSError: [Errno 28] No space left on device\n", "existing files are kept", "Free some space", "dest"),
        (NO_MATCH, "has a wheel for python 3.9", "Publish the bundle", "no such sdist"),
        ("ERROR: ResolutionImpossible: see\n", "ask for different versions", "own target", "Name a file in log"),
    ],
)
def test_the_fix_is_that_of_the_place_where_pip_failed(output, staging, installing, building):
    fixes = [
        _failure.diagnose(output, place, "python 3.9").fix
        for place in (_causes.STAGING, _causes.INSTALLING, _causes.BUILDING)
    ]
    for fix, part in zip(fixes, (staging, installing, building)):
        assert part in fix
    assert len(set(fixes)) == 3


def test_output_of_a_build_is_not_read_as_a_failed_request():
    said = _failure.diagnose("  x.c:1: warning: certificate timed out\nerror: command 'gcc' failed\n", "building")
    assert said.lines == ("error: command 'gcc' failed",)
    assert "compiler" in said.fix


@pytest.mark.parametrize("place", ["staging", "installing", "offline", "building"])
def test_file_with_another_hash_is_named_however_it_was_required(place):
    said = (
        "Collecting probe@ http://h/probe-1.0-py3-none-any.whl (from -r r.txt (line 1))\n"
        "  Downloading http://h/probe-1.0-py3-none-any.whl (527 bytes)\n"
        "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated\n"
        "    probe@ http://h/probe-1.0-py3-none-any.whl from http://h/probe-1.0-py3-none-any.whl (from -r r.txt (line 1)):\n"
        "        Expected sha256 aa\n             Got        2d\n"
    )
    lines = _failure.diagnose(said, place).lines
    assert lines[0].startswith("probe@ http://h/probe-1.0-py3-none-any.whl from")
    assert lines[1:] == ("Expected sha256 aa", "Got        2d")
