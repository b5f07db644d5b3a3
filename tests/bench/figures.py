# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure what crosses the gap, how long verification takes, and what compression gains. Run it with `make figures`.

The bundles are made here: about a third of their wheels are the packages of .venv packed as wheels are (zip, deflate),
the others have sizes drawn from these and bytes that nothing packs. Locks, bill of materials and report have the size
and the make-up of real ones.
"""

from __future__ import annotations

import argparse
import hashlib
import html
import importlib.metadata
import json
import lzma
import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
import time
import typing as t
import zipfile

from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._bundle import (
    _composition,
    _folder,
    _layout,
    _manifest,
    _sums,
    _verify,
)
from ansible_collections.airgap.python.plugins.module_utils._transfer import _reception, _sender
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

TARGETS = [
    {"name": name, "python": name[4:], "libc": "glibc-2.36"} for name in ("node3.9.2", "node3.11.2", "node3.13.5")
]
SETS: t.List[t.Dict[str, t.Any]] = [
    {"name": name, "requirements": ["x"], "targets": [one["name"] for one in TARGETS]} for name in ("base", "site")
]
VERIFY = "import sys; from ansible_collections.airgap.python.plugins.module_utils._bundle import _verify; _verify.verify(sys.argv[1])"


def pack_installed(folder):
    """Write a wheel of each package that is installed in this Python; return the paths."""
    paths = []
    for found in importlib.metadata.distributions():
        files = [one for one in found.files or [] if os.path.isfile(str(found.locate_file(one)))]
        files = [one for one in files if not str(one).startswith("..") and not str(one).endswith(".pyc")]
        if not files:
            continue
        name = found.metadata["Name"].lower().replace("-", "_").replace(".", "_")
        path = os.path.join(folder, "%s-%s-py3-none-any.whl" % (name, found.version))
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for one in files:
                archive.write(str(found.locate_file(one)), str(one))
        paths.append(path)
    return sorted(set(paths))


def make_pool(folder, count, seed):
    """Fill a pool with this number of wheels; return pins."""
    rng = random.Random(seed)
    paths = pack_installed(folder)
    sizes = [size for size in (os.path.getsize(path) for path in paths) if size < 20 << 20]
    while len(paths) < count:
        path = os.path.join(folder, "package_%d-%d.0.%d-py3-none-any.whl" % (len(paths), seed, rng.randrange(20)))
        with open(path, "wb") as stream:
            stream.write(rng.randbytes(rng.choice(sizes)))
        paths.append(path)
    return [pin_of(path) for path in paths[:count]]


def pin_of(path):
    """Return the pin of a wheel."""
    with open(path, "rb") as stream:
        data = stream.read()
    name, version = os.path.basename(path).split("-")[:2]
    origin = "https://files.example.org/packages/%s/%s" % (
        hashlib.md5(path.encode()).hexdigest(),
        os.path.basename(path),
    )
    sha256 = hashlib.sha256(data).hexdigest()
    return _lock.Pin(name.replace("_", "-"), version, sha256, os.path.basename(path), len(data), origin)


def write(root, path, text):
    """Write a text file of a bundle."""
    full = os.path.join(root, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "w") as stream:
        stream.write(text)


def describe(root, pins, base=None):
    """Write locks, reports, manifest and sums; return the manifest."""
    locks: t.Dict[t.Tuple[str, str], t.List[_lock.Pin]] = {}
    for number, (one, target) in enumerate((one, target) for one in SETS for target in TARGETS):
        chosen = [pin for index, pin in enumerate(pins) if index % 3 == number % 3 or index % 7 == 0]
        locks[(str(one["name"]), target["name"])] = chosen
        text = _lock.render(chosen, target["name"], "x")
        write(root, "locks/%s/%s.txt" % (one["name"], target["name"]), text)
    unused = [dict(pin._asdict(), path="wheels/" + pin.filename) for pin in pins]
    for entry in unused:
        del entry["filename"]
    manifest = _composition.compose(SETS, TARGETS, locks, unused, "2026-11-21T00:00:00Z", base)
    parts = [
        {
            "type": "library",
            "bom-ref": "wheels/" + pin.filename,
            "name": pin.name,
            "version": pin.version,
            "purl": "pkg:pypi/%s@%s?file_name=%s" % (pin.name, pin.version, pin.filename),
            "hashes": [{"alg": "SHA-256", "content": pin.sha256}],
            "licenses": [{"license": {"id": ("MIT", "Apache-2.0", "BSD-3-Clause")[len(pin.name) % 3]}}],
        }
        for pin in pins
    ]
    edges = [
        {"ref": "wheels/" + pin.filename, "dependsOn": ["wheels/" + other.filename for other in pins[index % 50 :: 97]]}
        for index, pin in enumerate(pins)
    ]
    bom = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": parts, "dependencies": edges}
    write(root, "reports/sbom.cdx.json", json.dumps(bom, indent=1))
    row = "<tr><td>%s</td><td>%s</td><td class='size'>%d kB</td><td>%s</td></tr>\n"
    rows = [row % (html.escape(pin.name), pin.version, pin.size >> 10, pin.sha256) for pin in pins]
    write(root, "reports/report.html", "<style>" + "td { padding: 1em }\n" * 200 + "</style>" + "".join(rows))
    write(root, "manifest.json", _json.render(manifest))
    write(root, "SHA256SUMS", "")
    sums = _sums.compute(root, {entry.path for entry in _manifest.left_out(manifest)})
    write(root, "SHA256SUMS", _sums.render(sums))
    return manifest


def cross(source, hop):
    """Receive a bundle as the role transfer does; return how many bytes crossed."""
    manifest, entries = _verify.verify(source)
    sums = {entry.path: entry.sha256 for entry in entries}
    offer = _reception.Offer(manifest["id"], sums[_layout.SUMS])
    crossing = os.path.join(hop, "stream")
    crossed = 0

    def receive(write=None, wanted=()):
        nonlocal crossed
        places = os.path.join(hop, "bundle"), os.path.join(hop, "incoming")
        reception = _reception.Reception(*places, offer, {"complete": True})
        if write is None:
            return reception.receive()
        with open(crossing, "wb") as stream:
            write(stream.write)
        crossed += os.path.getsize(crossing)
        with open(crossing, "rb") as stream:
            return reception.receive(stream, wanted)

    result = receive()
    result = receive(_sender.load(source, offer.sha256, result["known"], ()).write)
    receive(_sender.load(source, offer.sha256, (), result["wanted"]).write, result["wanted"])
    os.unlink(crossing)
    return crossed


def size_of(root, entries):
    """Return the size of the texts and of the wheels among entries."""
    wheels = sum(entry.size for entry in entries if _layout.is_in_pool(entry.path))
    return sum(entry.size for entry in entries) - wheels, wheels


def measure_crossing(folder, count):
    """Return rows on a first bundle and on one where five wheels changed."""
    source, hop = os.path.join(folder, "source"), os.path.join(folder, "hop")
    pool = os.path.join(source, "wheels")
    os.makedirs(pool)
    os.makedirs(hop)
    pins = make_pool(pool, count, 1)
    first = describe(source, pins)
    texts, wheels = size_of(source, _verify.verify(source)[1])
    crossed = cross(source, hop)
    rows = [
        ("first bundle, %d wheels" % len(pins), wheels, texts, crossed, crossed / wheels, crossed / (wheels + texts))
    ]
    base = _manifest.Base(first["id"], frozenset(pin.sha256 for pin in pins))
    for seed in (2, 3, 4):
        changed = random.Random(seed).sample(range(len(pins)), 5)
        news = list(pins)
        for index in changed:
            path = os.path.join(pool, pins[index].filename.replace("-py3-", "-%d-py3-" % seed))
            with open(path, "wb") as stream:
                stream.write(random.Random(seed * 1000 + index).randbytes(pins[index].size))
            news[index] = pin_of(path)._replace(version=pins[index].version)
        second = os.path.join(folder, "second")
        shutil.copytree(source, second, ignore=shutil.ignore_patterns("*.txt", "*.json", "*.html"))
        for name in set(os.listdir(os.path.join(second, "wheels"))) - {pin.filename for pin in news}:
            os.unlink(os.path.join(second, "wheels", name))
        os.unlink(os.path.join(second, "SHA256SUMS"))
        describe(second, news, base)
        manifest, entries = _verify.verify(second)
        texts, wheels = size_of(second, _manifest.to_send(manifest, entries))
        other = os.path.join(folder, "other")
        shutil.copytree(hop, other)
        crossed = cross(second, other)
        rows.append(
            (
                "five wheels changed, draw %d" % (seed - 1),
                wheels,
                texts,
                crossed,
                crossed / wheels,
                crossed / (wheels + texts),
            )
        )
        shutil.rmtree(second)
        shutil.rmtree(other)
        for index in changed:
            os.unlink(os.path.join(pool, news[index].filename))
    return rows


def measure_verify(folder, size, count=300, rounds=5):
    """Return the median seconds of sha256sum and of bundle_verify for the same files, run in turn."""
    root = os.path.join(folder, "large")
    pool = os.path.join(root, "wheels")
    os.makedirs(pool)
    block = os.urandom(1 << 20)
    pins = []
    for number in range(count):
        path = os.path.join(pool, "p%d-1-py3-none-any.whl" % number)
        with open(path, "wb") as stream:
            left = size // count
            stream.write(str(number).encode())
            while left > 0:
                stream.write(block[:left])
                left -= len(block)
        pins.append(pin_of(path))
    describe(root, pins)
    times: t.Dict[str, t.List[float]] = {"sha256sum --check": [], "bundle_verify": []}
    commands = {
        "sha256sum --check": ["sha256sum", "--quiet", "--check", "SHA256SUMS"],
        "bundle_verify": [sys.executable, "-c", VERIFY, root],
    }
    environment = dict(os.environ, PYTHONPATH=os.path.abspath(".collections"))
    for _round in range(rounds):
        for name, command in commands.items():
            begin = time.monotonic()
            subprocess.run(command, cwd=root, env=environment, check=True)
            times[name].append(time.monotonic() - begin)
    return {name: sorted(found)[len(found) // 2] for name, found in times.items()}


def packed(data, way):
    """Return the compressed size of data, and the seconds of the compression."""
    begin = time.monotonic()
    size = (
        len(lzma.compress(data))
        if way == "xz"
        else len(subprocess.run(way.split() + ["-c", "-q"], input=data, stdout=subprocess.PIPE, check=True).stdout)
    )
    return size, time.monotonic() - begin


def measure_packing(wheels, root):
    """Return rows: what, bytes, way, bytes left, MB/s."""
    several = sorted(
        path for path in (os.path.join(wheels, name) for name in os.listdir(wheels)) if path.endswith(".whl")
    )
    data = b""
    for path in several:
        if len(data) + os.path.getsize(path) < 40 << 20:
            with open(path, "rb") as stream:
                data += stream.read()
    texts = b""
    for path in sorted(_folder.walk(root)):
        if not _layout.is_in_pool(path):
            with open(os.path.join(root, path), "rb") as stream:
                texts += stream.read()
    ways = ["xz"] + (["zstd -3", "zstd -19"] if shutil.which("zstd") else [])
    rows = []
    for what, content in (("wheels", data), ("texts", texts)):
        for way in ways:
            left, seconds = packed(content, way)
            rows.append((what, len(content), way, left, left / len(content), len(content) / 1e6 / seconds))
    return rows


def main():
    """Measure and print tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--wheels", help="a folder of real wheels for the packing figures (default: the packages of .venv)"
    )
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--verify-mb", type=int, default=1000)
    options = parser.parse_args()
    print("Python %s, %d cores\n" % (platform.python_version(), os.cpu_count() or 1))
    with tempfile.TemporaryDirectory(prefix="airgap-figures-") as folder:
        print(
            "| what crosses | wheels, bytes | other files, bytes | crossed, bytes | crossed / wheels | crossed / all that changed |\n|---|---|---|---|---|---|"
        )
        for row in measure_crossing(folder, options.count):
            print("| %s | %d | %d | %d | %.3f | %.3f |" % row)
        print("\n| check of %d MB | seconds | ratio |\n|---|---|---|" % options.verify_mb)
        times = measure_verify(folder, options.verify_mb * 1000000)
        for name, seconds in times.items():
            print("| %s | %.2f | %.2f |" % (name, seconds, seconds / times["sha256sum --check"]))
        print("\n| packing | bytes | way | left, bytes | left / bytes | MB/s |\n|---|---|---|---|---|---|")
        source = os.path.join(folder, "source")
        for row in measure_packing(options.wheels or os.path.join(source, "wheels"), source):
            print("| %s | %d | %s | %d | %.3f | %.1f |" % row)


if __name__ == "__main__":
    main()
