# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure a transfer through the lab's bastion against one raw `ssh … cat` on the same path. Run it with `make throughput`.

The path is internet host → control host → through the bastion → index host. The raw way is one pipe of two ssh
processes, which checks nothing. Ours hashes every byte and replaces a whole bundle meanwhile. The transfer takes
longer than the relay runs, because it plans; the play takes longer still, because Ansible starts and the sending host
verifies its bundle.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._bundle import _composition, _sums
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

INVENTORY = "inventories/lab"
PLACE = "/srv/throughput"
CASES = [("40 files of 50 MB", 40, 50_000_000), ("300 files of 400 kB", 300, 400_000)]
TARGET = {"name": "node", "python": "3.11.2", "libc": "glibc-2.36"}
# How Ansible reaches a host of the lab, from the inventory.
WAY = "msg={{ [ansible_ssh_common_args, ansible_ssh_private_key_file, ansible_user, ansible_host] }}"


def bundle(folder, count, size):
    """Create a bundle of ``count`` files that do not compress."""
    os.makedirs(folder + "/wheels")
    os.makedirs(folder + "/locks/base")
    rng = random.Random(size)
    pins = []
    for number in range(count):
        name = "package_%03d-1.0-py3-none-any.whl" % number
        data = rng.randbytes(size)
        with open(os.path.join(folder, "wheels", name), "wb") as stream:
            stream.write(data)
        pins.append(_lock.Pin("package-%03d" % number, "1.0", hashlib.sha256(data).hexdigest(), name, size, "-"))
    sets = [{"name": "base", "requirements": ["x"], "targets": ["node"]}]
    manifest = _composition.compose(sets, [TARGET], {("base", "node"): pins}, [], "2026-01-01T00:00:00Z")
    for path, text in (
        ("locks/base/node.txt", _lock.render(pins, "node", "x")),
        ("manifest.json", _json.render(manifest)),
    ):
        with open(os.path.join(folder, path), "w", encoding="utf-8") as stream:
            stream.write(text)
    with open(os.path.join(folder, "SHA256SUMS"), "w", encoding="utf-8") as stream:
        stream.write(_sums.render(_sums.compute(folder)))


def ssh(host):
    """Return the ssh command line that reaches a host as Ansible does."""
    command = ["ansible", "-i", INVENTORY, host, "-m", "ansible.builtin.debug", "-a", WAY]
    answer = subprocess.check_output(command, env=dict(os.environ, ANSIBLE_CALLBACK_RESULT_FORMAT="json"))
    options, key, user, address = json.loads(answer.decode().partition("=>")[2])["msg"]
    return "ssh %s -i %s %s@%s" % (options, key, user, address)


def raw():
    """Send the same bytes as one raw stream; return the seconds."""
    source, target = ssh("internet"), ssh("index")
    command = "%s 'sudo cat %s/bundle/wheels/*' | %s 'sudo sh -c \"cat > %s/raw && sync -d %s/raw\"'"
    started = time.monotonic()
    subprocess.run(command % (source, PLACE, target, PLACE, PLACE), shell=True, check=True)
    seconds = time.monotonic() - started
    subprocess.run(["podman", "exec", "airgap-index", "rm", PLACE + "/raw"], check=True)
    return seconds


def ours():
    """Play the transfer; return the seconds of the relay and of the transfer, as it reports them, and those of the play."""
    command = ["ansible-playbook", "-i", INVENTORY, "playbooks/transfer.yml", "--limit", "airgap_stage,airgap_index"]
    values = {
        "airgap_dir": PLACE,
        "transfer_mode": "direct",
        "publish_allowed_signers": [],
    }
    started = time.monotonic()
    done = subprocess.run(
        command + ["-e", json.dumps(values)],
        stdout=subprocess.PIPE,
        check=False,
        env=dict(os.environ, ANSIBLE_FORCE_COLOR="0"),
    )
    if done.returncode:
        sys.exit(done.stdout.decode()[-3000:])
    output = " ".join(done.stdout.decode().split())
    found = re.search(r" bytes transferred in ([0-9.]+) s, ([0-9.]+) s of them", output)
    assert found, output[-3000:]
    return float(found.group(2)), float(found.group(1)), time.monotonic() - started


def clear(host):
    """Remove what the measurement left on a host."""
    subprocess.run(["podman", "exec", "airgap-" + host, "rm", "-rf", PLACE], check=True)


def main():
    """Measure each case in both ways."""
    print("%s, %s cores" % (datetime.date.today(), os.cpu_count()))
    print(
        "| bundle | MB | raw, s | relay, s | transfer, s | play, s | raw, MB/s | relay, MB/s | ratio | of the transfer | of the play |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for name, count, size in CASES:
        folder = tempfile.mkdtemp(prefix="airgap-throughput-")
        try:
            bundle(folder + "/bundle", count, size)
            for host in ("internet", "index"):
                clear(host)
                subprocess.run(["podman", "exec", "airgap-" + host, "mkdir", "-p", PLACE], check=True)
            subprocess.run(["podman", "cp", folder + "/bundle", "airgap-internet:%s/" % PLACE], check=True)
            plain, (line, moved, whole) = raw(), ours()
            total = count * size / 1e6
            print("| %s | %d | %.1f | %.1f | %.1f | %.1f " % (name, total, plain, line, moved, whole), end="")
            print("| %.0f | %.0f " % (total / plain, total / line), end="")
            print("| %.2f | %.2f | %.2f |" % (plain / line, plain / moved, plain / whole), flush=True)
        finally:
            shutil.rmtree(folder)
            for host in ("internet", "index"):
                clear(host)


if __name__ == "__main__":
    main()
