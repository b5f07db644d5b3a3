# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people get whose machines Ansible does not reach: client settings and a page with one command for each system.

No I/O happens here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import typing as t
from urllib.parse import quote, urlsplit

from ansible_collections.airgap.python.plugins.module_utils._clients import _contents
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

PAGE = "index.html"
# Where the command of each system copies the files.
WINDOWS_CA = r"C:\ProgramData\airgap\ca.pem"
UNIX_CA = "/etc/airgap/ca.pem"


class System(t.NamedTuple):
    """A system: the command for a folder with the files, the one that takes everything back, and what they change."""

    name: str
    shell: str
    command: str
    undo: str
    places: t.Tuple[t.Tuple[str, str], ...]


class File(t.NamedTuple):
    """A file of the handout: its lines are on the page, and a link that contains it."""

    name: str
    lines: t.Tuple[str, ...]
    link: str


class Certificate(t.NamedTuple):
    """A certificate of a CA: its file, and the fingerprint (SHA-256) by which people compare it."""

    name: str
    fingerprint: str


class Page(t.NamedTuple):
    """What the page says."""

    url: str
    host: str
    systems: t.Tuple[System, ...]
    files: t.Tuple[File, ...]
    certificates: t.Tuple[Certificate, ...]
    constraints: t.Tuple[str, ...]
    hosts: t.Tuple[str, ...]


def files(site: _contents.Site, ca: str) -> t.Dict[str, str]:
    """Return the files by name; raises AirgapError without the certificate that https needs.

    ``ca`` is the text of the certificates of the index's CAs, "" for an index whose certificate everybody trusts.
    """
    own = _contents.certificates(ca)
    if ca and not own:
        raise AirgapError("The CA of the index is not a certificate in PEM. Correct pip_conf_ca.")
    if site.constraints:
        _contents.constraints(site)
    windows = site._replace(cert=WINDOWS_CA if own else "", constraints_path=r"C:\ProgramData\airgap\constraints.txt")
    unix = site._replace(cert=UNIX_CA if own else "", constraints_path="/etc/airgap/constraints.txt")
    found = {
        "pip.ini": _contents.pip_conf(windows),
        "pip.conf": _contents.pip_conf(unix),
        "uv.toml": _contents.uv_toml(unix),
    }
    found = {
        name: text.replace(_contents.MARK, "# The index of this site: %s" % site.url) for name, text in found.items()
    }
    if site.constraints:
        found["constraints.txt"] = "".join(line + "\n" for line in site.constraints)
    if own:
        found["ca.pem"] = "".join(own.values())
        found.update({"ca-%s.crt" % name: pem for name, pem in own.items()})
    return found


def page(site: _contents.Site, ca: str, hosts: t.Sequence[str] = ()) -> Page:
    """Return what the page says; raises AirgapError as files(). ``hosts`` are lines of hosts(5) for a name of several hosts."""
    texts = files(site, ca)
    certificates = sorted(name for name in texts if name.endswith(".crt"))
    shared = [name for name in ("ca.pem", "constraints.txt") if name in texts]
    return Page(
        url=site.url,
        host=urlsplit(site.url).netloc,
        systems=(
            _windows(shared, certificates, texts, hosts),
            _macos(shared, certificates, hosts),
            _linux(shared, certificates, hosts),
        ),
        files=tuple(
            File(name, tuple(text.splitlines()), "data:application/octet-stream," + quote(text, safe=""))
            for name, text in sorted(texts.items())
        ),
        certificates=tuple(Certificate(name, fingerprint(texts[name])) for name in certificates),
        constraints=site.constraints,
        hosts=tuple(hosts),
    )


def fingerprint(pem: str) -> str:
    """Return the SHA-256 of a certificate as browsers and openssl show it."""
    digest = hashlib.sha256(_der(pem)).hexdigest().upper()
    return ":".join(digest[place : place + 2] for place in range(0, len(digest), 2))


def _der(pem: str) -> bytes:
    body = "".join(line for line in pem.splitlines() if "-----" not in line)
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise AirgapError("The CA of the index is not a certificate in PEM. Correct pip_conf_ca.") from error


def _windows(
    shared: t.Sequence[str], certificates: t.Sequence[str], texts: t.Mapping[str, str], hosts: t.Sequence[str]
) -> System:
    copies = [("pip.ini", "pip"), ("uv.toml", "uv")] + [(name, "airgap") for name in shared]
    folders = sorted({folder for _name, folder in copies})
    steps = [
        "New-Item -Force -ItemType Directory %s | Out-Null"
        % ",".join('"$env:ProgramData\\%s"' % one for one in folders)
    ]
    steps += ['Copy-Item -Force %s "$env:ProgramData\\%s\\"' % one for one in copies]
    steps += ["certutil -addstore -f Root %s" % name for name in certificates]
    known = '"$env:SystemRoot\\System32\\drivers\\etc\\hosts"'
    steps += [
        "if (-not (Select-String -Quiet -SimpleMatch '%s' %s)) { Add-Content %s '%s' }" % (one, known, known, one)
        for one in hosts
    ]
    undo = ['Remove-Item "$env:ProgramData\\%s\\%s"' % (folder, name) for name, folder in copies]
    # Windows names a certificate by its SHA-1.
    thumbs = [hashlib.sha1(_der(texts[name])).hexdigest().upper() for name in certificates]
    undo += ["Remove-Item Cert:\\LocalMachine\\Root\\%s" % thumb for thumb in thumbs]
    places = [(name, r"C:\ProgramData\%s\%s" % (folder, name)) for name, folder in copies]
    places += [(name, "trusted root certificates of the computer") for name in certificates]
    return System("Windows", "PowerShell, as administrator", "; ".join(steps), "; ".join(undo), tuple(places))


def _macos(shared: t.Sequence[str], certificates: t.Sequence[str], hosts: t.Sequence[str]) -> System:
    pip = "/Library/Application Support/pip"
    keychain = "/Library/Keychains/System.keychain"
    trust = ["security add-trusted-cert -d -r trustRoot -k %s %s" % (keychain, name) for name in certificates]
    forget = ["security remove-trusted-cert -d %s" % name for name in certificates]
    places = [("pip.conf", pip + "/pip.conf"), ("uv.toml", "/etc/uv/uv.toml")]
    places += [(name, "/etc/airgap/" + name) for name in shared]
    return _unix(
        "macOS", "Terminal", places, [*trust, *_hosts(hosts)], forget, [(name, keychain) for name in certificates]
    )


def _linux(shared: t.Sequence[str], certificates: t.Sequence[str], hosts: t.Sequence[str]) -> System:
    debian, el = "/usr/local/share/ca-certificates", "/etc/pki/ca-trust/source/anchors"
    names = " ".join(certificates)
    trust, forget = [], []
    if certificates:
        update = "if [ -d %s ]; then %s; update-ca-certificates; else %s; update-ca-trust; fi"
        trust = [update % (debian, "cp %s %s" % (names, debian), "cp %s %s" % (names, el))]
        removals = ["rm -f %s" % " ".join("%s/%s" % (folder, name) for name in certificates) for folder in (debian, el)]
        forget = [update % (debian, *removals)]
    places = [("pip.conf", "/etc/pip.conf"), ("uv.toml", "/etc/uv/uv.toml")] + [
        (name, "/etc/airgap/" + name) for name in shared
    ]
    return _unix(
        "Linux",
        "a shell",
        places,
        trust,
        forget,
        [(name, "certificates that the system trusts") for name in certificates],
    )


def _hosts(lines: t.Sequence[str]) -> t.List[str]:
    return ['grep -qxF "%s" /etc/hosts || echo "%s" >> /etc/hosts' % (one, one) for one in lines]


def _unix(
    name: str,
    shell: str,
    places: t.Sequence[t.Tuple[str, str]],
    trust: t.Sequence[str],
    forget: t.Sequence[str],
    trusted: t.Sequence[t.Tuple[str, str]],
) -> System:
    folders = sorted({place.rpartition("/")[0] for _file, place in places} - {"/etc"})
    steps = ["mkdir -p " + " ".join('"%s"' % one for one in folders)]
    steps += ['cp %s "%s"' % one for one in places]
    undo = ["rm -f " + " ".join('"%s"' % place for _file, place in places), *forget]
    return System(
        name,
        shell,
        "sudo sh -ec '%s'" % "; ".join([*steps, *trust]),
        "sudo sh -ec '%s'" % "; ".join(undo),
        (*places, *trusted),
    )
