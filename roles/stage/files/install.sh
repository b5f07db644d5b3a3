#!/bin/sh
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Verifies the bundle that this file is in, and installs a requirement set from it.
# Needs a POSIX shell and Python 3.8 or newer; for signatures, ssh-keygen of OpenSSH 8.2 or newer.
set -eu

usage() {
    cat <<'TEXT'
Usage: sh install.sh SET [OPTION]...      install a requirement set
       sh install.sh --list               show the sets, and the target of this Python
       sh install.sh --verify-only        verify the bundle, and stop

Every run first verifies the names and the sums of all files.

  --allowed-signers FILE  who may sign, in the format of ssh-keygen(1), ALLOWED SIGNERS
  --required N            how many of them must have signed (default: 1)
  --revoked FILE          keys that are no longer valid, one a line
  --python PY             the interpreter that gets the packages (default: python3)
  --venv DIR              where the virtual environment goes (default: /opt/airgap/SET)
  --target T              the target whose lock is used (default: the closest that fits)
  --bundle DIR            the bundle (default: the folder of this file)
  --base DIR              a bundle that this one adds to; can be given several times
  --uv                    install with the bundle's uv instead of pip
  -h, --help              show this

Exit status: 0 for success, 1 for an error, 2 for wrong arguments.
TEXT
}

python=python3
expected=
for argument; do
    if [ -n "$expected" ]; then
        python=$argument
        expected=
        continue
    fi
    case $argument in
        --python) expected=yes ;;
        --python=*) python=${argument#--python=} ;;
        -h | --help)
            usage
            exit 0
            ;;
    esac
done

if ! command -v "$python" >/dev/null 2>&1; then
    echo "install.sh: $python was not found. Install Python 3.8 or newer, or name another with --python." >&2
    exit 1
fi
# Python 2 does not know -I. With -c nothing is imported from the current folder but the modules named here.
if ! version=$("$python" -E -s -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null); then
    echo "install.sh: $python does not run as Python. Name another with --python." >&2
    exit 1
fi
if ! "$python" -E -s -c 'import sys; sys.exit(sys.version_info < (3, 8))'; then
    echo "install.sh: $python is Python $version, and 3.8 is the oldest that works. Name a newer one with --python." >&2
    exit 1
fi

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
# In a bundle they are in install/, in a release of the collection in plugins/module_utils.
case $here in
    */roles/stage/files) program=${here%/roles/stage/files}/plugins/module_utils ;;
    *) program=$here/install ;;
esac
if ! [ -f "$program/_install/_program.py" ]; then
    echo "install.sh: $here/install is missing, which holds the program that this script starts. Copy both together." >&2
    exit 1
fi
"$python" -I -B - "$program" "$here" "$@" <<'PYTHON'
import importlib
import importlib.abc
import importlib.machinery
import os
import sys

PACKAGE = "ansible_collections.airgap.python.plugins.module_utils"


class Sources(importlib.abc.MetaPathFinder, importlib.abc.SourceLoader):
    """Loads the .py files of one folder and nothing else in it: no bytecode, no library, no other name."""

    def find_spec(self, name, _path=None, _target=None):
        if (PACKAGE + ".").startswith(name + "."):
            return importlib.machinery.ModuleSpec(name, None, is_package=True)
        if not name.startswith(PACKAGE + "."):
            return None
        path = self.get_filename(name)
        if os.path.isfile(path):
            return importlib.machinery.ModuleSpec(name, self, origin=path)
        return importlib.machinery.ModuleSpec(name, None, is_package=True) if os.path.isdir(path[:-3]) else None

    def get_filename(self, name):
        return os.path.join(sys.argv[1], *name[len(PACKAGE) + 1 :].split(".")) + ".py"

    def get_data(self, path):
        with open(path, "rb") as stream:
            return stream.read()


sys.meta_path.insert(0, Sources())
try:
    program = importlib.import_module(PACKAGE + "._install._program")
except Exception as error:
    sys.exit("install.sh: %s cannot be loaded: %r. It was damaged or changed. Fetch it again." % (sys.argv[1], error))
sys.exit(program.start(sys.argv[2:]))
PYTHON
