# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find PyPA's ``packaging``, which parses versions (PEP 440), requirements and markers (PEP 508).

A host inside the gap often does not have ``packaging``, but pip contains a
copy, and every full bundle contains a wheel of pip.
"""

from __future__ import annotations

import functools
import importlib
import re
import sys
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

# The first that refuses versions outside PEP 440, and that normalizes the names of extras.
OLDEST = 22
# Names of modules: first the host's own, then pip's copy.
_HOMES = ("packaging", "pip._vendor.packaging")


class Packaging(t.NamedTuple):
    """The parts of packaging that are used; ``source`` is where it was found.

    The functions raise ValueError for text that they cannot read.
    """

    source: str
    version: str
    requirement: t.Callable[[str], t.Any]
    specifiers: t.Callable[[str], t.Any]
    parse_version: t.Callable[[str], t.Any]
    parse_wheel_filename: t.Callable[[str], t.Any]


def _from_module(name: str, source: str) -> Packaging:
    """Return packaging from a module; raises ImportError if it is missing or too old."""
    version = str(getattr(importlib.import_module(name), "__version__", "0"))
    match = re.match(r"\d+", version)
    if match is None or int(match.group()) < OLDEST:
        raise ImportError("%s is packaging %s, but %d or newer is needed" % (source, version, OLDEST))
    requirements = importlib.import_module(name + ".requirements")
    specifiers = importlib.import_module(name + ".specifiers")
    versions = importlib.import_module(name + ".version")
    names = importlib.import_module(name + ".utils")
    return Packaging(
        source,
        version,
        functools.lru_cache(maxsize=None)(requirements.Requirement),
        functools.lru_cache(maxsize=None)(specifiers.SpecifierSet),
        functools.lru_cache(maxsize=None)(versions.Version),
        functools.lru_cache(maxsize=None)(names.parse_wheel_filename),
    )


def _forget_pip() -> None:
    """Make the next import search for pip again; an earlier place may have had an incomplete one."""
    for name in [name for name in sys.modules if name == "pip" or name.startswith("pip.")]:
        del sys.modules[name]
    importlib.invalidate_caches()


def load(places: t.Iterable[str] = ()) -> Packaging:
    """Return the interpreter's packaging, its pip's copy, or that of a pip in ``places``, in this order.

    Places are folders with the package pip, and wheels of pip: a wheel is a
    zip archive, from which Python can import. Raises AirgapError.
    """
    tried = []
    for name in _HOMES:
        try:
            return _from_module(name, name)
        # This Python may not be able to parse a pip for another one.
        except (ImportError, SyntaxError) as error:
            tried.append("%s: %s" % (name, error))
    for place in places:
        _forget_pip()
        sys.path.insert(0, place)
        try:
            return _from_module(_HOMES[1], place)
        except (ImportError, SyntaxError) as error:
            tried.append("%s: %s" % (place, error))
        finally:
            sys.path.remove(place)
    raise AirgapError(
        "Versions and markers cannot be read: %s has neither packaging %d or newer nor pip 24.1 or newer, which "
        "contains it (%s). Install python3-packaging or a newer pip on this host, or stage pip as a set of the bundle."
        % (sys.executable, OLDEST, "; ".join(tried))
    )
