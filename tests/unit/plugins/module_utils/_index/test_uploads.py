# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is uploaded, what is refused, and what the index must list afterwards."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _uploads

from tests.unit.plugins.module_utils._index.published_wheels import HASH_A, HASH_B, a_wheel, listed


def test_a_published_file_is_not_sent_again():
    here, new = a_wheel(), a_wheel("other")
    plan = _uploads.plan_upload("a/b", [here, new], listed(here))
    assert plan.present == (here,) and plan.upload == (new,) and plan.undeclared == ()


def test_a_published_file_without_its_requires_python_is_reported():
    wheel = a_wheel()
    assert _uploads.plan_upload("a/b", [wheel], listed(wheel, requires_python="")).undeclared == (wheel,)


@pytest.mark.parametrize("there", [HASH_B, ""])
def test_another_file_under_the_same_name_is_named_with_both_hashes(there):
    wheel = a_wheel()
    with pytest.raises(AirgapError, match="Nothing was uploaded") as error:
        _uploads.plan_upload("a/b", [a_wheel("new"), wheel], listed(wheel, there))
    assert (
        wheel.filename in str(error.value) and HASH_A in str(error.value) and (there or "not given") in str(error.value)
    )


@pytest.mark.parametrize("there", [{}, {"sha256": HASH_B}, {"requires_python": ""}])
def test_an_upload_succeeds_only_if_the_index_lists_what_was_sent(there):
    wheel = a_wheel()
    found = listed(wheel, **there) if there else {}
    with pytest.raises(AirgapError, match="lists something else"):
        _uploads.check_uploaded("a/b", [wheel], found)
    _uploads.check_uploaded("a/b", [wheel], listed(wheel))
