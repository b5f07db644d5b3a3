# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lock is up to date until something that it depends on changes."""

from __future__ import annotations

from ansible_collections.airgap.python.plugins.module_utils._resolve import _lock_inputs
from ansible_collections.airgap.python.plugins.module_utils._target import _target_parser

TARGET = _target_parser.parse({"name": "node39", "python": "3.9.2", "libc": "glibc-2.31"})[0]


def test_digest_changes_with_each_input_and_not_with_the_targets_name():
    def digest(requirements=("a", "b"), constraints=(), target=TARGET, settings=None, engine="pip 26.3"):
        return _lock_inputs.digest_inputs(requirements, constraints, target, settings or {}, [], engine)

    same = digest()
    assert digest(requirements=("b", "a")) == same
    assert digest(target=TARGET._replace(name="other")) == same
    assert digest(settings={"timeout": "3"}) == same
    assert digest(settings={"index-url": "https://u:p@a.example"}) == digest(
        settings={"index-url": "https://a.example"}
    )
    others = [
        digest(requirements=("b",)),
        digest(constraints=("x<2",)),
        digest(target=TARGET._replace(python="3.9.3")),
        digest(settings={"index-url": "https://b.example"}),
        digest(engine="pip 26.2"),
    ]
    assert len({same, *others}) == 6


def test_upgrade_can_move_what_requires_it_and_what_it_requires():
    requires = {"app": {"lib"}, "lib": {"leaf"}, "other": {"leaf"}, "alone": set()}
    assert _lock_inputs.affected_by_upgrade({"lib"}, requires) == {"app", "lib", "leaf"}
