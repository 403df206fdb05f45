"""What an instance identifies itself by: a token, and a secret of its own.

The token is in the user data, which others may be able to read: whoever sees the
template's instances at the cloud, or a program on the instance. So it works alone only
once. The first report brings a secret that the instance has generated, and from then on
neither of them works without the other. ServerFleet stores only digests.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from typing import Final

_PREFIX: Final = "cb_"
_TOKEN: Final = re.compile(r"cb_[A-Za-z0-9_-]{43}")
_SECRET: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Callback:
    """What an instance needs to call back. ``ca`` is PEM; "": the image's own ones."""

    url: str
    token: str = field(repr=False)
    ca: str = ""


def make_token() -> str:
    """Return a new token."""
    return _PREFIX + secrets.token_urlsafe(32)


def is_token(text: str) -> bool:
    """Tell whether a text can be a token."""
    return _TOKEN.fullmatch(text) is not None


def is_secret(text: str) -> bool:
    """Tell whether a text can be the secret of an instance."""
    return _SECRET.fullmatch(text) is not None


def digest(text: str) -> str:
    """Return what is stored of a token or a secret. Both have 256 random bits."""
    return hashlib.sha256(text.encode()).hexdigest()
