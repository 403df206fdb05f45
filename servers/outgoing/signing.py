"""RSA keys that people paste, and the assertions that they sign (RFC 7519, RS256)."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key


def read_rsa_key(pem: str) -> rsa.RSAPrivateKey | None:
    """Return the private key in a PEM text without a password, or None."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, rsa.RSAPrivateKey) else None


def sign_assertion(
    key: rsa.RSAPrivateKey, claims: Mapping[str, Any], **header: str
) -> str:
    """Return a signed JSON Web Token. ``header`` is added to its algorithm."""
    parts = ({"alg": "RS256", "typ": "JWT", **header}, claims)
    signed = ".".join(_encode(json.dumps(part).encode()) for part in parts)
    signature = key.sign(signed.encode(), padding.PKCS1v15(), SHA256())
    return f"{signed}.{_encode(signature)}"


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
