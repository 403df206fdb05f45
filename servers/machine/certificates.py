"""The certificates of one server: its own authority, its daemon, and its clients.

Each server has an authority of its own, which signs two certificates and nothing else:
one for the Docker daemon on its instance and one for whoever connects to it. So a
daemon accepts only clients of its own server, and a client that trusts this authority
accepts only this daemon.

The address of an instance is unknown when its user data is written. So the daemon's
certificate names the server by a stable name, and ServerFleet checks that name whatever
the address is. It names ``localhost`` as well, which is what a client sees that
connects through a tunnel. That is no weaker: no other daemon has a certificate of this
authority.

The extensions are those of RFC 5280, complete enough for clients that check strictly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# A new instance's clock may be behind until it has asked a time server.
BACKDATED: Final = timedelta(hours=1)
_LOCAL: Final = "localhost"

Pair = tuple[ec.EllipticCurvePrivateKey, x509.Certificate]


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys and certificates of one server, as PEM. They expire at ``until``."""

    ca_key: str = field(repr=False)
    ca_cert: str
    daemon_key: str = field(repr=False)
    daemon_cert: str
    client_key: str = field(repr=False)
    client_cert: str
    until: datetime


def name_server(server_id: UUID) -> str:
    """Return the name in the certificate of a server's daemon. It never changes."""
    return f"{server_id.hex}.serverfleet.internal"


def issue_keys(name: str, *, now: datetime, days: float) -> Keys:
    """Return new keys for the server with this stable name, valid for ``days``."""
    begins = now.replace(microsecond=0) - BACKDATED
    until = now.replace(microsecond=0) + timedelta(days=days)
    authority = _issue_authority(name, begins=begins, until=until)
    names = [x509.DNSName(name), x509.DNSName(_LOCAL)]
    daemon = _issue_leaf(name, authority, names=names)
    client = _issue_leaf("client", authority)
    return Keys(
        *_to_pem(authority),
        *_to_pem(daemon),
        *_to_pem(client),
        until=until,
    )


def _issue_authority(name: str, *, begins: datetime, until: datetime) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _make_subject(f"CA {name}")
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        _begin(key, subject=subject, issuer=subject, begins=begins, until=until)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_use(signs_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
    )
    return key, builder.sign(key, hashes.SHA256())


def _issue_leaf(
    name: str, authority: Pair, *, names: Sequence[x509.GeneralName] = ()
) -> Pair:
    """Issue the daemon's certificate, for ``names``, or without names a client's."""
    signer, issuer = authority
    key = ec.generate_private_key(ec.SECP256R1())
    own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    usage = (
        ExtendedKeyUsageOID.SERVER_AUTH if names else ExtendedKeyUsageOID.CLIENT_AUTH
    )
    builder = (
        _begin(
            key,
            subject=_make_subject(name),
            issuer=issuer.subject,
            begins=issuer.not_valid_before_utc,
            until=issuer.not_valid_after_utc,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_use(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own),
            critical=False,
        )
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName(names), critical=False
        )
    return key, builder.sign(signer, hashes.SHA256())


def _begin(
    key: ec.EllipticCurvePrivateKey,
    *,
    subject: x509.Name,
    issuer: x509.Name,
    begins: datetime,
    until: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(until)
    )


def _make_subject(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "ServerFleet"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _use(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _to_pem(pair: Pair) -> tuple[str, str]:
    key, certificate = pair
    return (
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        certificate.public_bytes(Encoding.PEM).decode(),
    )
