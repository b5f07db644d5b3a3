# SPDX-License-Identifier: GPL-3.0-or-later
"""What in a URL is secret is not shown, whatever it is called."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _pip, _secrets


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            "Downloading https://h.example/a.whl?sig=canary (1 kB)",
            "Downloading https://h.example/a.whl?******** (1 kB)",
        ),
        (
            "Max retries exceeded with url: /a.whl?sig=canary (Caused by x)",
            "Max retries exceeded with url: /a.whl?******** (Caused by x)",
        ),
        ("from 'https://h.example/a.whl?sig=canary#sha256=00'", "from 'https://h.example/a.whl?********'"),
        ("https://h.example/t0ken/a.whl", "https://h.example/${TOKEN}/a.whl"),
        ("Is it there?", "Is it there?"),
    ],
)
def test_secrets_in_what_pip_says_are_hidden(said, shown):
    assert _secrets.hide(said, {"t0ken": "${TOKEN}"}) == shown


def test_user_that_stands_alone_in_a_url_may_be_a_token():
    assert _secrets.passwords(["https://glpat-0123456789@h.example/simple", "git+ssh://git@h.example/x"]) == {
        "glpat-0123456789"
    }
    url = "https://glpat-0123456789@h.example/a.whl?x=1#sha256=0"
    assert _secrets.public(url) == "https://h.example/a.whl#sha256=0"
    assert _secrets.public("git+file:///srv/a?x=1#subdirectory=b") == "git+file:///srv/a#subdirectory=b"


def test_secrets_of_a_requirement_are_found_with_and_without_blanks_around_its_url():
    for text in ("a @ https://u:canary@h.example/a.whl?sig=0123", "a[x]@https://u:canary@h.example/a.whl?sig=0123 ; x"):
        assert _secrets.passwords([text]) == {"canary"}
        assert _secrets.queries([text]) == {"sig=0123"}


def test_log_has_neither_the_secret_nor_a_query(tmp_path):
    log = tmp_path / "log"
    _pip.keep(["pip"], 1, 0.1, "t0ken at https://h/a.whl?sig=canary\n", str(log), {"t0ken": "${TOKEN}"})
    assert "${TOKEN} at https://h/a.whl?********\n" in log.read_text()


def test_texts_show_neither_a_password_with_an_at_sign_nor_a_query_and_keep_all_else():
    text = "a @ git+https://joe:p@ss@git.example/a.git@v1#egg=a and https://host?mail=x@y.example and ssh://git@host/b"
    assert _secrets.without_user(text) == (
        "a @ git+https://git.example/a.git@v1#egg=a and https://host?mail=x@y.example and ssh://host/b"
    )
    assert "mail" not in _secrets.without_secrets(text)


def test_result_of_a_module_has_no_secret_at_any_depth():
    result = {"changed": True, "size": 7, "locks": [{"origin": "https://h.example/canary/a.whl"}], "msg": "canary 1.0"}
    assert _secrets.scrub(result, {"canary", "1.0"}) == {
        "changed": True,
        "size": 7,
        "locks": [{"origin": "https://h.example/********/a.whl"}],
        # Three characters are no secret, and are in too many words.
        "msg": "******** 1.0",
    }
