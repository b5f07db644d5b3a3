# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of this release a bundle carries under install/, for install.sh to start, and their bytes."""

from __future__ import annotations

import ast
import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle import _layout
from ansible_collections.airgap.python.plugins.module_utils._install import _program

_PACKAGE = _program.__name__.partition("module_utils.")[0] + "module_utils."


def read(path: str) -> t.Optional[bytes]:
    """Return a file of module_utils as the release has it, None where it has none; inside a zip archive too."""
    loader = _program.__spec__.loader
    place = os.path.join(os.path.dirname(os.path.dirname(_program.__file__)), path)
    try:
        return bytes(loader.get_data(place))  # type: ignore[union-attr]
    except OSError:
        return None


def imported(source: bytes) -> t.Set[str]:
    """Return the modules of module_utils that a source may import, as paths: a name may be a module or be in one."""
    names: t.Set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.add(node.module)
            names.update("%s.%s" % (node.module, one.name) for one in node.names)
    return {name[len(_PACKAGE) :].replace(".", "/") + ".py" for name in names if name.startswith(_PACKAGE)}


def files() -> t.Dict[str, bytes]:
    """Return path in a bundle to content of the program and of all that it imports of this collection."""
    found: t.Dict[str, bytes] = {}
    waiting = [_program.__name__[len(_PACKAGE) :].replace(".", "/") + ".py"]
    while waiting:
        path = waiting.pop()
        data = None if path in found else read(path)
        if data is not None:
            found[path] = data
            waiting += sorted(imported(data))
    return {"%s/%s" % (_layout.INSTALL, path): found[path] for path in sorted(found)}
