# SPDX-License-Identifier: GPL-3.0-or-later
"""On the lab's internet host: apply the output of read-way-out.py, and try it with a real download.

Prints "changed" or "unchanged".
"""

import json
import os
import re
import subprocess
import sys
import tempfile

ADDED = "/usr/local/share/ca-certificates"
TRUST_STORE = "/etc/ssl/certs/ca-certificates.crt"
TRIED = "/etc/airgap-lab-way-out"


def certificates(text):
    """Return the certificates of a bundle, in order, each as its PEM text."""
    return re.findall(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", text, re.DOTALL)


def read(path):
    """Return a file's text, or nothing where there is no such file."""
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def write(path, text, mode):
    """Give a file its content and mode."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as stream:
        stream.write(text)
    os.chmod(path, mode)


def run(command, environment):
    """Run a command, and end with what it said when it fails."""
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        sys.exit("%s failed:\n%s" % (" ".join(command), done.stdout.decode(errors="replace")))


def main():
    """Write what differs; when anything did, download one package."""
    given = json.load(sys.stdin)
    known = set(certificates(read(TRUST_STORE)))
    missing = [one for one in certificates(given["ca_bundle"]) if one not in known]
    for one in missing:
        # update-ca-certificates wants one certificate a file; hash() would differ from run to run.
        write(os.path.join(ADDED, "lab-%s.crt" % re.sub(r"\W", "", one)[-60:-20]), one + "\n", 0o644)
    if missing:
        subprocess.run(["update-ca-certificates"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    # A URL with a password in it is for root alone.
    mode = 0o600 if "@" in given["pip_conf"] else 0o644
    write("/etc/pip.conf", given["pip_conf"], mode)
    write("/etc/environment", given["environment"], mode)

    tried = json.dumps([given["pip_conf"], given["environment"]])
    if not missing and read(TRIED) == tried:
        print("unchanged")
        return
    environment = dict(os.environ, **dict(line.split("=", 1) for line in given["environment"].splitlines()))
    with tempfile.TemporaryDirectory() as folder:
        run([sys.executable, "-m", "venv", folder + "/venv"], environment)
        pip = folder + "/venv/bin/pip"
        run([pip, "download", "--quiet", "--no-deps", "--dest", folder, "jmespath"], environment)
    write(TRIED, tried, 0o600)
    print("changed")


if __name__ == "__main__":
    main()
