# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of users and indexes."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _names


@pytest.mark.parametrize("name", ["prod", "a/b/c", "../x", "a/..", "a/", "+a/b", "a/b?x", "a b/c"])
def test_an_invalid_index_name_never_becomes_a_path(name):
    with pytest.raises(AirgapError, match="USER/INDEX"):
        _names.split_index(name)
