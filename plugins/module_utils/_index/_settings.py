# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of devpi's indexes: which the server knows for an index of each type, and by which names.

devpi-server 7 renamed the types and the settings of mirrors, and replaced the whitelist by rules of inheritance.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

Json = t.Dict[str, t.Any]

STAGE, MIRROR = "stage", "mirror"
# The kind of index that each type means, in both generations of devpi-server.
KINDS = {"stage": STAGE, "local": STAGE, "mirror": MIRROR, "remote": MIRROR}
# Option -> name of the setting in devpi-server 6 and from 7 on; None where that one does not have it.
Names = t.Tuple[t.Optional[str], t.Optional[str]]


def _same(*options: str) -> t.Dict[str, Names]:
    return {option: (option, option) for option in options}


SETTINGS: t.Dict[str, t.Dict[str, Names]] = {
    STAGE: {
        **_same("bases", "volatile", "acl_upload", "acl_toxresult_upload", "title", "description", "custom_data"),
        "mirror_whitelist": ("mirror_whitelist", None),
        "mirror_whitelist_inheritance": ("mirror_whitelist_inheritance", None),
        "project_inheritance_rules": (None, "project_inheritance_rules"),
        "trust_inheritance_rules_from": (None, "trust_inheritance_rules_from"),
    },
    MIRROR: {
        **_same("volatile", "title", "description", "custom_data"),
        "mirror_url": ("mirror_url", "remote_url"),
        "mirror_cache_expiry": ("mirror_cache_expiry", "remote_refresh_delay"),
        "mirror_no_project_list": ("mirror_no_project_list", "remote_no_project_list"),
        "mirror_use_external_urls": ("mirror_use_external_urls", "remote_use_external_urls"),
        "mirror_web_url_fmt": ("mirror_web_url_fmt", "remote_web_url_fmt"),
        "mirror_ignore_serial_header": ("mirror_ignore_serial_header", None),
        "mirror_provides_core_metadata": ("mirror_provides_core_metadata", None),
    },
}
# The options of an index besides its name.
SPEC: Json = {
    "type": {"type": "str", "choices": ["stage", "mirror", "local", "remote"], "default": "stage"},
    "bases": {"type": "list", "elements": "str"},
    "volatile": {"type": "bool"},
    "acl_upload": {"type": "list", "elements": "str"},
    "acl_toxresult_upload": {"type": "list", "elements": "str"},
    "title": {"type": "str"},
    "description": {"type": "str"},
    "custom_data": {"type": "raw"},
    "mirror_whitelist": {"type": "list", "elements": "str"},
    "mirror_whitelist_inheritance": {"type": "str", "choices": ["intersection", "union"]},
    "project_inheritance_rules": {"type": "list", "elements": "str"},
    "trust_inheritance_rules_from": {"type": "str"},
    "mirror_url": {"type": "str"},
    "mirror_cache_expiry": {"type": "int"},
    "mirror_no_project_list": {"type": "bool"},
    "mirror_use_external_urls": {"type": "bool"},
    "mirror_web_url_fmt": {"type": "str"},
    "mirror_ignore_serial_header": {"type": "bool"},
    "mirror_provides_core_metadata": {"type": "bool"},
    "reserved": {"type": "list", "elements": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "force": {"type": "bool", "default": False},
}
OPTIONS = sorted({option for names in SETTINGS.values() for option in names})
# What an index of a site without internet gets where nothing else is asked for.
CLOSED: Json = {"bases": [], "volatile": False, "acl_toxresult_upload": []}
_SPECIAL_USERS = {":anonymous:": ":ANONYMOUS:", ":authenticated:": ":AUTHENTICATED:"}


def generation(version: str) -> int:
    """Return the first number of devpi-server's version; 6 where the server does not name its version."""
    found = re.match(r"[0-9]+", version)
    return int(found.group()) if found else 6


def type_name(kind: str, version: str) -> str:
    """Return the name that a server of this version has for a type of index."""
    newer = {STAGE: "local", MIRROR: "remote"}
    return newer[kind] if generation(version) >= 7 else kind


def wanted(params: t.Mapping[str, t.Any], owner: str, version: str) -> Json:
    """Return the settings that the options ask for, by the names of a server of this version.

    Raises AirgapError for an option that does not apply to the type of the index, or that the server does not know.
    """
    kind = KINDS[params["type"]]
    if kind == MIRROR and params.get("reserved"):
        raise AirgapError(
            "A mirror cannot reserve names. Set reserved on an index that has the mirror among its bases."
        )
    given = {option: params[option] for option in OPTIONS if params.get(option) is not None}
    if kind == STAGE:
        given = dict(CLOSED, acl_upload=[owner], **given) if "acl_upload" not in given else dict(CLOSED, **given)
    settings = {"type": type_name(kind, version)}
    column = 1 if generation(version) >= 7 else 0
    for option in sorted(given):
        names = SETTINGS[kind].get(option)
        if names is None:
            raise AirgapError(
                "%s is not a setting of an index of type %s. It has %s. Remove it, or set type."
                % (option, kind, ", ".join(sorted(SETTINGS[kind])))
            )
        name = names[column]
        if name is None:
            raise AirgapError(
                "%s is not a setting of devpi-server %s, which has %s for an index of type %s. Remove it."
                % (
                    option,
                    version or "6",
                    ", ".join(sorted(one[column] or "" for one in SETTINGS[kind].values() if one[column])),
                    kind,
                )
            )
        settings[name] = _spelt(option, given[option])
    return settings


def _spelt(option: str, value: t.Any) -> t.Any:
    """Return a value as devpi stores it."""
    if option.startswith("acl_"):
        return [_SPECIAL_USERS.get(name.lower(), name) for name in value]
    if option == "mirror_whitelist":
        return [name if name == "*" else _lock.normalize(name) for name in value]
    return value


def is_same(name: str, one: t.Any, other: t.Any) -> bool:
    """Return whether two values of a setting mean the same to devpi."""
    # The order of bases decides which one wins; the order of users and of a whitelist means nothing.
    if name.startswith("acl_") or name == "mirror_whitelist":
        return sorted(set(one or [])) == sorted(set(other or []))
    if isinstance(other, (list, tuple)):
        return list(one or []) == list(other)
    # A text that is not set, and a switch that is not set.
    if one is None and (other == "" or other is False):
        return True
    return bool(one == other)


def shown(settings: t.Mapping[str, t.Any]) -> Json:
    """Return settings for a result, without the login of a mirror's URL."""
    return {
        key: _secrets.without_password(value) if key.endswith("_url") and isinstance(value, str) else value
        for key, value in settings.items()
    }
