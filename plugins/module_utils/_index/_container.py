# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""devpi-server in a container: its image, built from the bundle and a base image of the site, and programs that run in it.

The image holds the environment that the bundle's own install.sh makes: it verifies every sum, and asks no network. The
signatures were verified on the host before. The name of the image follows from everything that is in it, so an image that
exists is never built again.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
import shutil
import tempfile
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _files, _versions
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _systemd
from ansible_collections.airgap.python.plugins.module_utils._index._service import Account, Wanted

REPOSITORY = "localhost/airgap-devpi"
SET = "airgap-devpi"
# Where a bundle is while an image is built.
MOUNTED = "/run/airgap-bundle"
# quadlet came with podman 4.4.
OLDEST = (4, 4)
# What a quadlet has in place of the ids of the account, which is created after its text is written.
UID, GID = "@UID@", "@GID@"
_RECIPE = """FROM {base}
USER 0:0
ENTRYPOINT []
HEALTHCHECK NONE
RUN ["sh", "{bundle}/install.sh", "{set}", "--bundle", "{bundle}", "--target", "{target}", "--python", "{python}", "--venv", "{venv}"]
"""


class Image(t.NamedTuple):
    """What an image is built from."""

    bundle: str
    target: str
    base: str
    python: str
    venv: str


def recipe(image: Image, base_id: str) -> str:
    """Return what podman builds."""
    return _RECIPE.format(
        base=base_id, bundle=MOUNTED, set=SET, target=image.target, python=image.python, venv=image.venv
    )


def name_of(text: str, locks: t.Iterable[bytes]) -> str:
    """Return the name of the image that a recipe and locks give."""
    found = hashlib.sha256(text.encode("utf-8"))
    for lock in locks:
        found.update(hashlib.sha256(lock).digest())
    return "%s:%s" % (REPOSITORY, found.hexdigest()[:16])


def why_unusable(output: str) -> str:
    """Return why quadlets do not work with a podman, from what ``podman --version`` printed; "" if they do."""
    found = re.search(r"([0-9]+(?:\.[0-9]+)+)", output)
    if found and _versions.release(found.group(1))[:2] >= OLDEST:
        return ""
    return (
        "devpi_runtime is quadlet, and podman on this host is %s: quadlets need 4.4 or newer. Install a newer one, or set "
        "devpi_runtime to venv." % (found.group(1) if found else "of an unknown version")
    )


def ensure_image(module: AnsibleModule, image: Image) -> t.Dict[str, t.Any]:
    """Build the image unless it exists; return the result of the module."""
    if not shutil.which("podman"):
        raise AirgapError(
            "devpi_runtime is quadlet, and podman is not on this host. Install it from the host's package source (4.4 or "
            "newer), or set devpi_runtime to venv."
        )
    _code, out, err = _systemd.run(module, "podman", "--version")
    reason = why_unusable(out + err)
    if reason:
        raise AirgapError(reason)
    rc, base_id, err = _systemd.run(module, "podman", "image", "inspect", "--format", "{{.Id}}", image.base)
    if rc != 0:
        raise AirgapError(
            "The image %s, which devpi_base_image names, is not in podman's storage on this host: %s. Load it there ('podman load "
            "-i FILE'), or name one that 'podman images' lists." % (image.base, last_line(err))
        )
    text = recipe(image, base_id.strip())
    paths = [os.path.join(image.bundle, "locks", one, image.target + ".txt") for one in (SET, "airgap-pip")]
    name = name_of(text, [_files.read_if_exists(path) or b"" for path in paths])
    rc, _out, err = _systemd.run(module, "podman", "image", "exists", name)
    if rc not in (0, 1):
        raise AirgapError("podman cannot read its images on this host: %s." % last_line(err))
    if rc == 1 and not module.check_mode:
        _build(module, image.bundle, text, name)
    return {"changed": rc == 1, "image": name}


def _build(module: AnsibleModule, bundle: str, text: str, name: str) -> None:
    bundle = os.path.realpath(bundle)
    with tempfile.TemporaryDirectory(prefix=_files.TEMPORARY_PREFIX, dir=os.path.dirname(bundle)) as work:
        context = os.path.join(work, "context")
        os.mkdir(context)
        path = os.path.join(context, "Containerfile")
        _files.write_atomic(path, text.encode("utf-8"), 0o600)
        source = bundle
        if has_links(bundle):
            # What serves wheels and other files links them, and install.sh refuses files that have other names.
            source = os.path.join(work, "bundle")
            shutil.copytree(bundle, source, symlinks=True)
        options = ["--network=none", "--pull=never", "--no-cache", "--layers=false", "--force-rm"]
        options += ["--security-opt=label=disable", "--volume=%s:%s:ro" % (source, MOUNTED)]
        rc, out, err = _systemd.run(module, "podman", "build", *options, "--file", path, "--tag", name, context)
    if rc != 0:
        raise AirgapError("The image of devpi-server could not be built: %s" % last_lines(out + "\n" + err))


def has_links(folder: str) -> bool:
    """Return whether a file below a folder has another name elsewhere (hard link)."""
    return any(
        os.lstat(os.path.join(parent, name)).st_nlink > 1
        for parent, _folders, names in os.walk(folder)
        for name in names
    )


def last_line(text: str) -> str:
    """Return the last line of what a command printed."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (lines[-1] if lines else "no reason given").rstrip(".")[-300:]


def last_lines(text: str) -> str:
    """Return what install.sh said last, or else what podman did."""
    said = [line.strip() for line in text.splitlines() if line.startswith("install.sh: ")]
    return said[-1] if said else last_line(text) + "."


def filled(wanted: Wanted, account: t.Optional[Account]) -> Wanted:
    """Return a service whose quadlet has the ids of its account, once that exists."""
    if not wanted.image or account is None:
        return wanted
    unit = wanted.unit.replace(UID, str(account.uid)).replace(GID, str(account.gid))
    return wanted._replace(unit=unit)


def command(
    wanted: Wanted, account: Account, argv: t.Sequence[str], readable: str = "", writable: str = ""
) -> t.List[str]:
    """Return the command that runs a program of the image, which can see one path besides and has no network."""
    options = ["--rm", "--pull=never", "--network=none", "--read-only", "--cap-drop=all", "--umask=0077"]
    options += ["--security-opt=no-new-privileges", "--user=%d:%d" % (account.uid, account.gid), "--env=LC_ALL=C.UTF-8"]
    if readable:
        options.append("--volume=%s:%s:ro,z" % (readable, readable))
    if writable:
        options += ["--volume=%s:%s:z" % (writable, writable), "--workdir=" + writable, "--env=HOME=" + writable]
    return ["podman", "run", *options, wanted.image, *argv]


def images(module: AnsibleModule) -> t.List[str]:
    """Return the names of the images that this collection has built on this host."""
    if not shutil.which("podman"):
        return []
    argv = ["podman", "images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "reference=" + REPOSITORY]
    dummy, out, dummy2 = _systemd.run(module, *argv)
    return sorted(line for line in out.split() if line.startswith(REPOSITORY + ":"))


def remove_images(module: AnsibleModule, keep: str = "") -> None:
    """Remove these images, except for one."""
    for name in images(module):
        if name != keep:
            _systemd.run(module, "podman", "image", "rm", name)


def remove_wants(unit_path: str) -> None:
    """Remove the links with which systemd started a unit that is not a file any more."""
    folder, name = os.path.split(unit_path)
    for path in glob.glob(os.path.join(glob.escape(folder), "*.wants", glob.escape(name))):
        if os.path.islink(path) and not os.path.exists(path):
            os.unlink(path)
