# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pip's settings on the internet host, and the environment in which pip runs. No I/O happens here."""

from __future__ import annotations

import configparser
import os
import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

# pip's settings for reaching an index. All others change what is resolved, and apply
# only if they are options of the module.
CONNECTION = ("cert", "client-cert", "keyring-provider", "proxy", "retries", "timeout", "trusted-host")
INDEXES = ("index-url", "extra-index-url")
# The start of the file that the role pip_conf writes.
PIP_CONF_HEADER = "# Written by Ansible, role airgap.python.pip_conf."


def is_written_by_pip_conf(text: str) -> bool:
    """Return whether the role pip_conf wrote a configuration file.

    If one machine has all roles, that file names the index inside, which must not
    become the index that is staged from.
    """
    return PIP_CONF_HEADER in text


def parse_settings(texts: t.Iterable[str], variables: t.Mapping[str, str]) -> t.Dict[str, str]:
    """Return pip's effective settings for downloads from its configuration files and the environment.

    A command's section outranks [global], and PIP_ variables outrank both
    (pip documentation, "Configuration").
    """
    parser = configparser.RawConfigParser(strict=False)
    for text in texts:
        try:
            parser.read_string(text)
        except configparser.Error as error:
            raise AirgapError("A configuration file of pip cannot be read: %s." % error) from error
    settings: t.Dict[str, str] = {}
    for section in ("global", "install", "download"):
        if parser.has_section(section):
            settings.update((key.replace("_", "-"), value) for key, value in parser.items(section))
    for key, value in variables.items():
        if key.startswith("PIP_") and value:
            settings[key[len("PIP_") :].lower().replace("_", "-")] = value
    if "default-timeout" in settings:
        settings["timeout"] = settings.pop("default-timeout")
    return settings


def choose_settings(
    settings: t.Mapping[str, str], options: t.Mapping[str, t.Any]
) -> t.Tuple[t.Dict[str, str], t.List[str]]:
    """Return the settings that pip gets, from the host's settings and the module's options, and warnings.

    With no_index, no index is asked, whatever else names one. Otherwise
    indexes of the host are used unless the options name one. Local folders among
    them are not: what is staged must not depend on what happens to be in a folder.
    """
    chosen = {key: settings[key] for key in CONNECTION if settings.get(key)}
    warnings: t.List[str] = []
    if options.get("no_index"):
        # pip needs nothing to reach an index then, and a proxy that is wrong must not matter.
        return {"no-index": "1"}, warnings
    if options.get("index_url"):
        chosen["index-url"] = options["index_url"]
    else:
        for key in INDEXES:
            urls = settings.get(key, "").split()
            local = [url for url in urls if not re.match(r"^https?://", url)]
            kept = [url for url in urls if url not in local]
            if kept:
                chosen[key] = " ".join(kept)
            if local:
                warnings.append(
                    "pip's setting %s names %s, which is ignored: it is not an index on http." % (key, ", ".join(local))
                )
    if settings.get("find-links"):
        warnings.append(
            "pip's setting find-links (%s) is ignored. Name the folder in find_links if its wheels are wanted."
            % settings["find-links"].replace("\n", " ").strip()
        )
    if options.get("extra_index_urls"):
        chosen["extra-index-url"] = " ".join(options["extra_index_urls"])
    for key in ("proxy", "cert"):
        if options.get(key):
            chosen[key] = options[key]
    return chosen, warnings


def pip_environment(settings: t.Mapping[str, str], inherited: t.Mapping[str, str]) -> t.Dict[str, str]:
    """Return the environment for pip: these settings, no configuration file, no other PIP_ variable.

    Settings are passed as environment variables because URLs and proxies may
    contain passwords, which must not be in a command line.
    """
    kept = {key: value for key, value in inherited.items() if not key.startswith("PIP_")}
    kept.update({"PIP_" + key.upper().replace("-", "_"): value for key, value in settings.items()})
    kept.update({"PIP_CONFIG_FILE": os.devnull, "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1", "PYTHONNOUSERSITE": "1"})
    return kept
