"""A server's certificates: what strict clients and OpenSSL itself say to them."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from servers.machine.certificates import Keys, issue_keys, name_server

pytestmark = pytest.mark.pure

T = TypeVar("T", bound=x509.ExtensionType)
NOW: Final = datetime.now(UTC)
NAME: Final = name_server(UUID(int=7))


@pytest.fixture(scope="module")
def keys() -> Keys:
    return issue_keys(NAME, now=NOW, days=30)


@pytest.fixture(scope="module")
def folder(keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("keys")
    other = issue_keys(NAME, now=NOW, days=30)
    (made / "ca.pem").write_text(keys.ca_cert)
    (made / "daemon.pem").write_text(keys.daemon_cert)
    (made / "client.pem").write_text(keys.client_cert)
    (made / "other.pem").write_text(other.ca_cert)
    return made


def test_openssl_accepts_each_certificate_for_its_purpose_alone(folder: Path) -> None:
    if not shutil.which("openssl"):
        pytest.skip("there is no openssl")
    assert _verify(folder, "daemon", "sslserver", "-verify_hostname", NAME)
    assert _verify(folder, "daemon", "sslserver", "-verify_hostname", "localhost")
    assert _verify(folder, "client", "sslclient")
    assert not _verify(folder, "daemon", "sslserver", "-verify_hostname", "a.example")
    assert not _verify(folder, "daemon", "sslclient")
    assert not _verify(folder, "client", "sslserver")
    assert not _verify(folder, "daemon", "sslserver", authority="other")
    # A leaf can't issue anything.
    assert not _verify(folder, "client", "sslclient", authority="daemon")
    late = str(int((NOW + timedelta(days=31)).timestamp()))
    early = str(int((NOW - timedelta(hours=2)).timestamp()))
    for time in (late, early):
        assert not _verify(folder, "client", "sslclient", "-attime", time)


def _verify(
    folder: Path, name: str, purpose: str, *more: str, authority: str = "ca"
) -> bool:
    words = ("openssl", "verify", "-x509_strict", "-no-CApath", "-purpose", purpose)
    trusted, leaf = str(folder / f"{authority}.pem"), str(folder / f"{name}.pem")
    files = ("-CAfile", trusted, *more, leaf)
    done = subprocess.run([*words, *files], capture_output=True)
    return done.returncode == 0


def test_each_certificate_says_what_it_is_for(keys: Keys) -> None:
    authority, daemon, client = map(
        x509.load_pem_x509_certificate,
        map(str.encode, (keys.ca_cert, keys.daemon_cert, keys.client_cert)),
    )
    basics = _find(authority, x509.BasicConstraints)
    assert (basics.ca, basics.path_length) == (True, 0)
    assert _find(authority, x509.KeyUsage).key_cert_sign
    assert not _find(authority, x509.KeyUsage).digital_signature
    for leaf in (daemon, client):
        assert not _find(leaf, x509.BasicConstraints).ca
        assert _find(leaf, x509.KeyUsage).digital_signature
        assert not _find(leaf, x509.KeyUsage).key_cert_sign
        leaf.verify_directly_issued_by(authority)
    names = _find(daemon, x509.SubjectAlternativeName)
    assert names.get_values_for_type(x509.DNSName) == [NAME, "localhost"]
    assert names.get_values_for_type(x509.IPAddress) == []
    serials = {each.serial_number for each in (authority, daemon, client)}
    assert len(serials) == 3
    for each in (authority, daemon, client):
        assert isinstance(each.public_key(), ec.EllipticCurvePublicKey)
        assert each.not_valid_before_utc <= NOW - timedelta(minutes=30)
        assert each.not_valid_after_utc == keys.until


def test_each_key_is_of_its_certificate_and_of_no_other(keys: Keys) -> None:
    pairs = (
        (keys.ca_key, keys.ca_cert),
        (keys.daemon_key, keys.daemon_cert),
        (keys.client_key, keys.client_cert),
    )
    seen = set()
    for key, certificate in pairs:
        private = load_pem_private_key(key.encode(), None)
        public = x509.load_pem_x509_certificate(certificate.encode()).public_key()
        assert isinstance(private, ec.EllipticCurvePrivateKey)
        assert isinstance(public, ec.EllipticCurvePublicKey)
        assert private.public_key() == public
        assert isinstance(private.curve, ec.SECP256R1)
        seen.add(key)
    assert len(seen) == 3


def _find(certificate: x509.Certificate, kind: type[T]) -> T:
    return certificate.extensions.get_extension_for_class(kind).value
