"""The key that names an attempt at a cloud and ties its instance to a server.

``<fleet>-<server id, 32 hex digits>-<attempt number>-<4 random characters>``, in
``[a-z][a-z0-9-]*``, at most 63 characters. So it fits a DNS label, and every cloud
accepts it as a name, a label or a tag. After a restored backup, an attempt number may
be used a second time. The random end then makes a different key, so the database does
not confuse the two.
"""

import re
import secrets
import string
from dataclasses import dataclass
from uuid import UUID

MAX_KEY_LENGTH = 63
MAX_FLEET_LENGTH = 16
NONCE_LENGTH = 4

_NONCE_ALPHABET = string.ascii_lowercase + string.digits
_FLEET = re.compile(rf"[a-z](?:[a-z0-9-]{{0,{MAX_FLEET_LENGTH - 2}}}[a-z0-9])?")
# A fleet's id may contain hyphens. So the parts are read from the right, and the rest
# is the fleet's id, compared as a whole (ci is not ci-prod).
_KEY = re.compile(
    r"(?P<fleet>[a-z][a-z0-9-]*)"
    r"-(?P<server>[0-9a-f]{32})"
    r"-(?P<number>[1-9][0-9]{0,7})"
    r"-(?P<nonce>[a-z0-9]{4})"
)


@dataclass(frozen=True, slots=True)
class Key:
    """A parsed key."""

    fleet: str
    server_id: UUID
    number: int
    nonce: str

    def __str__(self) -> str:
        return f"{self.fleet}-{self.server_id.hex}-{self.number}-{self.nonce}"


def is_fleet_id(text: str) -> bool:
    """Tell whether ``text`` is a valid fleet id (1 to 16 characters)."""
    return _FLEET.fullmatch(text) is not None


def make_nonce() -> str:
    """Return four random characters of ``[a-z0-9]``."""
    return "".join(secrets.choice(_NONCE_ALPHABET) for _ in range(NONCE_LENGTH))


def make_key(fleet: str, server_id: UUID, number: int) -> Key:
    """Return a new key for attempt ``number`` (1 or more) of a server."""
    return Key(fleet=fleet, server_id=server_id, number=number, nonce=make_nonce())


def parse_key(text: str) -> Key | None:
    """Return the key in ``text``, or None if it is not one of ours.

    The caller must compare the fleet.
    """
    if len(text) > MAX_KEY_LENGTH:
        return None
    match = _KEY.fullmatch(text)
    if match is None or not is_fleet_id(match["fleet"]):
        return None
    return Key(
        fleet=match["fleet"],
        server_id=UUID(hex=match["server"]),
        number=int(match["number"]),
        nonce=match["nonce"],
    )
