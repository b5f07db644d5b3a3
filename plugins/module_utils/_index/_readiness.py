# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a devpi-server can be published to: it answers, and the passwords that are needed are on the host."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _client, _names


def check(params: t.Mapping[str, t.Any]) -> t.Dict[str, bool]:
    """Return whether the server answers and, with ``password_dir``, whether root and the index's owner have their files.

    Raises AirgapError if it does not answer, unless ``missing_ok`` is set.
    """
    reason = _client.why_unreachable(params["url"], params["timeout"], params["ca_path"])
    if reason and not params["missing_ok"]:
        raise AirgapError(
            "devpi-server does not answer at %s (%s). Run the role devpi first, or set publish_url; "
            "'systemctl status devpi-server' on the index host shows more." % (params["url"], reason)
        )
    found = {"answers": not reason}
    if params["password_dir"] is not None:
        owner = _names.split_index(params["index"])[0]
        paths = [os.path.join(params["password_dir"], name + ".password") for name in ("root", owner)]
        found["has_passwords"] = all(os.path.exists(path) for path in paths)
    return found
