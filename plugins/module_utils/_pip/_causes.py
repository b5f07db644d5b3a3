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
    """A sign in pip's output, and what it means in each place: what has happened, and the fix.

    ``shows`` is the pattern of the lines that show it; by default these are pip's errors.
    """

    sign: str
    meaning: t.Mapping[str, t.Tuple[str, str]]
    shows: str = ""


class Trouble(t.NamedTuple):
    """Why an index gave no answer to a request: a sign in the reason, what "it" (the index) did, and two fixes."""

    sign: str
    what: str
    fix_staging: str
    fix_installing: str


_CHECK_URLS = "index_url and extra_index_urls (stage_index_url, stage_extra_index_urls)"
_CHECK_LOGIN = "Check the user and the password in index_url"
_TROUBLES = (
    Trouble(
        r"not a trusted",
        "pip ignores an index on plain http",
        "Name it with https, or name its host in trusted-host of pip's configuration on this host",
        "Name its host in trusted_host, or serve it by https",
    ),
    Trouble(
        r"Content-Type",
        "it sent what is not a page of an index, maybe a page to log in",
        "Check %s, and the proxy" % _CHECK_URLS,
        "Check index_url",
    ),
    Trouble(
        r"\b407\b|[Pp]roxy|tunnel error",
        "the proxy does not let the request pass",
        "Check proxy (stage_proxy), with user and password if it asks for them",
        "Check index_url: pip uses no proxy here",
    ),
    Trouble(
        r"\b401\b",
        "it asks for a user and password, or refuses those that it got",
        "Check user and password in %s" % _CHECK_URLS,
        _CHECK_LOGIN,
    ),
    Trouble(
        r"\b403\b",
        "it forbids this host or user to read that",
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
        "Name the file of the authority that signed it in cert (stage_cert)",
        "Name the file of the authority that signed it in cert",
    ),
    Trouble(
        r"resolve|name resolution|getaddrinfo|Name or service|nodename|dns error|lookup address",
        "DNS does not know its name here",
        "Check the name in index_url (stage_index_url), DNS on this host, or whether it needs a proxy (stage_proxy)",
        "Check the name in index_url, and DNS on this host",
    ),
    Trouble(
        r"\b5\d\d\b",
        "it has trouble of its own",
        "Try again later, or ask who runs it. Check that this host reaches the index: index_url, proxy, cert",
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
_WRONG_HASH = "DO NOT MATCH THE HASHES"
_NO_SPACE = r"No space left|Errno 28\b|Disk quota exceeded|Errno 122\b"
_NOT_FOUND = r"No matching distribution found|Could not find a version that satisfies"
_ANOTHER_NAME = r"has inconsistent name|produced metadata for project name"
_OWN_TARGET = "Use the lock of this host's own target"
# The order matters: the first that is found counts. pip says that it found nothing after every failed request, too, so
# that requests come before _NOT_FOUND.
_BEFORE_REQUESTS = (
    Cause(r"Cannot find command 'git'", {BUILDING: ("", "Install git on the internet host.")}),
    Cause(
        _WRONG_HASH,
        {
            STAGING: (
                "the file does not have the promised hash",
                "The index served another file than it promised; do not go on before you know why.",
            ),
            BUILDING: ("the source does not have the promised sha256", "Do not go on before you know why."),
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
        _NO_SPACE,
        {
            STAGING: (FULL, "Free some space on the file system of dest, and run again: what is there is kept."),
            BUILDING: (FULL, "Free some space on the file system of dest, and run again."),
            INSTALLING: (FULL, "Free some space, and run again."),
        },
        shows=_NO_SPACE,
    ),
)
_AFTER_REQUESTS = (
    Cause(_ANOTHER_NAME, {BUILDING: ("", "Write the name that the project itself has.")}, shows=_ANOTHER_NAME),
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
_URL_IN_A_WHEEL = (
    "a package requires another by a URL, to which pip goes whatever find_links holds",
    "Stage the set again: staging names the package, and what to do.",
)
