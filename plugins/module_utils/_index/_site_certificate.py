# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate of the front: that of a small CA of the site, or a given one.

The module front_service writes this file next to the front's environment, whose Python has cryptography, and runs it;
a timer runs it every day. It imports nothing of this collection.

    site_certificate.py FOLDER [--check]

FOLDER/certificate.json has the names, or the paths of a given certificate. It prints what it did, or with --check would do,
as JSON.
"""

from __future__ import annotations

import argparse
import datetime
import ipaddress
import json
import os
import sys
import tempfile
import typing as t

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError:
    # The module itself runs under an interpreter without it, and only reads this file.
    x509 = None  # type: ignore[assignment]

# Certificates begin this many days before they are made, so that they are valid where a clock is behind.
BACKDATED = 400
# How many days a server's certificate is valid from the day on which it is made; with BACKDATED fewer than the 825 that
# some clients allow.
DAYS = 398
# A server's certificate with fewer days left is renewed.
RENEWED = 130
# The same for the certificate of the CA. It is renewed with the same key and name, so that a host with the former one
# accepts certificates of the new one.
CA_DAYS = 3650
CA_RENEWED = 2 * DAYS

CONFIG, CA_KEY, CA, SERVER = "certificate.json", "ca.key", "ca.pem", "server.pem"


class CertificateError(Exception):
    """Why there is no valid certificate, and the fix."""


class Settings(t.NamedTuple):
    """What certificate.json has: the names for the site's CA, or the paths of a given certificate."""

    names: t.Tuple[str, ...] = ()
    certificate: str = ""
    key: str = ""
    ca_certificate: str = ""


class Change(t.NamedTuple):
    """A file to write, and why."""

    name: str
    mode: int
    data: bytes
    reason: str


def read_settings(folder: str) -> Settings:
    """Return what certificate.json of a folder has."""
    with open(os.path.join(folder, CONFIG), encoding="utf-8") as stream:
        found = json.load(stream)
    return Settings(
        tuple(found.get("names", ())),
        found.get("certificate", ""),
        found.get("key", ""),
        found.get("ca_certificate", ""),
    )


def read(path: str) -> bytes:
    """Return a file, b"" if it does not exist."""
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        return b""


def write(path: str, data: bytes, mode: int) -> None:
    """Write a file aside, and rename it; the folder gives it its group."""
    folder = os.path.dirname(path)
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".tmp-airgap-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def load_key(data: bytes) -> t.Optional[t.Any]:
    """Return the first private key in a PEM text, None if it has none that can be read."""
    try:
        return serialization.load_pem_private_key(data, None)
    except (ValueError, TypeError):
        return None


def load_certificate(data: bytes) -> t.Optional[x509.Certificate]:
    """Return the first certificate in a PEM text, None if it has none that can be read."""
    start = data.find(b"-----BEGIN CERTIFICATE-----")
    try:
        return x509.load_pem_x509_certificate(data[start:]) if start >= 0 else None
    except ValueError:
        return None


def to_pem(thing: t.Any) -> bytes:
    """Return a certificate or a private key as PEM."""
    if isinstance(thing, x509.Certificate):
        return thing.public_bytes(serialization.Encoding.PEM)
    return bytes(
        thing.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def is_of(certificate: x509.Certificate, key: t.Any) -> bool:
    """Return whether a certificate is that of a private key."""
    return bool(certificate.public_key() == key.public_key())


def is_issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Return whether a certificate was signed with the key of an authority."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def days_left(certificate: x509.Certificate, now: datetime.datetime) -> int:
    """Return how many whole days a certificate is still valid; below 0 if it has ended."""
    return (certificate.not_valid_after_utc - now).days


def names_of(certificate: x509.Certificate) -> t.Set[str]:
    """Return the DNS names and addresses that a certificate is for."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    addresses = {str(one) for one in found.get_values_for_type(x509.IPAddress)}
    return set(found.get_values_for_type(x509.DNSName)) | addresses


def general_name(name: str) -> x509.GeneralName:
    """Return a name as a certificate has it: an address, or a DNS name."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def issue(
    subject: str,
    public_key: t.Any,
    issuer: t.Optional[x509.Certificate],
    key: t.Any,
    last: datetime.datetime,
    now: datetime.datetime,
    names: t.Sequence[str] = (),
) -> x509.Certificate:
    """Return a certificate, signed with ``key``: of the server with ``names``, or of the CA itself (RFC 5280)."""
    # X.520 allows 64 characters.
    own_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject[:64])])
    own_id = x509.SubjectKeyIdentifier.from_public_key(public_key)
    builder = (
        x509.CertificateBuilder()
        .subject_name(own_name)
        .issuer_name(issuer.subject if issuer else own_name)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=BACKDATED))
        .not_valid_after(last)
        .add_extension(x509.BasicConstraints(ca=not issuer, path_length=None if issuer else 0), critical=True)
        .add_extension(own_id, critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=bool(issuer),
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=not issuer,
                crl_sign=not issuer,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if issuer:
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
        builder = (
            builder.add_extension(authority, critical=False)
            .add_extension(x509.SubjectAlternativeName([general_name(one) for one in names]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        )
    return builder.sign(key, hashes.SHA256())


def why_new_ca(found: t.Optional[x509.Certificate], key: t.Any, now: datetime.datetime) -> str:
    """Return why the CA needs a new certificate, or ""."""
    if found is None:
        return "there is none"
    if not is_of(found, key):
        return "it is not that of %s" % CA_KEY
    if found.not_valid_before_utc > now:
        return "it begins in the future"
    left = days_left(found, now)
    return "it ends in %d days" % left if left < CA_RENEWED else ""


def why_new_server(data: bytes, authority: x509.Certificate, names: t.Set[str], now: datetime.datetime) -> str:
    """Return why the server needs a new certificate, or ""."""
    found, key = load_certificate(data), load_key(data)
    if found is None or key is None:
        return "there is none"
    if not is_of(found, key) or not is_issued_by(found, authority):
        return "it is not of this CA"
    if names_of(found) != names:
        return "its names are %s" % ", ".join(sorted(names_of(found)))
    if found.not_valid_before_utc > now:
        return "it begins in the future"
    left = days_left(found, now)
    return "it ended" if left < 0 else "it ends in %d days" % left if left < RENEWED else ""


def plan_issued(settings: Settings, folder: str, now: datetime.datetime) -> t.List[Change]:
    """Return the files to write for a certificate of the site's own CA."""
    changes = []
    data = read(os.path.join(folder, CA_KEY))
    ca_key = load_key(data)
    if ca_key is None:
        if data:
            raise CertificateError(
                "%s is not a private key in PEM. Restore it from a backup; or move it away, and a new CA is made, whose "
                "certificate the nodes get with the next run." % os.path.join(folder, CA_KEY)
            )
        ca_key = ec.generate_private_key(ec.SECP256R1())
        changes.append(Change(CA_KEY, 0o600, to_pem(ca_key), "there is none"))
    authority = load_certificate(read(os.path.join(folder, CA)))
    reason = why_new_ca(authority, ca_key, now)
    if reason or authority is None:
        last = now + datetime.timedelta(days=CA_DAYS)
        name = "CA of the Python index on %s" % settings.names[0]
        if authority is not None and is_of(authority, ca_key):
            # The name stays, so that certificates that were issued under it are still accepted.
            name = str(authority.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
        authority = issue(name, ca_key.public_key(), None, ca_key, last, now)
        changes.append(Change(CA, 0o644, to_pem(authority), reason))
    names = {str(general_name(one).value) for one in settings.names}
    reason = why_new_server(read(os.path.join(folder, SERVER)), authority, names, now)
    if reason:
        key = ec.generate_private_key(ec.SECP256R1())
        last = now + datetime.timedelta(days=DAYS)
        found = issue(settings.names[0], key.public_key(), authority, ca_key, last, now, settings.names)
        # One file, so that a rename replaces both at once.
        changes.append(Change(SERVER, 0o640, to_pem(key) + to_pem(found), reason))
    return changes


def plan_given(settings: Settings, folder: str, now: datetime.datetime) -> t.List[Change]:
    """Return the files to write for a given certificate; raises CertificateError if it cannot be used."""
    chain, key = read(settings.certificate), read(settings.key)
    found, own = load_certificate(chain), load_key(key)
    for path, thing, kind in (
        (settings.certificate, found, "certificate"),
        (settings.key, own, "private key without a passphrase"),
    ):
        if thing is None:
            raise CertificateError(
                "%s is not a %s in PEM, or does not exist. Place it there on the index host, or set front_certificate and "
                "front_certificate_key." % (path, kind)
            )
    if found is None or not is_of(found, own):
        raise CertificateError(
            "%s is not the certificate of the key %s. Give the two that belong together."
            % (settings.certificate, settings.key)
        )
    if found.not_valid_after_utc <= now or found.not_valid_before_utc > now:
        raise CertificateError(
            "The certificate %s is valid from %s to %s, and now it is %s. Replace it, or set this host's clock."
            % (
                settings.certificate,
                found.not_valid_before_utc.isoformat(),
                found.not_valid_after_utc.isoformat(),
                now.replace(microsecond=0).isoformat(),
            )
        )
    wanted = {SERVER: (0o640, key.strip() + b"\n" + chain)}
    if settings.ca_certificate:
        authority = read(settings.ca_certificate)
        if load_certificate(authority) is None:
            raise CertificateError(
                "%s is not a certificate in PEM, or does not exist. Set front_ca_certificate to the certificate of the CA on "
                "the index host." % settings.ca_certificate
            )
        wanted[CA] = (0o644, authority)
    return [
        Change(name, mode, data, "the given one is another")
        for name, (mode, data) in wanted.items()
        if read(os.path.join(folder, name)) != data
    ]


def run(folder: str, is_check: bool, now: datetime.datetime) -> t.Dict[str, t.Any]:
    """Write what has to be written; return what that is, and when the server's certificate ends."""
    settings = read_settings(folder)
    changes = (plan_given if settings.certificate else plan_issued)(settings, folder, now)
    server = read(os.path.join(folder, SERVER))
    for change in changes:
        server = change.data if change.name == SERVER else server
        if not is_check:
            write(os.path.join(folder, change.name), change.data, change.mode)
    found = load_certificate(server)
    return {
        "changes": ["%s: %s" % (change.name, change.reason) for change in changes],
        "ends": found.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ") if found else "",
    }


def main(argv: t.Sequence[str]) -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(description="Renew the certificate of the front.")
    parser.add_argument("folder")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args(argv)
    try:
        result = run(arguments.folder, arguments.check, datetime.datetime.now(datetime.timezone.utc))
    except (CertificateError, OSError) as error:
        result = {"error": str(error)}
    sys.stdout.write(json.dumps(result) + "\n")
    return 1 if "error" in result else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
