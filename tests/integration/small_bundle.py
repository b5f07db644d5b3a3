# SPDX-License-Identifier: GPL-3.0-or-later
"""A small bundle made on the spot: wheels of simple_index, the pip and uv of this environment, locks, sums, signatures."""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib.metadata
import io
import os
import re
import shutil
import subprocess
import zipfile

from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._bundle import _composition, _manifest, _sums
from ansible_collections.airgap.python.plugins.module_utils._install import _program_files
from ansible_collections.airgap.python.plugins.module_utils._target import _interpreter, _survey
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

from tests.integration.simple_index import make_wheel

ROLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../roles/stage/files")


def put_installer(root):
    """Write what installs without Ansible, as the role stage writes it: install.sh, and the program that it starts."""
    with open(os.path.join(ROLE, "install.sh"), "rb") as stream:
        put(root / "install.sh", stream.read())
    for path, data in release_files().items():
        put(root / path, data)


@functools.lru_cache(maxsize=None)
def release_files():
    """Return path to content of what a bundle has of this release, read once."""
    return _program_files.release_files()


def here():
    """Return this interpreter as an entry of airgap_targets."""
    found = _survey.short_entry(_survey.target_of(_interpreter.report())[0])
    return dict(found, name="here")


@functools.lru_cache(maxsize=None)
def installed_wheel(project):
    """Return the file name and the bytes of the wheel that a project of this environment was installed from, packed once."""
    found = importlib.metadata.distribution(project)
    info = "%s-%s.dist-info" % (re.sub("-", "_", project), found.version)
    wheel, paths = found.read_text("WHEEL"), found.files
    assert wheel and paths, "pip or uv did not install %s from a wheel" % project
    tags = re.findall(r"^Tag: (\S+)$", wheel, re.MULTILINE)
    parts = [".".join(dict.fromkeys(tag.split("-")[part] for tag in tags)) for part in range(3)]
    files = {}
    for path in paths:
        name = str(path)
        if name.startswith("../"):
            # pip writes the programs of entry points itself; others come from the wheel.
            if "[console_scripts]" in (found.read_text("entry_points.txt") or ""):
                continue
            name = "%s-%s.data/scripts/%s" % (project, found.version, os.path.basename(name))
        if (
            name.endswith(".pyc")
            or name.startswith(info + "/")
            and name.split("/")[1] in ("RECORD", "INSTALLER", "REQUESTED")
        ):
            continue
        files[name] = path.read_binary()
    record = ""
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
        record += "%s,sha256=%s,%d\n" % (name, digest, len(data))
    files[info + "/RECORD"] = (record + info + "/RECORD,,\n").encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in files.items():
            # Without the time of now: the same bytes each time.
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED, 1)
    return "%s-%s-%s.whl" % (project, found.version, "-".join(parts)), buffer.getvalue()


def pin(filename, data):
    """Return a file as a lock names it."""
    name, version = filename.split("-")[:2]
    return _lock.Pin(_lock.normalize(name), version, hashlib.sha256(data).hexdigest(), filename, len(data))


def write(root, sets, targets, base=None, left_out=(), files=None):
    """Write a bundle; ``sets`` is set name to target name to list of (file name, bytes).

    The files of ``left_out`` are only in the base, as in a delta. ``files`` is name to content of files besides wheels.
    """
    locks = {}
    for set_name, by_target in sets.items():
        for target, wheels in by_target.items():
            locks[(set_name, target)] = [pin(*wheel) for wheel in wheels]
            for filename, data in wheels:
                put(root / "wheels" / filename, data)
            text = _lock.render(locks[(set_name, target)], target, "inputs")
            put(root / "locks" / set_name / (target + ".txt"), text.encode())
    listed = [{"name": name, "targets": sorted(by_target)} for name, by_target in sets.items()]
    if base:
        held = frozenset(pin.sha256 for pins in locks.values() for pin in pins if pin.filename in left_out)
        base = _manifest.Base(base, held)
    manifest = _composition.compose(listed, targets, locks, [], "2026-01-01T00:00:00Z", base, extras(root, files or {}))
    for entry in manifest["files"]:
        if not _manifest.is_carried(entry):
            (root / entry["path"]).unlink()
    put(root / "manifest.json", _json.render(manifest).encode())
    put(root / "reports/sbom.cdx.json", b'{"bomFormat": "CycloneDX"}\n')
    put(root / "README.md", b"A bundle.\n")
    put_installer(root)
    seal(root)
    return manifest


def extras(root, files):
    """Write files besides wheels; return their entries for a manifest."""
    found = []
    for name, data in files.items():
        put(root / "files" / name, data)
        sha256 = hashlib.sha256(data).hexdigest()
        found.append({"path": "files/" + name, "kind": "file", "sha256": sha256, "size": len(data)})
    return found


def put(path, data):
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def seal(root):
    """Write the sums over what is there."""
    (root / "SHA256SUMS").write_text(_sums.render(_sums.compute(str(root))), encoding="utf-8")


def application(version="1.0"):
    """Return two wheels, of which one needs the other."""
    return [make_wheel("app", version, requires=["part>=2"]), make_wheel("part", "2.0")]


def snapshot(root):
    """Return what lies below a folder: the kind, mode and content of each name."""
    found = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(root))] = (status.st_mode, status.st_mtime_ns, content)
    return found


def keep(folder):
    """Keep a copy of a folder next to it, with its links and times."""
    subprocess.run(["cp", "-a", folder, "%s.kept" % folder], check=True)


def bring_back(folder):
    """Put what was kept in place of a folder: a test has the same paths, and finds what a first run left there."""
    shutil.rmtree(folder)
    subprocess.run(["cp", "-a", "%s.kept" % folder, folder], check=True)


def key(folder, name):
    """Make a key; return the path of its private half and its line for an allowed-signers file."""
    path = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)], check=True)
    kind, public = path.with_suffix(".pub").read_text().split()[:2]
    return str(path), "%s@example.org %s %s" % (name, kind, public)


def sign(root, private, namespace="airgap-bundle", content=None):
    """Add a signature as an officer does: ssh-keygen reads the sums, its output is appended."""
    done = subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", private],
        input=(root / "SHA256SUMS").read_bytes() if content is None else content,
        stdout=subprocess.PIPE,
        check=True,
    )
    with open(root / "SHA256SUMS.sig", "ab") as stream:
        stream.write(done.stdout)
