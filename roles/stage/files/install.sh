#!/bin/sh
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Verifies the bundle that this file is in, or that an index serves, and installs a requirement set from it.
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
  --index URL             install from an index that serves install.sh (https://INDEX/USER/NAME/+simple/)
  --ca FILE               the certificates to check that index with (default: the system's)
  -h, --help              show this

Exit status: 0 for success, 1 for an error, 2 for wrong arguments.
TEXT
}

python=python3
index=
ca=
expected=
for argument; do
    if [ -n "$expected" ]; then
        case $expected in
            python) python=$argument ;;
            index) index=$argument ;;
            ca) ca=$argument ;;
        esac
        expected=
        continue
    fi
    case $argument in
        --python | --index | --ca) expected=${argument#--} ;;
        --python=*) python=${argument#--python=} ;;
        --index=*) index=${argument#--index=} ;;
        --ca=*) ca=${argument#--ca=} ;;
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
if [ -z "$index" ] && ! [ -f "$program/_install/_program.py" ]; then
    echo "install.sh: $here/install is missing, which holds the program that this script starts. Copy both together." >&2
    exit 1
fi
"$python" -I -B - "$program" "$here" "$index" "$ca" "$@" <<'PYTHON'
import hashlib
import http.client
import importlib
import importlib.abc
import importlib.machinery
import os
import re
import ssl
import sys
import tempfile
import urllib.parse

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


def fetch(index, ca, folder):
    """Copy what an index serves of its bundle into a folder: all but wheels, other files and reports."""
    url = urllib.parse.urlsplit(index)
    if url.scheme != "https":
        sys.exit("install.sh: --index %s is not https, so anyone could change what it serves. Name an https address." % index)
    connection = http.client.HTTPSConnection(url.netloc, context=ssl.create_default_context(cafile=ca or None), timeout=60)

    def copy(path, wanted):
        connection.request("GET", "/+bundle/" + urllib.parse.quote(path))
        response = connection.getresponse()
        data = response.read()
        if response.status == 404 and path == "SHA256SUMS":
            sys.exit("install.sh: %s does not serve install.sh. Set publish_installer: true, and play index." % index)
        if response.status == 404 and path == "SHA256SUMS.sig":
            return b""
        if response.status != 200:
            raise OSError("%s: status %d" % (path, response.status))
        if wanted and hashlib.sha256(data).hexdigest() != wanted:
            raise OSError("%s has another sum than SHA256SUMS says, as while a bundle is published. Run this again" % path)
        os.makedirs(os.path.dirname(os.path.join(folder, path)), exist_ok=True)
        with open(os.path.join(folder, path), "wb") as stream:
            stream.write(data)
        return data

    sums = copy("SHA256SUMS", "").decode("utf-8", "replace")
    copy("SHA256SUMS.sig", "")
    # No other name becomes a path. The program verifies all of them, and the signatures.
    part = r"/[A-Za-z0-9_][A-Za-z0-9_.+-]*"
    for line in re.findall(r"^([0-9a-f]{64})  ((?:install|locks)(?:%s)+|manifest\.json|README\.md|install\.sh)$" % part, sums, re.M):
        copy(line[1], line[0])


if sys.argv[3]:
    folder = tempfile.TemporaryDirectory(prefix="airgap-install-")
    sys.argv[2] = folder.name
    try:
        fetch(sys.argv[3], sys.argv[4], folder.name)
    except (OSError, http.client.HTTPException) as error:
        sys.exit("install.sh: %s cannot be read: %s. Check the address, and --ca." % (sys.argv[3], error))
    # The program of a release on this host did not come from the index.
    if not os.path.isfile(os.path.join(sys.argv[1], "_install/_program.py")):
        sys.argv[1] = os.path.join(folder.name, "install")
sys.meta_path.insert(0, Sources())
try:
    program = importlib.import_module(PACKAGE + "._install._program")
except Exception as error:
    sys.exit("install.sh: %s cannot be loaded: %r. It was damaged or changed. Fetch it again." % (sys.argv[1], error))
sys.exit(program.start([sys.argv[2]] + sys.argv[5:]))
PYTHON
