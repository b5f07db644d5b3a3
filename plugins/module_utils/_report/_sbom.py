# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The software bill of materials of a bundle: CycloneDX 1.6, composed with cyclonedx-python-lib."""

from __future__ import annotations

import datetime
import json
import os
import re
import traceback
import typing as t
import uuid

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.airgap.python.plugins.module_utils._bundle import _layout, _manifest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import read_if_exists
from ansible_collections.airgap.python.plugins.module_utils._report import _contents, _report_files
from ansible_collections.airgap.python.plugins.module_utils._report._license import License

LIBRARY_ERROR = ""
try:
    from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.license import DisjunctiveLicense, LicenseAcknowledgement, LicenseExpression
    from cyclonedx.model.tool import ToolRepository
    from cyclonedx.output.json import JsonV1Dot6
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.spdx import is_expression
    from packageurl import PackageURL
except ImportError:
    LIBRARY_ERROR = traceback.format_exc()

# The characters of a URL (RFC 3986).
_URL = re.compile(r"^https?://[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+$")
# Path of a lock or a file -> the paths of the files that it needs.
Edges = t.Dict[str, t.Set[str]]


def write_sbom(root: str, contents: _contents.Contents, check_mode: bool) -> t.Dict[str, t.Any]:
    """Write the bill of materials of a bundle; return whether it changed, its path and the difference."""
    text = render(compose(contents, edges_of(contents)))
    if read_if_exists(_report_files.report_path(root, _report_files.SBOM)) != text.encode("utf-8", "backslashreplace"):
        # The same text was valid when it was written.
        validate(text)
    return _report_files.write_report(root, _report_files.SBOM, text, check_mode)


def licenses_of(declared: License) -> t.List[t.Any]:
    """Return a licence as CycloneDX has it: one expression, or licences by id or name."""
    acknowledgement = LicenseAcknowledgement.DECLARED
    if declared.expression:
        if is_expression(declared.expression):
            return [LicenseExpression(declared.expression, acknowledgement=acknowledgement)]
        return [DisjunctiveLicense(name=declared.text, acknowledgement=acknowledgement)]
    return [
        DisjunctiveLicense(id=part.spdx, acknowledgement=acknowledgement)
        if part.spdx
        else DisjunctiveLicense(name=part.name, acknowledgement=acknowledgement)
        for part in declared.parts
    ]


def component_of(entry: t.Mapping[str, t.Any], declared: License) -> t.Any:
    """Return a file of the manifest as a component."""
    filename = os.path.basename(entry["path"])
    used_by = sorted("%s/%s" % (one["set"], one["target"]) for one in entry["used_by"])
    sha256, properties, references = _facts(entry)
    properties = [Property(name="airgap:lock", value=label) for label in used_by] + properties
    return Component(
        type=ComponentType.LIBRARY,
        name=entry["name"],
        version=entry["version"],
        bom_ref=entry["path"],
        # The purl specification, type pypi: file_name distinguishes the wheels of one version.
        purl=PackageURL("pypi", None, entry["name"], entry["version"], {"file_name": filename}),
        hashes=[sha256],
        licenses=licenses_of(declared),
        properties=properties,
        external_references=references,
    )


def extra_of(entry: t.Mapping[str, t.Any]) -> t.Any:
    """Return a file besides the wheels as a component: a collection is a library, which has no purl type of its own."""
    filename = os.path.basename(entry["path"])
    sha256, properties, references = _facts(entry)
    is_collection = entry["kind"] == "collection" and bool(entry.get("name"))
    return Component(
        type=ComponentType.LIBRARY if is_collection else ComponentType.FILE,
        name=entry["name"] if is_collection else filename,
        version=entry.get("version"),
        bom_ref=entry["path"],
        purl=PackageURL("generic", None, entry["name"], entry.get("version"), {"file_name": filename})
        if is_collection
        else None,
        hashes=[sha256],
        properties=properties,
        external_references=references,
    )


def _facts(entry: t.Mapping[str, t.Any]) -> t.Tuple[t.Any, t.List[t.Any], t.List[t.Any]]:
    """Return the sum of a file, and what is known of its size and origin as properties and references."""
    sha256 = HashType(alg=HashAlgorithm.SHA_256, content=entry["sha256"])
    properties = [Property(name="airgap:size", value=str(entry["size"]))]
    references = []
    if _URL.match(entry.get("origin", "")):
        references.append(
            ExternalReference(type=ExternalReferenceType.DISTRIBUTION, url=XsUri(entry["origin"]), hashes=[sha256])
        )
    elif entry.get("origin"):
        properties.append(Property(name="airgap:origin", value=entry["origin"]))
    return sha256, properties, references


def edges_of(contents: _contents.Contents) -> Edges:
    """Return which files each lock and each file needs."""
    edges: Edges = {}
    for lock in contents.locks:
        path = "%s/%s.txt" % (_layout.LOCKS, lock.label)
        files = {pin.name: "%s/%s" % (_layout.POOL, pin.filename) for pin in lock.pins}
        edges.setdefault(path, set())
        for edge in lock.edges:
            edges.setdefault(files[edge.parent] if edge.parent else path, set()).add(files[edge.child])
    return edges


def compose(contents: _contents.Contents, edges: Edges) -> t.Any:
    """Return the bill of a bundle."""
    manifest = contents.manifest
    components = {entry["path"]: component_of(entry, contents.licenses[entry["path"]]) for entry in manifest["files"]}
    extras = {entry["path"]: extra_of(entry) for entry in _manifest.extras(manifest)}
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
        components=[*components.values(), *extras.values()],
        metadata=BomMetaData(
            component=bundle,
            timestamp=created.astimezone(datetime.timezone.utc),
            tools=ToolRepository(components=[Component(type=ComponentType.APPLICATION, name="airgap.python")]),
        ),
    )
    bom.register_dependency(bundle, [*locks.values(), *extras.values()])
    for path, needed in sorted(edges.items()):
        bom.register_dependency(locks.get(path) or components[path], [components[one] for one in sorted(needed)])
    return bom


def render(bom: t.Any) -> str:
    """Return the text of a bill."""
    return str(JsonV1Dot6(bom).output_as_string(indent=1)) + "\n"


def validate(text: str) -> None:
    """Raise AirgapError if the text of a bill does not match the schema."""
    # Not at the top: this import takes longer than all else here.
    try:
        from cyclonedx.validation.json import JsonStrictValidator
    except ImportError as error:
        raise AirgapError(
            missing_required_lib("cyclonedx-python-lib[json-validation]"), exception=traceback.format_exc()
        ) from error
    document = json.loads(text)
    # The library's validator needs 50 ms for each URL. _URL has matched them all, so one is enough for the schema.
    with_url = [one for one in document.get("components", []) if "externalReferences" in one]
    for one in with_url[1:]:
        del one["externalReferences"]
    found: t.Any = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document))
    if found is not None:
        raise AirgapError(
            "The bill of materials is not valid CycloneDX 1.6: %s. It was not written." % str(found.data)[:400]
        )
