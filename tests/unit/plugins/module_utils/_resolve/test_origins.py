# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lock shows where a file comes from without secrets, and requests use the full URL."""

from __future__ import annotations

from ansible_collections.airgap.python.plugins.module_utils._resolve import _origins
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

from tests.unit.plugins.module_utils._resolve.examples import parse


def pin(origin, sha256="a" * 64):
    """Return a pin of a file from a URL."""
    return _lock.Pin("x", "1", sha256, "x-1-py3-none-any.whl", 0, origin)


def test_url_of_a_requirement_is_shown_as_it_is_written_and_requested_in_full():
    parsed = parse({}, ["x @ https://${LOGIN}@h.example/x-1-py3-none-any.whl"], variables={"LOGIN": "me:s3cret-word"})
    origins = _origins.Origins(parsed.requirements)
    url = "https://me:s3cret-word@h.example/x-1-py3-none-any.whl"
    (shown,) = origins.without_secrets([pin(url)], parsed.secrets)
    assert "s3cret-word" not in shown.origin
    assert origins.url_of(shown) == url
    assert _origins.Origins(parsed.requirements).url_of(shown) == url


def test_query_of_an_index_is_not_shown_and_its_loss_is_recorded():
    origins = _origins.Origins([])
    (shown,) = origins.without_secrets([pin("https://h.example/x-1-py3-none-any.whl?signature=canary")], {})
    assert shown.origin == "https://h.example/x-1-py3-none-any.whl?"
    assert _origins.has_incomplete_origin(shown)
    assert origins.url_of(shown).endswith("?signature=canary")


def test_file_that_was_not_resolved_in_this_run_is_requested_from_its_origin():
    assert _origins.Origins([]).url_of(pin("https://h.example/x.whl")) == "https://h.example/x.whl"
