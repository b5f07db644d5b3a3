# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to write in place of a requirement that names a source, such as an entry of stage_build. No I/O happens here."""

from __future__ import annotations

import json
import re
import urllib.parse

from ansible_collections.airgap.python.plugins.module_utils._resolve import _build_advice
from ansible_collections.airgap.python.plugins.module_utils._secrets import public, without_password, without_secrets


def build_advice(name: str, reference: str) -> str:
    """Return how to get a project of which a requirement names a URL or path: mostly an entry of stage_build."""
    parts = urllib.parse.urlsplit(reference.partition("#")[0])
    if urllib.parse.unquote(parts.path).endswith(".whl"):
        if parts.scheme in ("", "file"):
            return "Copy the wheel to a folder of the internet host, and name that folder in stage_find_links."
        return "Require %s @ %s." % (name, without_secrets(reference.partition("#")[0]))
    if "+" in parts.scheme and not parts.scheme.startswith("git+"):
        return "Check it out into a folder, and add to stage_build: {name: %s, source: FOLDER}." % name
    return "Add to stage_build: %s." % _build_advice.build_entry(name, reference)


def replacement_advice(name: str, reference: str) -> str:
    """Return how to get a project of which a line of a requirements file names the source, and what to write in that line."""
    return "%s Then write %s in place of the line." % (build_advice(name, reference), name)


def is_wheel(reference: str) -> bool:
    """Return whether a requirement's URL or path names a wheel, which is used as it is; everything else is built."""
    parts = urllib.parse.urlsplit(reference)
    return "+" not in parts.scheme and parts.path.endswith(".whl")


def build_entry(name: str, reference: str = "") -> str:
    """Return the entry of stage_build for a project, and how to fill in its placeholders.

    ``reference`` is the URL or path that a requirement names, "" for the sdist of an index.
    """
    base, _hash, fragment = without_password(reference).partition("#")
    fields = [("name", name)]
    first = ""
    parts = urllib.parse.urlsplit(base)
    filename = urllib.parse.unquote(parts.path.rstrip("/").rpartition("/")[2])
    if base.startswith("git+"):
        # The user that ssh logs in as is not a secret, and is needed.
        user = parts.scheme == "git+ssh" and urllib.parse.urlsplit(reference).username
        netloc = "%s@%s" % (user, parts.netloc) if user else parts.netloc
        path, at, revision = parts.path.rpartition("@")
        path, revision = (path, revision) if at else (parts.path, "HEAD")
        repository = "//" + netloc + path
        subdirectory = re.search(r"(?:^|&)subdirectory=([^&]+)", fragment)
        tail = "#subdirectory=" + subdirectory.group(1) if subdirectory else ""
        commit = revision if re.match(r"^[0-9a-f]{40}$", revision) else "COMMIT"
        fields.append(("vcs", "%s:%s@%s%s" % (parts.scheme, repository, commit, tail)))
        if commit != revision:
            first = "where COMMIT is what 'git ls-remote %s:%s %s' prints" % (parts.scheme[4:], repository, revision)
    elif base and (parts.scheme in ("", "file")):
        fields.append(("source", urllib.parse.unquote(parts.path) if parts.scheme else base))
    elif base:
        fields.append(("source", filename or name))
        sha256 = re.search(r"(?:^|&)sha256=([0-9a-f]{64})", fragment)
        if sha256:
            fields.append(("sha256", sha256.group(1)))
        first = "where %s is a copy of %s on the control host" % (filename or name, base.partition("?")[0])
    entry = "{%s}" % ", ".join("%s: %s" % (key, _scalar(value)) for key, value in fields)
    return "%s, %s" % (entry, first) if first else entry


def _scalar(text: str) -> str:
    """Return a string as a YAML scalar in a flow mapping."""
    return text if re.match(r"^[A-Za-z./][A-Za-z0-9._/+-]*$", text) else json.dumps(text)


def set_refusal_message(where: str, name: str, reference: str) -> str:
    """Return why a requirement of the set that is not a wheel is refused, and what to write instead."""
    return (
        "%s: %s is not a wheel. It would have to be built, which runs its code, and only what stage_build names is "
        "built. Require %s by its name, and add to stage_build: %s"
        % (where, shown_reference(name, reference), name or "it", build_entry(name or "NAME", reference))
    )


def transitive_refusal_message(asker: str, name: str, reference: str) -> str:
    """Return why a requirement by URL in a wheel's own metadata is refused, and what to do."""
    also = "" if is_wheel(reference) else " And, as %s has no wheel, add: %s" % (name, build_entry(name, reference))
    project = re.split(r"[-= ]", asker)[0]
    return (
        "%s requires %s: whatever a bundle contains, pip on a node would request that URL. Nothing was fetched from it. "
        "Use another version of %s, or build it from a source that requires %s by its name: add to stage_build %s.%s"
        % (asker, shown_reference(name, reference), project, name, build_entry(project, "../" + project), also)
    )


def shown_reference(name: str, reference: str) -> str:
    """Return a requirement by URL without password and query."""
    return ("%s @ %s" % (name, public(reference).partition("#")[0])).lstrip(" @")
