# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the reports of a bundle besides the audit: bill of materials, changes, dependency trees and the approver's page."""

from __future__ import annotations

import os
import typing as t

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._bundle import _layout
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._report import (
    _changes,
    _changes_report,
    _contents,
    _dependencies,
    _license,
    _page,
    _page_html,
    _report_files,
    _sbom,
)

# What an interpreter may lack, each with the error of its import.
LIBRARIES = {"jinja2": _page_html.LIBRARY_ERROR, "cyclonedx-python-lib[json-validation]": _sbom.LIBRARY_ERROR}


def write_page(root: str, options: t.Mapping[str, t.Any], check_mode: bool) -> t.Dict[str, t.Any]:
    """Write the reports; return the result of bundle_report. Raises AirgapError and OSError.

    ``options`` are those of bundle_report.
    """
    needed = os.path.join(root, _layout.MANIFEST), _report_files.report_path(root, _report_files.AUDIT)
    missing = [name for name in LIBRARIES if LIBRARIES[name]]
    if check_mode and (missing or not all(map(os.path.exists, needed))):
        return {
            "changed": True,
            "sbom": _report_files.report_path(root, _report_files.SBOM),
            "dest": _report_files.report_path(root, _report_files.PAGE),
            "dependencies": _report_files.report_path(root, _report_files.DEPENDENCIES),
            "changes": _report_files.report_path(root, _report_files.CHANGES),
            "against": "",
            "counts": dict.fromkeys(_changes.KINDS, 0),
            "unusual": [],
        }
    for name in missing:
        raise AirgapError(missing_required_lib(name), exception=LIBRARIES[name])
    if not options["template"] or not options["style"]:
        raise AirgapError(
            "bundle_report got no template: its action plugin on the control host passes it. Run it as a task."
        )
    usual = options["usual_licenses"] or _license.USUAL
    signers = options["signers"]
    required = options["required_signatures"]
    if required is None:
        required = 1 if signers else 0
    contents = _contents.read_contents(root)
    audit = _report_files.read_report(root, _report_files.AUDIT)
    changes = _changes_report.read_changes(root, options["memory"], options["base"])
    page = _page.plan(contents, audit, changes, usual, signers, required)
    written = [
        _report_files.write_report(root, name, text, check_mode)
        for name, text in (
            (_report_files.PAGE, _page_html.render(page, options["template"], options["style"])),
            (_report_files.DEPENDENCIES, _dependencies.render(contents.locks)),
            (_report_files.CHANGES, _json.render(changes)),
        )
    ]
    written.append(_sbom.write_sbom(root, contents, check_mode))
    return {
        "changed": any(one["changed"] for one in written),
        "sbom": written[3]["dest"],
        "dest": written[0]["dest"],
        "dependencies": written[1]["dest"],
        "changes": written[2]["dest"],
        "against": (changes["against"] or {}).get("id") or "",
        "counts": changes["counts"],
        "unusual": [os.path.basename(entry["path"]) for entry in _page.unusual_files(contents, usual)],
        "diff": [one["diff"] for one in written if one["changed"]],
    }
