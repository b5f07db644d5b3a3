# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A requirement that names a source is refused with what to write in its place."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.airgap.python.plugins.module_utils._resolve import _build_advice, _build_order


@pytest.mark.parametrize(
    ("reference", "entry"),
    [
        ("", "{name: thing}"),
        (
            "git+https://u:pw@git.example/t.git@" + "a" * 40,
            '{name: thing, vcs: "git+https://git.example/t.git@%s"}' % ("a" * 40),
        ),
        (
            "git+ssh://git@git.example/t.git@v1#subdirectory=py/t",
            '{name: thing, vcs: "git+ssh://git@git.example/t.git@COMMIT#subdirectory=py/t"}, where COMMIT is what '
            "'git ls-remote ssh://git@git.example/t.git v1' prints",
        ),
        (
            "git+https://git.example/t.git",
            '{name: thing, vcs: "git+https://git.example/t.git@COMMIT"}, where COMMIT is what '
            "'git ls-remote https://git.example/t.git HEAD' prints",
        ),
        ("git+file:///srv/t.git@" + "a" * 40, '{name: thing, vcs: "git+file:///srv/t.git@%s"}' % ("a" * 40)),
        ("file:///srv/my%20thing", '{name: thing, source: "/srv/my thing"}'),
        ("../thing", "{name: thing, source: ../thing}"),
        (
            "https://host.example/thing-1.0.tar.gz?sig=secret#sha256=" + "b" * 64,
            "{name: thing, source: thing-1.0.tar.gz, sha256: %s}, where thing-1.0.tar.gz is a copy of "
            "https://host.example/thing-1.0.tar.gz on the control host" % ("b" * 64),
        ),
    ],
)
def test_entry_of_stage_build_is_ready_to_paste_and_has_no_secret(reference, entry):
    assert _build_advice.build_entry("thing", reference) == entry
    pasted = yaml.safe_load(entry.split("}")[0] + "}")
    assert pasted["name"] == "thing"
    assert (
        "COMMIT" in entry
        or _build_order.parse_order({**pasted, "source_name": pasted.pop("source", "")}).name == "thing"
    )


def test_only_a_file_with_the_name_of_a_wheel_is_one():
    assert _build_advice.is_wheel("https://h/a-1-py3-none-any.whl?sig=x#sha256=0")
    for one in ("https://h/a.tar.gz?x=.whl", "git+https://h/a.whl", "file:///srv/a", "https://h/a.zip#egg=a.whl"):
        assert not _build_advice.is_wheel(one)
