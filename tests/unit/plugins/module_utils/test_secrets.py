# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret in a URL is not shown, whatever its name."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._pip import _command


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
def test_secrets_in_the_output_of_pip_are_hidden(said, shown):
    assert _secrets.hide(said, {"t0ken": "${TOKEN}"}) == shown


def test_user_without_a_password_in_a_url_may_be_a_token():
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
    _command.log_command(["pip"], 1, 0.1, "t0ken at https://h/a.whl?sig=canary\n", str(log), {"t0ken": "${TOKEN}"})
    assert "${TOKEN} at https://h/a.whl?********\n" in log.read_text()


def test_texts_show_neither_a_password_with_an_at_sign_nor_a_query_and_keep_everything_else():
    text = "a @ git+https://joe:p@ss@git.example/a.git@v1#egg=a and https://host?mail=x@y.example and ssh://git@host/b"
    assert _secrets.without_user(text) == (
        "a @ git+https://git.example/a.git@v1#egg=a and https://host?mail=x@y.example and ssh://host/b"
    )
    assert "mail" not in _secrets.without_secrets(text)


def test_a_password_is_hidden_in_each_form_that_programs_print():
    url = "https://user:p%40ss@index.example/+simple/"
    masks = _secrets.masks(_secrets.passwords([url]))
    assert set(masks) == {"p%40ss", "p@ss"}
    assert _secrets.hide("GET %s failed for p@ss" % url, masks) == (
        "GET https://user:********@index.example/+simple/ failed for ********"
    )
    assert _secrets.passwords(["http://10.0.0.1:3141/airgap/prod/+simple/", None]) == set()


@pytest.mark.parametrize("address", ["http://u:p@h:port", "u:p@h:port", "//u:p@h:port"])
def test_an_address_that_is_not_a_url_is_shown_without_its_login(address):
    shown = _secrets.without_login(address)
    assert "p@" not in shown
    assert shown.endswith("h:port")


def test_passwords_move_from_the_settings_to_places_that_no_command_line_shows():
    settings = {
        "index-url": "https://me:s3%40cret@h.example/simple",
        "extra-index-url": "https://plain.example/simple",
        "proxy": "http://p:word@proxy.example:3128",
        "cert": "/ca.pem",
    }
    hidden = _secrets.out_of_settings(settings)
    assert hidden.settings == {
        "index-url": "https://h.example/simple",
        "extra-index-url": "https://plain.example/simple",
        "cert": "/ca.pem",
    }
    assert hidden.netrc == "machine h.example login me password s3@cret\n"
    assert hidden.variables["https_proxy"] == settings["proxy"]
    assert _secrets.out_of_settings({"proxy": "http://proxy.example"}).variables == {}


def test_two_logins_on_one_machine_are_an_error_without_them():
    settings = {"index-url": "https://a:s3cr3t@h.example/x", "extra-index-url": "https://b:s3cr3t@h.example/y"}
    with pytest.raises(AirgapError, match="two logins for h.example") as error:
        _secrets.out_of_settings(settings)
    assert "s3cr3t" not in str(error.value)


def test_result_of_a_module_has_no_secret_at_any_depth():
    result = {"changed": True, "size": 7, "locks": [{"origin": "https://h.example/canary/a.whl"}], "msg": "canary 1.0"}
    assert _secrets.scrub(result, {"canary", "1.0"}) == {
        "changed": True,
        "size": 7,
        "locks": [{"origin": "https://h.example/********/a.whl"}],
        # Three characters are not a secret: they are part of too many words.
        "msg": "******** 1.0",
    }
