# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual environments that hold exactly what a lock says: the decisions, without I/O.

What lies at a path is described by Found, what is to be done by Plan. The
module locked_venv looks, asks plan(), and carries the plan out.
"""

from __future__ import annotations

import re
import typing as t
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._lock import Pin, normalize
from ansible_collections.airgap.python.plugins.module_utils._versions import canonical

# Written before anything else, so that a half-made environment is known as ours.
OWNER_FILE = ".airgap-venv"
OWNER_TEXT = "Made by airgap.python from a lock. What the lock does not name is removed at the next run.\n"
# Written last: without it the environment was never finished.
LOCK_COPY = "airgap-lock.txt"
# pip before 26.1 asks distutils for the folders on Python 3.8 and 3.9, and Debian ships that apart from
# python3. The switch is pip's own, for distributors (pip issue 10647); sysconfig gives the same folders.
SYSCONFIG_PTH = "airgap_pip_sysconfig.pth"
SYSCONFIG_TEXT = "import sysconfig; sysconfig._PIP_USE_SYSCONFIG = True\n"

OLDEST_PYTHON = (3, 8)

PROBE_PYTHON = """
import json, os, sys
print(json.dumps({"version": list(sys.version_info[:3]), "executable": os.path.realpath(sys.executable)}))
"""

PROBE_VENV = """
import json, os, sys
from importlib.metadata import distributions
prefix = os.path.realpath(sys.prefix) + os.sep
folders = sorted({os.path.realpath(p) for p in sys.path if p and os.path.realpath(p).startswith(prefix)})
print(json.dumps({
    "version": list(sys.version_info[:3]),
    "executable": os.path.realpath(sys.executable),
    "installed": [[d.metadata["Name"] or "", d.metadata["Version"] or ""] for d in distributions(path=folders)],
}))
"""


class Python(t.NamedTuple):
    """An interpreter: its version, and the real path of the program."""

    version: t.Tuple[int, ...]
    executable: str


class Found(t.NamedTuple):
    """What lies at the path of the environment.

    ``kind`` is absent (nothing, or an empty folder), ours, venv (made by
    something else) or other. The rest is known only of ours: ``recorded`` are
    the pins of the last finished run, ``python`` is None when it does not run.
    """

    kind: str
    recorded: t.Optional[t.Tuple[Pin, ...]] = None
    python: t.Optional[Python] = None
    installed: t.Tuple[t.Tuple[str, str], ...] = ()


class Plan(t.NamedTuple):
    """What a run does, in this order; names of projects, normalized.

    ``create`` and ``remake`` (the reason, or empty) are about the whole
    environment; ``pip`` tells that pip is put in from its wheel.
    """

    create: bool = False
    remake: str = ""
    remove: t.Tuple[str, ...] = ()
    pip: bool = False
    reinstall: t.Tuple[str, ...] = ()
    install: t.Tuple[str, ...] = ()
    change: t.Tuple[str, ...] = ()
    before: t.Tuple[str, ...] = ()
    after: t.Tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Tell whether there is anything to do."""
        return bool(
            self.create or self.remake or self.remove or self.pip or self.reinstall or self.install or self.change
        )


def dotted(version: t.Sequence[int]) -> str:
    """Return a version's numbers with dots between them."""
    return ".".join(str(number) for number in version)


def _why_remake(found: Found, python: Python) -> str:
    """Return why an environment of ours cannot be brought up to date in place, or an empty string."""
    if found.recorded is None:
        return "an earlier run did not finish it"
    if found.python is None:
        return "its Python no longer runs"
    if found.python.version[:2] != python.version[:2]:
        return "it was made for Python %s and the host has %s now" % (
            dotted(found.python.version[:2]),
            dotted(python.version[:2]),
        )
    if found.python.executable != python.executable:
        return "it uses %s and is to use %s" % (found.python.executable, python.executable)
    names = [normalize(name) for name, dummy in found.installed]
    if "" in names or len(set(names)) != len(names):
        return "its metadata are damaged"
    return ""


def _lines(pins: t.Mapping[str, str], sums: t.Mapping[str, str]) -> t.Tuple[str, ...]:
    """Return the lines of a diff: NAME==VERSION, and the sum where it is known."""
    return tuple(
        "%s==%s%s" % (name, pins[name], "  sha256:%s" % sums[name] if name in sums else "") for name in sorted(pins)
    )


def plan(path: str, found: Found, python: Python, pins: t.Sequence[Pin], pip_version: str) -> Plan:
    """Return what makes the environment hold exactly the pins, and pip.

    pip comes from its own wheel unless the lock pins it. Raises AirgapError
    where the path is not ours to write.
    """
    check_owner(path, found)
    wanted = {pin.name: pin.version for pin in pins}
    sums = {pin.name: pin.sha256 for pin in pins}
    pip_from_wheel = "pip" not in wanted
    complete = dict(wanted)
    if pip_from_wheel:
        complete["pip"] = pip_version
    after = _lines(complete, sums)
    reason = "" if found.kind == "absent" else _why_remake(found, python)
    has = {normalize(name): version for name, version in found.installed}
    recorded = {pin.name: pin.sha256 for pin in found.recorded or ()}
    same = {name for name in wanted if name in has and canonical(has[name]) == canonical(wanted[name])}
    before = _lines(has, {name: recorded[name] for name in same if name in recorded})
    if found.kind == "absent" or reason:
        return Plan(
            create=found.kind == "absent",
            remake=reason,
            pip=pip_from_wheel,
            install=tuple(sorted(wanted)),
            before=before,
            after=after,
        )
    return Plan(
        remove=tuple(sorted(set(has) - set(complete))),
        pip=pip_from_wheel and canonical(has.get("pip", "")) != canonical(pip_version),
        reinstall=tuple(sorted(name for name in same if recorded.get(name) != sums[name])),
        install=tuple(sorted(set(wanted) - set(has))),
        change=tuple(sorted(set(wanted) & set(has) - same)),
        before=before,
        after=after,
    )


def check_owner(path: str, found: Found) -> None:
    """Raise AirgapError unless the path is free or an environment of ours."""
    if found.kind == "venv":
        raise AirgapError(
            "%s is a virtual environment that something else made, and its packages would be removed. "
            "Remove it, or choose another path." % path
        )
    if found.kind == "other":
        raise AirgapError(
            "%s exists and is no virtual environment of ours. Move it away, or choose another path." % path
        )


def split_secret(url: str) -> t.Tuple[str, t.Tuple[str, ...]]:
    """Return a URL as it may be shown, and the spellings of the password in it."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url, ()
    login, host = parts.netloc.rsplit("@", 1)
    user, colon, password = login.partition(":")
    secret = password if colon else user
    shown = urlunsplit(
        (parts.scheme, ("%s:****@" % user if colon else "****@") + host, parts.path, parts.query, parts.fragment)
    )
    spellings = {secret, unquote(secret), quote(unquote(secret), safe="")} - {""}
    return shown, tuple(sorted(spellings, key=len, reverse=True))


def redact(text: str, secrets: t.Iterable[str]) -> str:
    """Return a text without the secrets in it."""
    for secret in secrets:
        text = text.replace(secret, "****")
    return text


def clean_environment(environ: t.Mapping[str, str], index_url: str = "") -> t.Dict[str, str]:
    """Return the environment in which Python and pip run: nothing of the host's settings is in it.

    No configuration file, no netrc, no proxy and no PIP_*: the result depends
    on the module's options alone. The URL may hold a password and so goes here.
    """
    clean = {name: environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in environ}
    clean.update(LC_ALL="C", LANGUAGE="C", PIP_CONFIG_FILE="/dev/null", NETRC="/dev/null")
    if index_url:
        clean["PIP_INDEX_URL"] = index_url
    return clean


class PipOptions(t.NamedTuple):
    """Where pip gets files from."""

    no_index: bool = False
    find_links: t.Tuple[str, ...] = ()
    cert: str = ""
    trusted_host: t.Tuple[str, ...] = ()
    timeout: int = 15


def pip_argv(python: str, pip_wheel: str, command: str) -> t.List[str]:
    """Return the start of a pip command line that runs pip out of its wheel (a zip that Python runs)."""
    return [python, "-I", pip_wheel + "/pip", command, "--disable-pip-version-check", "--no-input"]


def install_argv(python: str, pip_wheel: str, options: PipOptions, lock: str, reinstall: bool = False) -> t.List[str]:
    """Return the command line that installs a lock; with reinstall, each pin anew and nothing beside it."""
    argv = pip_argv(python, pip_wheel, "install")
    argv += [
        "--no-cache-dir",
        "--progress-bar=off",
        "--only-binary=:all:",
        "--retries=2",
        "--timeout=%d" % options.timeout,
    ]
    if options.no_index:
        argv.append("--no-index")
    for folder in options.find_links:
        argv.append("--find-links=" + folder)
    if options.cert:
        argv.append("--cert=" + options.cert)
    for host in options.trusted_host:
        argv.append("--trusted-host=" + host)
    if reinstall:
        argv += ["--force-reinstall", "--no-deps"]
    return argv + ["--require-hashes", "-r", lock]


FULL = "the disk is full"
_CAUSES = (
    # The order matters: pip says "no matching distribution" after every failed request, too.
    (
        r"DO NOT MATCH THE HASHES",
        r"Expected sha256|Got  |from http|from file|from https|==",
        "a file is not the one that the lock names",
        "If the file's name is not the one in the lock, the lock is another target's. "
        "Else publish the bundle again, and if it stays so, find out who changed the file.",
    ),
    (
        r"Hashes are required in --require-hashes mode|all requirements must have their versions pinned",
        r"^\s+\S+==|^\s+\S+ from |^\s+[A-Za-z0-9._-]+[<>=!~]",
        "the lock is not complete",
        "Stage the set again, so that the lock names every file.",
    ),
    (
        r"No space left on device|Errno 28|Disk quota exceeded|Errno 122",
        r"No space left|Errno 28|quota|Errno 122",
        FULL,
        "Free some space, and run again.",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLError|Could not find a suitable TLS CA certificate bundle",
        r"CERTIFICATE_VERIFY_FAILED|SSLError|TLS CA certificate",
        "the index's certificate is not trusted",
        "Name the file of the authority that signed it in cert.",
    ),
    (
        r"\b(?:401|403) Client Error|401 Error|403 Error",
        r"40[13] ",
        "the index does not let this host in",
        "Check the user and the password in index_url.",
    ),
    (
        r"is not a trusted or secure host",
        r"not a trusted or secure host",
        "pip ignores an index that speaks http",
        "Name its host in trusted_host, or serve it by https.",
    ),
    (
        r"NewConnectionError|ConnectTimeoutError|ReadTimeoutError|Failed to establish a new connection|Connection refused"
        r"|Name or service not known|Temporary failure in name resolution|Connection aborted|Connection timed out"
        r"|Network is unreachable|Max retries exceeded|No route to host",
        r"Retrying|Connection|Timeout|refused|unreachable|No route|resolution|not known",
        "the index does not answer",
        "Check that it runs and that this host reaches it.",
    ),
    (
        r"\b5\d\d (?:Server Error|Error)|too many 5\d\d error responses",
        r"\b5\d\d ",
        "the index answers with an error",
        "Read its log.",
    ),
    (
        r"No matching distribution found|Could not find a version that satisfies",
        r"No matching distribution|Could not find a version|Requires-Python|not supported wheel",
        "the index has no file that the lock asks for and this Python can use",
        "Publish the bundle that the lock is from, and use the lock of this host's own target.",
    ),
    (
        r"is not a supported wheel on this platform|requires a different Python",
        r"supported wheel|different Python",
        "a file is for another interpreter",
        "Use the lock of this host's own target.",
    ),
    (
        r"ResolutionImpossible|conflicting dependencies",
        r"conflict|depends on|requested|requires",
        "the lock's packages do not fit together on this host",
        "Use the lock of this host's own target, or stage the set again.",
    ),
    (
        r"Permission denied|Errno 13",
        r"Permission denied|Errno 13",
        "the environment cannot be written",
        "Run as the user that owns it.",
    ),
)


# What the same signs mean where no index takes part.
_WITHOUT_INDEX = {
    "the index has no file that the lock asks for and this Python can use": (
        "find_links has no file that the lock asks for and this Python can use",
        "Use the whole bundle that the lock is from, and the lock of this host's own target.",
    ),
}
_URL_IN_A_WHEEL = (
    "a package requires another by a URL, to which pip goes whatever find_links holds",
    "Stage the set again: staging names the package, and what to do.",
)


def explain(output: str, no_index: bool = False) -> t.Tuple[str, t.Tuple[str, ...], str]:
    """Return why pip failed, the few lines of its output that show it, and the mend; without an index none is blamed."""
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    for cause, shows, reason, mend in _CAUSES:
        if re.search(cause, output):
            if no_index and "index" in reason:
                reason, mend = _WITHOUT_INDEX.get(reason, _URL_IN_A_WHEEL)
            picked = [
                line.strip()
                for line in lines
                if re.search(shows, line) and not line.startswith(("Collecting", "  Downloading"))
            ]
            return reason, _few(picked), mend
    errors = [line.strip() for line in lines if "rror" in line] or [line.strip() for line in lines]
    return "pip failed", _few(errors[-6:]), "Its whole output is in pip_output."


_RETRY = re.compile(r"WARNING: Retrying \(Retry\(.*?\)\) after connection broken by [\"'](\w+)\((.*)\)[\"']: (\S+)")


def _few(lines: t.Iterable[str], count: int = 6, width: int = 240) -> t.Tuple[str, ...]:
    """Return the first few different lines, none of them long, without names of our temporary files."""
    unique: t.List[str] = []
    for line in lines:
        line = re.sub(r"\s*\(from -r \S+ \(line \d+\)\)", "", line)
        line = _RETRY.sub(
            lambda match: "%s: %s" % (match.group(3), re.sub(r"<[^>]*>: |[\"']", "", match.group(2))), line
        )
        short = line if len(line) <= width else line[: width - 1] + "…"
        if short not in unique:
            unique.append(short)
    return tuple(unique[:count])
