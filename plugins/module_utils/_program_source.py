# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The source of a program that runs without Ansible: a file of module_utils, and every file that it imports from there."""

from __future__ import annotations

import ast
import io
import os
import types
import typing as t
import zipfile

_PACKAGE = __name__.rpartition(".")[0] + "."
# The first time that a zip archive can state, so that the same source gives the same bytes.
_TIME = (1980, 1, 1, 0, 0, 0)


def read_source(path: str) -> t.Optional[bytes]:
    """Return a file of module_utils as the release has it, None if it has none; also from a zip archive."""
    place = os.path.join(os.path.dirname(__file__), path)
    try:
        return bytes(__spec__.loader.get_data(place))  # type: ignore[union-attr]
    except OSError:
        return None


def imported_paths(source: bytes) -> t.Set[str]:
    """Return the paths in module_utils that a source may import: a name may be a module, or be defined in one."""
    names: t.Set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.add(node.module)
            names.update("%s.%s" % (node.module, one.name) for one in node.names)
    return {name[len(_PACKAGE) :].replace(".", "/") + ".py" for name in names if name.startswith(_PACKAGE)}


def source_files(program: types.ModuleType) -> t.Dict[str, bytes]:
    """Return path in module_utils to content of a program and of everything that it imports from this collection."""
    found: t.Dict[str, bytes] = {}
    waiting = [program.__name__[len(_PACKAGE) :].replace(".", "/") + ".py"]
    while waiting:
        path = waiting.pop()
        data = None if path in found else read_source(path)
        if data is not None:
            found[path] = data
            waiting += sorted(imported_paths(data))
    return {path: found[path] for path in sorted(found)}


def zip_program(program: types.ModuleType) -> bytes:
    """Return a zip archive that Python runs (zipapp): it starts the function ``start`` of the program."""
    main = "import sys\n\nfrom %s import start\n\nsys.exit(start(sys.argv[1:]))\n" % program.__name__
    files = {_PACKAGE.replace(".", "/") + path: data for path, data in source_files(program).items()}
    files["__main__.py"] = main.encode("utf-8")
    # zipimport finds a package without __init__.py by the entry of its folder.
    for path in list(files):
        folders = path.split("/")[:-1]
        files.update({"/".join(folders[: count + 1]) + "/": b"" for count in range(len(folders))})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(files):
            archive.writestr(zipfile.ZipInfo(path, _TIME), files[path])
    return packed.getvalue()
