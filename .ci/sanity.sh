#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Run `ansible-test sanity` on a copy of what a release has, where ansible-test wants a collection. The tests are not released:
# ruff and mypy check them.
set -euo pipefail
cd "$(dirname "$0")/.."
copy=build/sanity/ansible_collections/airgap/python
rm -rf build/sanity
mkdir -p "$copy"
git ls-files -z --cached --others --exclude-standard -- . ':!.ci' ':!.collections' ':!molecule' ':!tests' |
    while IFS= read -r -d '' path; do [ -e "$path" ] && printf '%s\0' "$path"; done |
    tar --null --files-from=- --create | tar --extract --directory "$copy"
bin=$PWD/.venv/bin

# ansible-test downloads get-pip.py once. Where that host cannot be reached, the interpreter's own
# ensurepip does the same: this file takes the download's place.
bootstrap=${ANSIBLE_TEST_CONTENT_ROOT:-$HOME/.ansible}/test/cache/get_pip_24_2.py
if [ ! -e "$bootstrap" ]; then
    mkdir -p "$(dirname "$bootstrap")"
    cat >"$bootstrap" <<'PYTHON'
import subprocess
import sys

subprocess.check_call([sys.executable, "-m", "ensurepip"])
packages = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
if packages:
    subprocess.check_call([sys.executable, "-m", "pip", "install", "--disable-pip-version-check"] + packages)
PYTHON
fi

cd "$copy"
# ansible-test tests what git tracks; the folder around this one ignores it.
git init -q . && git add -A
# One interpreter: a machine may name others that do not run. The lab's nodes cover 3.9 to 3.13 for real.
version=$("$bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
PATH=$bin:$PATH exec "$bin/ansible-test" sanity --local --python "$version" "$@"
