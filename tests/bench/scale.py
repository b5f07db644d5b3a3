# SPDX-License-Identifier: GPL-3.0-or-later
"""Play nodes.yml on 1, 10, 50 and 100 hosts of the lab, twice each, and print what it costs. Run it with `make scale`.

The lab must have been played (make demo). The hosts are light: containers of the lab's image that run nothing but sshd, on the network
inside, reached through the bastion like every other one. They share this machine's processors with the control host and the
index, so most of the seconds are those of the hosts. A call is a line with EXEC in the output of `ansible-playbook -vvv`.

A first run takes each host half a gigabyte and, on this machine, half a minute. With --installed, one host gets the sets, the others
are started from a copy of it, and only second runs are measured. With --sets=base, each host gets that set alone.
"""

from __future__ import annotations

import argparse
import datetime
import glob
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import threading
import time
import typing as t

import yaml

FOLDER = os.path.abspath(".lab/scale")
PLAYBOOK = ["ansible-playbook", "-i", "inventories/lab", "-i", os.path.join(FOLDER, "hosts.yml"), "-vvv"]
IMAGE_OF = "airgap-node311"
INDEX = "airgap-index"
NETWORK = "airgap-inside"
# The first address of the light hosts; the lab's own are outside of what follows.
FIRST = 121
# The image of a light host that has the sets.
INSTALLED = "localhost/airgap-light-installed"
# What a light host runs, with the lab's key and the host key in /lab.
START = """
id ops > /dev/null 2>&1 || useradd --create-home --shell /bin/bash ops
echo 'ops ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ops
install -d -m 700 -o ops -g ops ~ops/.ssh
install -m 644 /lab/key.pub ~ops/.ssh/authorized_keys
install -m 600 /lab/host_key /etc/ssh/ssh_host_ed25519_key
: > /etc/resolv.conf
mkdir -p /run/sshd
exec /usr/sbin/sshd -D -o UseDNS=no -o MaxStartups=100
"""


def run(*command: str, check: bool = True) -> str:
    """Run a command; return its output."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if check and done.returncode:
        sys.exit("%s\n%s" % (" ".join(command), done.stderr[-2000:]))
    return done.stdout


def podman_flags(image: str) -> t.Tuple[t.List[str], t.List[str]]:
    """Return the flags with which podman runs the lab's containers on this machine, and those of a container."""
    lines = run("env", "PODMAN_PROBE=true", "molecule/lab/files/podman-flags.sh", image).split("\n")
    return lines[0].split(), lines[1].split()


def start(count: int, image: str = "") -> None:
    """Start so many light hosts, and write their inventory; by default from the image of the lab's hosts."""
    os.makedirs(FOLDER, exist_ok=True)
    key = os.path.join(FOLDER, "host_key")
    if not os.path.exists(key):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    with open(".lab/id_ed25519.pub", encoding="utf-8") as source, open(
        FOLDER + "/key.pub", "w", encoding="utf-8"
    ) as copy:
        copy.write(source.read())
    # Target files are looked up next to the inventory of a host.
    for path in glob.glob("inventories/lab/*.target.txt"):
        shutil.copy(path, FOLDER)
    image = image or run("podman", "container", "inspect", "--format", "{{.ImageName}}", IMAGE_OF).strip()
    flags, limits = podman_flags(image)
    subnet = run(
        "podman",
        "container",
        "inspect",
        "--format",
        '{{(index .NetworkSettings.Networks "%s").IPAddress}}' % NETWORK,
        IMAGE_OF,
    )
    prefix = subnet.strip().rpartition(".")[0]
    hosts = {}
    for number in range(count):
        address = "%s.%d" % (prefix, FIRST + number)
        hosts["light%03d" % (number + 1)] = {"ansible_host": address, "lab_known_hosts": FOLDER + "/known_hosts"}
        options = ["--detach", "--name", "airgap-light%03d" % (number + 1), "--network=%s:ip=%s" % (NETWORK, address)]
        options += [
            "--dns=none",
            "--cap-add=AUDIT_WRITE",
            *limits,
            "--volume=%s:/lab:ro" % FOLDER,
        ]
        run("podman", *flags, "run", *options, image, "sh", "-ec", START)
    with open(key + ".pub", encoding="utf-8") as stream:
        public = " ".join(stream.read().split()[:2])
    with open(".lab/known_hosts", encoding="utf-8") as stream:
        known = stream.read()
    with open(FOLDER + "/known_hosts", "w", encoding="utf-8") as stream:
        stream.write(known + "".join("%s %s\n" % (one["ansible_host"], public) for one in hosts.values()))
    groups = {"airgap_nodes": {"children": {"light": None}}, "lab_inside": {"children": {"light": None}}}
    with open(FOLDER + "/hosts.yml", "w", encoding="utf-8") as stream:
        yaml.safe_dump({"all": {"children": dict(groups, light={"hosts": hosts})}}, stream)


def stop() -> None:
    """Remove all light hosts."""
    names = run("podman", "ps", "--all", "--format", "{{.Names}}").split()
    light = [name for name in names if name.startswith("airgap-light")]
    if light:
        run("podman", "rm", "--force", "--time", "0", *light)


def copy_installed(sets: t.Sequence[str]) -> None:
    """Make an image of a light host that has the sets."""
    stop()
    start(1)
    play(1, "linear", True, 1, sets)
    run("podman", "commit", "--quiet", "--pause=false", "airgap-light001", INSTALLED)


def traffic() -> t.Tuple[int, int]:
    """Return how many connections the index accepted so far, and how many bytes it sent."""
    text = run("podman", "exec", INDEX, "cat", "/proc/net/snmp", "/proc/net/dev")
    names, values = (line.split() for line in re.findall(r"^Tcp: .*$", text, re.M))
    sent = sum(int(line.split(":")[1].split()[8]) for line in re.findall(r"^ *eth\d+:.*$", text, re.M))
    return int(values[names.index("PassiveOpens")]), sent


def memory(pid: int) -> int:
    """Return the memory of a process and all below it, in bytes; what they share counts once."""
    total, left = 0, [pid]
    while left:
        one = left.pop()
        try:
            with open("/proc/%d/smaps_rollup" % one, encoding="ascii") as stream:
                total += int(re.findall(r"^Pss: +(\d+)", stream.read(), re.M)[0]) * 1024
            with open("/proc/%d/task/%d/children" % (one, one), encoding="ascii") as stream:
                left += [int(child) for child in stream.read().split()]
        except (OSError, IndexError):
            continue
    return total


class Played(t.NamedTuple):
    """What a run cost."""

    seconds: float
    processor: float
    calls_a_node: float
    calls_index: int
    connections: int
    megabytes: float
    memory: float
    changed: int


def processor_seconds() -> float:
    """Return the seconds of a processor that the programs which this one ran have taken so far, with all below them."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def play(count: int, strategy: str, has_pipelining: bool, forks: int, sets: t.Sequence[str] = ()) -> Played:
    """Play nodes.yml on the light hosts, with some sets or all."""
    settings = dict(os.environ, ANSIBLE_STRATEGY=strategy, ANSIBLE_PIPELINING=str(has_pipelining), ANSIBLE_NOCOLOR="1")
    before, largest = traffic(), 0
    used = processor_seconds()
    started = time.monotonic()
    command = [*PLAYBOOK, "--limit", "light", "--forks", str(forks), "playbooks/nodes.yml"]
    command += ["-e", json.dumps({"install_sets": list(sets)})]
    process = subprocess.Popen(command, env=settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    text: t.List[str] = []
    reader = threading.Thread(target=lambda: text.append(process.stdout.read() if process.stdout else ""))
    reader.start()
    while process.poll() is None:
        largest = max(largest, memory(process.pid))
        time.sleep(0.5)
    reader.join()
    seconds, used = time.monotonic() - started, processor_seconds() - used
    if process.returncode:
        sys.exit("nodes.yml failed:\n%s" % text[0][-3000:])
    after = traffic()
    calls = re.findall(r"^<([^>]+)> .*\bEXEC ", text[0], re.M)
    with open(FOLDER + "/hosts.yml", encoding="utf-8") as stream:
        light = {one["ansible_host"] for one in yaml.safe_load(stream)["all"]["children"]["light"]["hosts"].values()}
    on_nodes = sum(one in light for one in calls)
    return Played(
        seconds,
        used,
        on_nodes / count,
        len(calls) - on_nodes,
        after[0] - before[0],
        (after[1] - before[1]) / 1e6,
        largest / 1e6,
        sum(map(int, re.findall(r" changed=(\d+) ", text[0]))),
    )


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", nargs="*", type=int, default=[1, 10, 50, 100])
    parser.add_argument("--forks", type=int, default=10)
    parser.add_argument("--installed", action="store_true", help="measure only second runs, on copies of one host")
    parser.add_argument(
        "--sets", type=lambda text: text.split(","), default=[], help="some sets, with commas; all by default"
    )
    options = parser.parse_args()
    print("%s, %d cores, %d forks\n" % (datetime.date.today(), os.cpu_count() or 1, options.forks))
    print(
        "| hosts | run | strategy | pipelining | seconds | of a processor of the control host | calls a node | calls to others "
        "| connections to the index | MB from the index | memory of the control host, MB | changed |\n|---|---|---|---|---|---|---|---|---|---|---|---|",
        flush=True,
    )
    try:
        if options.installed:
            copy_installed(options.sets)
        for count in options.counts:
            stop()
            start(count, INSTALLED if options.installed else "")
            ways = [] if options.installed else [("first", "linear", True)]
            ways += [("second", "linear", True)]
            if count == max(options.counts) and not options.installed:
                ways += [("second", "free", True), ("second", "linear", False)]
            for name, strategy, has_pipelining in ways:
                found = play(count, strategy, has_pipelining, options.forks, options.sets)
                line = [count, name, strategy, "yes" if has_pipelining else "no", "%.0f" % found.seconds]
                line += ["%.0f" % found.processor]
                line += ["%.1f" % found.calls_a_node, found.calls_index, found.connections, "%.1f" % found.megabytes]
                line += ["%.0f" % found.memory, found.changed]
                print("| %s |" % " | ".join(map(str, line)), flush=True)
    finally:
        stop()
        run("podman", "rmi", "--force", INSTALLED, check=False)


if __name__ == "__main__":
    main()
