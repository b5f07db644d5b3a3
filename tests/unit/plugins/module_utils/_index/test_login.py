# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The password file."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _login


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o601])
def test_a_password_file_that_others_may_read_or_write_is_refused(tmp_path, mode):
    path = tmp_path / "password"
    path.write_text("secret\n")
    path.chmod(mode)
    with pytest.raises(AirgapError, match="chmod 0600"):
        _login.read_password_file(str(path))


@pytest.mark.parametrize("text, expected", [("secret\n", "secret"), (" s p \n", " s p "), ("x", "x")])
def test_a_password_file_holds_the_password_in_one_line(tmp_path, text, expected):
    path = tmp_path / "password"
    path.write_text(text)
    path.chmod(0o600)
    assert _login.read_password_file(str(path)) == expected


@pytest.mark.parametrize("text", ["", "\n", "one\ntwo\n"])
def test_a_password_file_without_one_password_is_refused(tmp_path, text):
    path = tmp_path / "password"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(AirgapError, match="one line"):
        _login.read_password_file(str(path))
