# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sentences of pip and uv when they fail, what each means, and the fix. No I/O happens here.

The same sentence has another fix where wheels are staged, where one is built
and where a lock is installed, so each cause has one for each of these.
"""

from __future__ import annotations

import typing as t

# Where pip failed: on the internet host as it resolves or fetches, or as it builds; on a node as it installs from the
# index, or from a folder alone.
STAGING, BUILDING, INSTALLING, OFFLINE = "staging", "building", "installing", "offline"
FULL = "the disk is full"


class Cause(t.NamedTuple):
    """A pattern in pip's output, and its meaning in each place: what happened, and the fix.

    ``shows`` is the pattern of the lines to show; by default, pip's errors.
    """

    sign: str
    meaning: t.Mapping[str, t.Tuple[str, str]]
    shows: str = ""


class Trouble(t.NamedTuple):
    """Why an index gave no answer to a request: a pattern in the reason, what "it" (the index) did, and two fixes."""

    sign: str
    what: str
    fix_staging: str
    fix_installing: str


_CHECK_URLS = "index_url and extra_index_urls (stage_index_url, stage_extra_index_urls)"
_CHECK_LOGIN = "Check the user and the password in index_url"
TROUBLES = (
    Trouble(
        r"not a trusted",
        "pip ignores an index on plain http",
        "Name it with https, or name its host in trusted-host of pip's configuration on this host",
        "Name its host in trusted_host, or serve it by https",
    ),
    Trouble(
        r"Content-Type",
        "it sent something that is not a page of an index, maybe a login page",
        "Check %s, and the proxy" % _CHECK_URLS,
        "Check index_url",
    ),
    Trouble(
        r"\b407\b|[Pp]roxy|tunnel error",
        "the proxy does not pass the request on",
        "Check proxy (stage_proxy), with user and password if it requires them",
        "Check index_url: pip uses no proxy here",
    ),
    Trouble(
        r"\b401\b",
        "it requires a user and password, or refuses those that it got",
        "Check user and password in %s" % _CHECK_URLS,
        _CHECK_LOGIN,
    ),
    Trouble(
        r"\b403\b",
        "it forbids this host or user to read the page",
        "Check what the user in index_url or extra_index_urls (stage_index_url, stage_extra_index_urls) may read, and "
        "whether the index blocks the project",
        _CHECK_LOGIN,
    ),
    Trouble(
        r"\b429\b",
        "it got too many requests",
        "Wait, or name an index of your own in index_url (stage_index_url)",
        "Wait",
    ),
    Trouble(
        r"[Cc]ertificate|CERTIFICATE|SSL|ssl\b|TLS|corrupt message",
        "its certificate is not trusted here",
        "Name the certificate file of its authority in cert (stage_cert)",
        "Name the certificate file of its authority in cert",
    ),
    Trouble(
        r"resolve|name resolution|getaddrinfo|Name or service|nodename|dns error|lookup address",
        "DNS does not know its name here",
        "Check the name in index_url (stage_index_url), DNS on this host, or whether it needs a proxy (stage_proxy)",
        "Check the name in index_url, and DNS on this host",
    ),
    Trouble(
        r"\b5\d\d\b",
        "it has an internal error",
        "Try again later, or ask its operator. Check that this host reaches the index: index_url, proxy, cert",
        "Read its log",
    ),
    Trouble(
        r"\b4\d\d\b",
        "it refuses the request",
        "Check %s" % _CHECK_URLS,
        "Check index_url",
    ),
    Trouble(
        r"",
        "it does not answer",
        "Check that this host reaches the index: index_url, proxy, cert (stage_index_url, stage_proxy, stage_cert)",
        "Check that it runs and that this host reaches it",
    ),
)
WRONG_HASH = "DO NOT MATCH THE HASHES"
NO_SPACE = r"No space left|Errno 28\b|Disk quota exceeded|Errno 122\b"
_NOT_FOUND = r"No matching distribution found|Could not find a version that satisfies"
_ANOTHER_NAME = r"has inconsistent name|produced metadata for project name"
_OWN_TARGET = "Use the lock of this host's own target"
# The order matters: the first match applies. pip also reports after every failed request that it found nothing, so
# requests come before _NOT_FOUND.
BEFORE_REQUESTS = (
    Cause(r"Cannot find command 'git'", {BUILDING: ("", "Install git on the internet host.")}),
    Cause(
        WRONG_HASH,
        {
            STAGING: (
                "the file does not have the expected hash",
                "The index served another file than the expected one. Find out why before you continue.",
            ),
            BUILDING: ("the source does not have the required SHA-256", "Find out why before you continue."),
            INSTALLING: (
                "a file is not the one that the lock names",
                "If the file's name is not the one in the lock, the lock is another target's. Otherwise publish the bundle "
                "again, and if nothing changes, find out who changed the file.",
            ),
        },
        shows=r"Expected sha\d+|^\s*Got\s|^\s*\S+(?:(?: @)? \S+://\S+)? from (?:https?|file):",
    ),
    Cause(
        r"--require-hashes mode",
        {
            STAGING: ("", "Give each project that is needed a line with its version and hash, or give no line a hash."),
            INSTALLING: ("the lock is not complete", "Stage the set again, so that the lock names every file."),
        },
    ),
    Cause(
        NO_SPACE,
        {
            STAGING: (FULL, "Free some space on the file system of dest, and run again: existing files are kept."),
            BUILDING: (FULL, "Free some space on the file system of dest, and run again."),
            INSTALLING: (FULL, "Free some space, and run again."),
        },
        shows=NO_SPACE,
    ),
)
AFTER_REQUESTS = (
    Cause(_ANOTHER_NAME, {BUILDING: ("", "Write the name that the project gives itself.")}, shows=_ANOTHER_NAME),
    Cause(
        _NOT_FOUND,
        {
            STAGING: ("", "Check the name, or name a version that has a wheel for {interpreter}."),
            BUILDING: ("", "The index has no such sdist for the Python of the internet host: check name and version."),
            INSTALLING: (
                "the index has no file that the lock asks for and this Python can use",
                "Publish the bundle that the lock is from, and use the lock of this host's own target.",
            ),
            OFFLINE: (
                "find_links has no file that the lock asks for and this Python can use",
                "Use the whole bundle that the lock is from, and the lock of this host's own target.",
            ),
        },
    ),
    Cause(
        r"is not a supported wheel on this platform|requires a different Python",
        {INSTALLING: ("a file is for another interpreter", _OWN_TARGET + ".")},
    ),
    Cause(
        r"ResolutionImpossible|conflicting dependencies",
        {
            STAGING: ("", "Change one of the requirements that ask for different versions."),
            INSTALLING: (
                "the lock's packages do not fit together on this host",
                _OWN_TARGET + ", or stage the set again.",
            ),
        },
        shows=r"^\s*ERROR: (?!$)|^.+ depends on .+$|^\s*The user requested .+$",
    ),
    Cause(
        r"gcc|cc1|\bcc'|Python\.h|compiler",
        {BUILDING: ("", "It needs a compiler or headers on the internet host: install them there (gcc, python3-dev).")},
    ),
    Cause(
        r"Permission denied|Errno 13\b",
        {INSTALLING: ("the environment cannot be written", "Run as the user that owns it.")},
        shows=r"Permission denied|Errno 13\b",
    ),
)
URL_IN_A_WHEEL = (
    "a package requires another by a URL, which pip requests whatever find_links contains",
    "Stage the set again: staging names the package and the fix.",
)
