"""Typed readers of the environment. A wrong value gives one sentence that names it.

Secrets can be in a file: ``NAME_FILE`` is read if ``NAME`` is not set.
"""

import base64
import ipaddress
import os
import re
import ssl
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from servers import addresses

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
_URL = re.compile(r"https?://[A-Za-z0-9.:\[\]_-]+(/[A-Za-z0-9._~-]+)*")
_CERTIFICATES = re.compile(
    r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----"
)
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")
AES_256_BYTES = 32
# Without the URL itself, which contains a password.
_BAD_DATABASE_URL = (
    "DATABASE_URL must look like postgresql://user:password@host:5432/name. Leave it "
    "unset to use SQLite in the data folder."
)


def read_text(name: str, default: str = "") -> str:
    """Return the text of a variable."""
    return os.environ.get(name, default)


def read_secret(name: str) -> str:
    """Return a secret from ``name``, or from the file in ``name_FILE``, or ""."""
    if name in os.environ:
        return os.environ[name]
    path = os.environ.get(f"{name}_FILE")
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ImproperlyConfigured(
            f"{name}_FILE is set to {path}, which can't be read. Make the file "
            "readable."
        ) from None


def read_path(name: str) -> str:
    """Return a URL path such as ``/fleet``, without a trailing slash."""
    text = os.environ.get(name, "").rstrip("/")
    if text and not _PATH.fullmatch(text):
        raise ImproperlyConfigured(
            f"{name} is {text[:100]!r}; set it to a path such as /fleet, or leave it "
            "unset."
        )
    return text


def read_public_url(name: str) -> str:
    """Return the URL of ServerFleet's root as instances see it, without a final slash.

    It must be https, because a token goes there. Loopback may be http: a first look.
    """
    text = os.environ.get(name, "").strip().rstrip("/")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    host = parts.hostname or ""
    address = addresses.read_address(host) if host else None
    is_local = host == "localhost" or (address and addresses.is_loopback(address))
    is_plain = not (parts.username or parts.password or parts.query or parts.fragment)
    secure = parts.scheme == "https" or (parts.scheme == "http" and is_local)
    if text and not (_URL.fullmatch(text) and host and is_plain and secure):
        raise ImproperlyConfigured(
            f"{name} must be the https:// URL at which instances reach ServerFleet, "
            "such as https://fleet.example.com."
        )
    return text


def read_authority(name: str) -> str:
    """Return the certificates in the PEM file that a variable names, or ""."""
    path = os.environ.get(name)
    if not path:
        return ""
    try:
        text = Path(path).read_text(encoding="ascii")
        ssl.create_default_context(cadata=text)
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        text = ""
    found = _CERTIFICATES.findall(text)
    if not found:
        raise ImproperlyConfigured(
            f"{name} is set to {path}, which is not a readable file of certificates in "
            "PEM."
        )
    # Nothing else of the file leaves this machine.
    return "".join(f"{each}\n" for each in found)


def read_bool(name: str, *, default: bool) -> bool:
    """Return true for 1, true, yes, on, and false for 0, false, no, off."""
    text = os.environ.get(name)
    if text is None:
        return default
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name} is {text!r}; set it to true or false.")


def read_int(name: str, default: int, *, least: int = 0) -> int:
    """Return a whole number of at least ``least``."""
    return int(_read_number(name, default, least, int))


def read_float(name: str, default: float, *, least: float = 0.0) -> float:
    """Return a number of at least ``least``."""
    return float(_read_number(name, default, least, float))


def _read_number(
    name: str, default: float, least: float, kind: type[int] | type[float]
) -> float:
    text = os.environ.get(name)
    if text is None or text == "":
        return default
    try:
        number = kind(text)
    except ValueError:
        number = None
    if number is None or not least <= number < 1e12:
        raise ImproperlyConfigured(
            f"{name} is {text!r}; set it to a number of at least {least}."
        )
    return number


def read_list(name: str, default: list[str] | None = None) -> list[str]:
    """Return the parts of a comma-separated list."""
    text = os.environ.get(name)
    if text is None:
        return list(default or [])
    return [part.strip() for part in text.split(",") if part.strip()]


def read_allowed(name: str) -> addresses.Allowed:
    """Return the private addresses that a variable allows: all, some or none."""
    text = os.environ.get(name, "")
    try:
        return addresses.parse_allowed(text)
    except ValueError:
        raise ImproperlyConfigured(
            f"{name} is {text[:200]!r}; set it to 1, or to hosts and networks such as "
            "localstack,10.0.0.0/8, separated by commas."
        ) from None


def read_networks(name: str) -> tuple[str, ...]:
    """Return the addresses and networks of a comma-separated list."""
    found = []
    for part in read_list(name):
        try:
            found.append(str(ipaddress.ip_network(part, strict=False)))
        except ValueError:
            raise ImproperlyConfigured(
                f"{name} contains {part[:100]!r}; set it to addresses and networks "
                "such as 203.0.113.7,10.0.0.0/8, separated by commas."
            ) from None
    return tuple(found)


def parse_keys(text: str, *, source: str) -> dict[str, bytes]:
    """Return encryption keys from ``id:base64`` parts; the first one encrypts."""
    keys: dict[str, bytes] = {}
    message = (
        f"{source} must contain keys as id:base64 of 32 random bytes, separated by "
        "commas."
    )
    for part in text.replace("\n", ",").split(","):
        if not part.strip():
            continue
        key_id, _, encoded = part.strip().partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except ValueError:  # not base64, or not even ASCII
            key = b""
        if not _KEY_ID.fullmatch(key_id) or len(key) != AES_256_BYTES:
            raise ImproperlyConfigured(message)
        if key_id in keys:
            # One of the two could no longer decrypt what it encrypted.
            raise ImproperlyConfigured(
                f"{source} contains the key id {key_id} twice. Give each key its own "
                "id."
            )
        keys[key_id] = key
    if not keys:
        raise ImproperlyConfigured(message)
    return keys


def parse_database_url(url: str) -> dict[str, object]:
    """Return Django's database settings for a ``postgresql://`` URL."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ImproperlyConfigured(_BAD_DATABASE_URL) from None
    name = unquote(parts.path.lstrip("/"))
    if parts.scheme not in {"postgres", "postgresql"} or not name:
        raise ImproperlyConfigured(_BAD_DATABASE_URL)
    options = dict(parse_qsl(parts.query))
    # libpq takes a socket folder here, since a URL's host can't contain one.
    host = options.pop("host", "") or unquote(parts.hostname or "")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(port or ""),
        "OPTIONS": options,
    }
