# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an index host is as it should be: each part is compared with its module's options, in check mode."""

from __future__ import annotations

import types

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._site import _index_host

BACKUP = {"folder": "/mnt/backup", "keep": "3"}


@pytest.fixture(name="played")
def played_fixture(monkeypatch):
    """Put parts in place of the real ones that note what they get; return these notes and what each part finds."""
    played = types.SimpleNamespace(calls=[], finds=dict.fromkeys(_index_host.PARTS, False))

    def run(name):
        def noted(module):
            played.calls.append((name, module.check_mode, module.params))
            if isinstance(played.finds[name], Exception):
                raise played.finds[name]
            return {"changed": played.finds[name]}

        return noted

    parts = {name: part._replace(run=run(name), rules={}) for name, part in _index_host.PARTS.items()}
    monkeypatch.setattr(_index_host, "PARTS", parts)
    return played


def module(**params):
    """Return a module with these parts."""
    return types.SimpleNamespace(params={**dict.fromkeys(_index_host.PARTS), **params}, check_mode=False)


def test_parts_are_compared_with_the_options_that_their_modules_would_get(played):
    asked = module(index_backup=BACKUP)
    assert _index_host.difference(asked) == ""
    ((name, check_mode, params),) = played.calls
    assert (name, check_mode) == ("index_backup", True)
    assert (params["state"], params["folder"], params["keep"]) == ("present", "/mnt/backup", 3)
    assert set(params) == set(_index_host.PARTS["index_backup"].options)
    # The module itself stays as it was.
    assert (asked.params["index_backup"], asked.check_mode) == (BACKUP, False)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (True, "devpi_publish would change something"),
        (AirgapError("no server"), "devpi_publish: no server"),
        (OSError(2, "No such file"), "devpi_publish: [Errno 2] No such file"),
    ],
)
def test_first_part_that_would_change_something_or_fails_is_named_and_nothing_else_is_compared(played, found, said):
    played.finds["devpi_publish"] = found
    publish = {"index": "airgap/prod", "password_file": "/etc/devpi-server/airgap.password"}
    assert _index_host.difference(module(devpi_publish=publish, index_backup=BACKUP)) == said
    assert [name for name, _check_mode, _params in played.calls] == ["devpi_publish"]


@pytest.mark.parametrize(
    ("part", "options", "said"),
    [
        ("index_backup", {"state": "absent"}, "value of state must be one of: present"),
        ("index_backup", {"kept": 3}, "kept"),
        ("devpi_service", {"root_password": "swordfish"}, "root_password"),
        ("devpi_publish", {"password": "swordfish"}, "password"),
        ("devpi_publish", {"login_token": "swordfish"}, "login_token"),
    ],
)
def test_other_states_secrets_and_unknown_options_are_refused(played, part, options, said):
    found = _index_host.difference(module(**{part: options}))
    assert found.count(part + ": ") == 1 and said in found and "swordfish" not in found
    assert not played.calls
