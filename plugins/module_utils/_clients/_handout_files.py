# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the handout's folder. _handout decides what is in it."""

from __future__ import annotations

import os
import re
import typing as t

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.airgap.python.plugins.module_utils._clients import _contents, _handout
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import make_folder, read_if_exists, write_atomic
from ansible_collections.airgap.python.plugins.module_utils._report import _page_html

# A certificate of a CA that the index no longer has.
FORMER = re.compile(r"ca-[0-9a-f]{8}\.crt|ca\.pem|constraints\.txt")


def write(params: t.Mapping[str, t.Any], check_mode: bool) -> t.Dict[str, t.Any]:
    """Write the files that differ; return the module's result. Raises AirgapError and OSError."""
    if _page_html.LIBRARY_ERROR:
        raise AirgapError(missing_required_lib("jinja2"), exception=_page_html.LIBRARY_ERROR)
    if not params["template"] or not params["style"]:
        raise AirgapError(
            "client_handout got no template: its action plugin on the control host passes it. Run it as a task."
        )
    site = _contents.Site(
        url=params["index_url"],
        trusted_host=params["trusted_host"],
        timeout=params["timeout"],
        constraints=tuple(params["constraints"]),
    )
    texts = _handout.files(site, params["ca"])
    html = _page_html.render(_handout.page(site, params["ca"], params["hosts"]), params["template"], params["style"])
    folder = params["path"]
    wanted = {os.path.join(folder, name): text for name, text in dict(texts, **{_handout.PAGE: html}).items()}
    there = os.listdir(folder) if os.path.isdir(folder) else []
    former = [os.path.join(folder, name) for name in there if FORMER.fullmatch(name)]
    diff = []
    for path, text in sorted(wanted.items()):
        before = (read_if_exists(path) or b"").decode("utf-8", "replace")
        if before != text:
            diff.append({"before_header": path, "after_header": path, "before": before, "after": text})
            if not check_mode:
                make_folder(folder)
                write_atomic(path, text.encode("utf-8"))
    removed = [path for path in former if path not in wanted]
    for path in [] if check_mode else removed:
        os.unlink(path)
    return {
        "changed": bool(diff or removed),
        "page": os.path.join(folder, _handout.PAGE),
        "files": sorted(wanted),
        "diff": diff,
    }
