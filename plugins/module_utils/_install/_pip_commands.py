# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of pip that change an environment, and the variables that pip runs with."""

from __future__ import annotations

import typing as t

from ansible_collections.airgap.python.plugins.module_utils._pip._arguments import (
    NO_CACHE,
    NO_DEPENDENCIES,
    NO_INDEX,
    ONLY_WHEELS,
    REINSTALL,
    REQUIRE_HASHES,
    options,
    pip_arguments,
)


class PipOptions(t.NamedTuple):
    """Where pip gets files from."""

    no_index: bool = False
    find_links: t.Tuple[str, ...] = ()
    cert: str = ""
    trusted_host: t.Tuple[str, ...] = ()
    timeout: int = 15


def clean_environment(environ: t.Mapping[str, str], index_url: str = "") -> t.Dict[str, str]:
    """Return the variables with which Python and pip run, without the host's settings.

    No configuration file, no netrc, no proxy and no PIP_*: the result depends
    only on the module's options. The URL is passed here because it may hold a password.
    """
    clean = {name: environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in environ}
    clean.update(LC_ALL="C", LANGUAGE="C", PIP_CONFIG_FILE="/dev/null", NETRC="/dev/null")
    if index_url:
        clean["PIP_INDEX_URL"] = index_url
    return clean


def pip_in_wheel(python: str, pip_wheel: str) -> t.List[str]:
    """Return the start of a command that runs pip from its wheel, which is a zip file that Python can run."""
    return [python, "-I", pip_wheel + "/pip"]


def installed_pip(python: str) -> t.List[str]:
    """Return the start of a command that runs the pip of an environment: it is compiled, unlike that in a wheel."""
    return [python, "-I", "-m", "pip"]


def uninstall_argv(pip: t.Sequence[str], names: t.Iterable[str]) -> t.List[str]:
    """Return the command that removes projects."""
    return [*pip, *pip_arguments("uninstall", "--yes", *names)]


def check_argv(pip: t.Sequence[str]) -> t.List[str]:
    """Return the command that checks whether the requirements of all projects are met."""
    return [*pip, *pip_arguments("check")]


def install_pip_argv(pip: t.Sequence[str], pip_wheel: str) -> t.List[str]:
    """Return the command that installs pip from its own wheel, without an index."""
    return [*pip, *pip_arguments("install", NO_INDEX, NO_DEPENDENCIES, NO_CACHE, pip_wheel)]


def install_argv(pip: t.Sequence[str], source: PipOptions, lock: str, reinstall: bool = False) -> t.List[str]:
    """Return the command that installs a lock; with ``reinstall``, exactly its pins even if they are installed."""
    argv = [*pip, *pip_arguments("install", NO_CACHE, ONLY_WHEELS, "--retries=2", "--timeout=%d" % source.timeout)]
    if source.no_index:
        argv.append(NO_INDEX)
    argv += options("--find-links", source.find_links)
    if source.cert:
        argv.append("--cert=" + source.cert)
    argv += options("--trusted-host", source.trusted_host)
    if reinstall:
        argv += [REINSTALL, NO_DEPENDENCIES]
    return argv + [REQUIRE_HASHES, "-r", lock]
