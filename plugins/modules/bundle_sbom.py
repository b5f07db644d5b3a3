#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_sbom
short_description: Write the software bill of materials of a bundle
version_added: 0.1.0
description:
  - Writes C(reports/sbom.cdx.json), CycloneDX 1.6, with one component for each file of the pool, which has its package URL,
    SHA-256 and declared licence, and with the edges of every lock. It is validated against the schema before it is written.
  - The bundle itself is C(metadata.component); the locks are parts of it. A lock depends on what its requirements name, a
    file on the files that it needs in the locks that it is in. The tool sets, C(airgap-pip) and C(airgap-devpi), are
    there like any other.
  - It states the time of the manifest, and its serial number follows from the bundle's id, so that the same bundle gives
    the same bytes.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode and say what would change. Where there is no manifest yet, it says so.
    support: full
  diff_mode:
    description: Shows the bill before and after.
    support: full
options:
  path:
    description: The bundle, with the manifest that M(airgap.python.bundle_manifest) wrote.
    type: path
    required: true
requirements:
  - python >= 3.9
  - cyclonedx-python-lib[json-validation] >= 8, which brings license-expression
  - packaging >= 22, or pip >= 24.1
"""

EXAMPLES = r"""
- name: List what is in the bundle
  airgap.python.bundle_sbom:
    path: /srv/airgap/bundle
  vars:
    ansible_python_interpreter: /srv/airgap/stage/venv/bin/python
"""

RETURN = r"""
dest:
  description: The file.
  type: str
  returned: success
components:
  description: How many files it lists.
  type: int
  returned: success
edges:
  description: How many times a lock or a file needs a file.
  type: int
  returned: success
"""

import datetime
import json
import os
import re
import traceback
import uuid

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.airgap.python.plugins.module_utils._bundle import _layout
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._report import _contents, _report_files

LIBRARY_ERROR = None
try:
    from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.license import DisjunctiveLicense, LicenseAcknowledgement, LicenseExpression
    from cyclonedx.model.tool import ToolRepository
    from cyclonedx.output.json import JsonV1Dot6
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.spdx import is_expression
    from cyclonedx.validation.json import JsonStrictValidator
    from packageurl import PackageURL
except ImportError:
    LIBRARY_ERROR = traceback.format_exc()


# What a URL may be made of (RFC 3986).
URL = re.compile(r"^https?://[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+$")


def licenses_of(declared):
    """Return a licence as CycloneDX has it: one expression, or licences by id or name."""
    acknowledged = {"acknowledgement": LicenseAcknowledgement.DECLARED}
    if declared.expression:
        if is_expression(declared.expression):
            return [LicenseExpression(declared.expression, **acknowledged)]
        return [DisjunctiveLicense(name=declared.text, **acknowledged)]
    return [
        DisjunctiveLicense(id=part.spdx, **acknowledged)
        if part.spdx
        else DisjunctiveLicense(name=part.name, **acknowledged)
        for part in declared.parts
    ]


def component_of(entry, declared):
    """Return a file of the manifest as a component."""
    filename = os.path.basename(entry["path"])
    sha256 = HashType(alg=HashAlgorithm.SHA_256, content=entry["sha256"])
    used_by = sorted("%s/%s" % (one["set"], one["target"]) for one in entry["used_by"])
    properties = [Property(name="airgap:lock", value=label) for label in used_by]
    properties.append(Property(name="airgap:size", value=str(entry["size"])))
    references = []
    if URL.match(entry.get("origin", "")):
        references.append(
            ExternalReference(type=ExternalReferenceType.DISTRIBUTION, url=XsUri(entry["origin"]), hashes=[sha256])
        )
    elif entry.get("origin"):
        properties.append(Property(name="airgap:origin", value=entry["origin"]))
    return Component(
        type=ComponentType.LIBRARY,
        name=entry["name"],
        version=entry["version"],
        bom_ref=entry["path"],
        # The purl specification, type pypi: file_name tells the wheels of one version apart.
        purl=PackageURL("pypi", None, entry["name"], entry["version"], {"file_name": filename}),
        hashes=[sha256],
        licenses=licenses_of(declared),
        properties=properties,
        external_references=references,
    )


def edges_of(evidence):
    """Return path of a lock or file to the paths of the files that it needs."""
    edges = {}
    for lock in evidence.locks:
        path = "%s/%s.txt" % (_layout.LOCKS, lock.label)
        files = {pin.name: "%s/%s" % (_layout.POOL, pin.filename) for pin in lock.pins}
        edges.setdefault(path, set())
        for edge in lock.edges:
            edges.setdefault(files[edge.parent] if edge.parent else path, set()).add(files[edge.child])
    return edges


def compose(evidence):
    """Return the bill of a bundle and the number of its edges."""
    manifest = evidence.manifest
    components = {entry["path"]: component_of(entry, evidence.licenses[entry["path"]]) for entry in manifest["files"]}
    edges = edges_of(evidence)
    locks = {
        path: Component(type=ComponentType.FILE, name=path, bom_ref=path)
        for path in sorted(edges)
        if path.startswith(_layout.LOCKS + "/")
    }
    bundle = Component(
        type=ComponentType.APPLICATION,
        name="airgap-bundle",
        version=manifest["id"],
        bom_ref="bundle",
        components=list(locks.values()),
    )
    created = datetime.datetime.fromisoformat(manifest["created"].replace("Z", "+00:00"))
    bom = Bom(
        serial_number=uuid.uuid5(uuid.NAMESPACE_URL, "urn:airgap-bundle:" + manifest["id"]),
        components=list(components.values()),
        metadata=BomMetaData(
            component=bundle,
            timestamp=created.astimezone(datetime.timezone.utc),
            tools=ToolRepository(components=[Component(type=ComponentType.APPLICATION, name="airgap.python")]),
        ),
    )
    bom.register_dependency(bundle, list(locks.values()))
    for path, needed in sorted(edges.items()):
        bom.register_dependency(locks.get(path) or components[path], [components[one] for one in sorted(needed)])
    return bom, sum(len(needed) for needed in edges.values())


def render(bom):
    """Return the text of a bill that the schema accepts; raises AirgapError."""
    text = JsonV1Dot6(bom).output_as_string(indent=1) + "\n"
    document = json.loads(text)
    # The library's validator needs 50 ms for each URL. URL has judged them all; here one stands for the others.
    with_url = [one for one in document.get("components", []) if "externalReferences" in one]
    for one in with_url[1:]:
        del one["externalReferences"]
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document))
    if error is not None:
        raise AirgapError(
            "The bill of materials is not valid CycloneDX 1.6: %s. It is not written." % str(error.data)[:400]
        )
    return text


def main():
    """Write the bill."""
    module = AnsibleModule(argument_spec={"path": {"type": "path", "required": True}}, supports_check_mode=True)
    root = module.params["path"]
    dest = _report_files.report_path(root, _report_files.SBOM)
    if module.check_mode and (LIBRARY_ERROR or not os.path.exists(os.path.join(root, _layout.MANIFEST))):
        module.exit_json(changed=True, dest=dest, components=0, edges=0)
    if LIBRARY_ERROR:
        module.fail_json(msg=missing_required_lib("cyclonedx-python-lib[json-validation]"), exception=LIBRARY_ERROR)
    try:
        evidence = _contents.read_contents(root)
        bom, edges = compose(evidence)
        result = _report_files.write_report(root, _report_files.SBOM, render(bom), module.check_mode)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    result.update(components=len(evidence.manifest["files"]), edges=edges)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
