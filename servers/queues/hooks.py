"""How CI systems sign what they send when a job is queued.

A hook only hastens the next read of its queue. So nothing of its body is read: all that
matters is who sent it, and whether it came before.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final

# Of a time that was signed: older ones are replays.
MAX_AGE: Final = 300.0
_PARAMETER: Final = re.compile(r'([a-zA-Z]{1,20})="([^"]{0,500})"')
_BUILDKITE: Final = re.compile(r"timestamp=([0-9]{1,12}),signature=([0-9a-f]{64})")
WHSEC: Final = "whsec_"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request. ``now`` is Unix seconds, and names of headers are in lower case."""

    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    now: float

    def read(self, name: str) -> str:
        """Return a header, "" if there is none."""
        return self.headers.get(name, "")


def make_secret() -> str:
    """Return a new secret."""
    return secrets.token_urlsafe(32)


def make_whsec() -> str:
    """Return a new secret in the form of Standard Webhooks: 32 bytes in base64."""
    return WHSEC + base64.b64encode(secrets.token_bytes(32)).decode()


@dataclass(frozen=True, slots=True)
class HookScheme:
    """How a kind of queue signs its hooks.

    ``verify(delivery, secret)`` returns what identifies a delivery that whoever knows
    the secret has sent, and "" for all others. It compares in constant time. A repeated
    delivery has the same id, and nobody without the secret can make another id for it.
    ``setup`` tells people where to enter the secret.
    """

    verify: Callable[[Delivery, str], str]
    setup: str
    # None if the CI makes the secret itself.
    make_secret: Callable[[], str] | None = make_secret


def sign_by(header: str, prefix: str = "") -> Callable[[Delivery, str], str]:
    """Return what verifies the HMAC of the body, in hexadecimal, in a header.

    Its id is the signature, and not the CI's own id of the delivery: that is not
    signed, so whoever repeats a delivery could change it.
    """

    def verify(delivery: Delivery, secret: str) -> str:
        mac = hmac.new(secret.encode(), delivery.body, hashlib.sha256).hexdigest()
        given = delivery.read(header).encode(errors="replace")
        return mac if hmac.compare_digest(given, f"{prefix}{mac}".encode()) else ""

    return verify


def verify_gitlab(delivery: Delivery, secret: str) -> str:
    """Verify GitLab's signature, or its token if it sends no signature.

    A token is sent as it is. So whoever sees one delivery can send others, which only
    TLS prevents: newer versions of GitLab should sign.
    """
    if signature := delivery.read("webhook-signature"):
        return _verify_standard(delivery, secret, signature)
    given = delivery.read("x-gitlab-token").encode(errors="replace")
    if not hmac.compare_digest(given, secret.encode()):
        return ""
    names = ("idempotency-key", "x-gitlab-event-uuid")
    said = next(filter(None, map(delivery.read, names)), "")
    return _digest(said.encode(errors="replace"), delivery.body)


def _verify_standard(delivery: Delivery, secret: str, signature: str) -> str:
    """Verify a signature of Standard Webhooks: of the id, the time and the body."""
    number, at = (delivery.read(f"webhook-{name}") for name in ("id", "timestamp"))
    try:
        key = base64.b64decode(secret.removeprefix(WHSEC), validate=True)
    except (binascii.Error, ValueError):
        return ""
    signed = f"{number}.{at}.".encode(errors="replace") + delivery.body
    mac = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    # Several, while a secret is replaced by another.
    given = [each.encode(errors="replace") for each in signature.split(" ")[:10]]
    fits = [hmac.compare_digest(each, b"v1," + mac) for each in given]
    fresh = re.fullmatch(r"[0-9]{1,12}", at) and _is_fresh(delivery, float(at))
    return _digest(number.encode(errors="replace")) if any(fits) and fresh else ""


def verify_drone(delivery: Delivery, secret: str) -> str:
    """Verify Drone's HTTP signature: of the date and the digest of the body.

    Source: drone/drone, plugin/webhook, and draft-cavage-http-signatures.
    """
    found = dict(_PARAMETER.findall(delivery.read("signature")))
    names = found.get("headers", "").split()
    text = "\n".join(f"{name}: {delivery.read(name)}" for name in names)
    key, data = secret.encode(), text.encode(errors="replace")
    mac = base64.b64encode(hmac.new(key, data, hashlib.sha256).digest())
    body = base64.b64encode(hashlib.sha256(delivery.body).digest()).decode()
    given = found.get("signature", "").encode(errors="replace")
    is_right = (
        hmac.compare_digest(given, mac)
        and found.get("algorithm") == "hmac-sha256"
        and {"date", "digest"} <= set(names)
        and hmac.compare_digest(
            delivery.read("digest").encode(errors="replace"),
            f"SHA-256={body}".encode(),
        )
    )
    try:
        at = parsedate_to_datetime(delivery.read("date")).timestamp()
    except (ValueError, OverflowError):
        return ""
    return _digest(mac) if is_right and _is_fresh(delivery, at) else ""


def verify_buildkite(delivery: Delivery, secret: str) -> str:
    """Verify Buildkite's signature: of the time and the body.

    Source: Buildkite's documentation, "Webhooks", Webhook signature.
    """
    found = _BUILDKITE.fullmatch(delivery.read("x-buildkite-signature"))
    at, given = found.groups() if found else ("0", "")
    signed = f"{at}.".encode() + delivery.body
    mac = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    is_right = hmac.compare_digest(given.encode(), mac.encode())
    return mac if is_right and _is_fresh(delivery, float(at)) else ""


def _is_fresh(delivery: Delivery, at: float) -> bool:
    return abs(delivery.now - at) <= MAX_AGE


def _digest(*parts: bytes) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(len(part).to_bytes(8, "big") + part)
    return found.hexdigest()


BUILDKITE: Final = HookScheme(
    verify_buildkite,
    "Under Settings, Notification Services, add a webhook with the URL, for the event "
    "job.scheduled. Have its token sent as a signature, and send that token to "
    "ServerFleet as the secret.",
    None,
)
DRONE: Final = HookScheme(
    verify_drone,
    "Set DRONE_WEBHOOK_ENDPOINT to the URL and DRONE_WEBHOOK_SECRET to the secret on "
    "your Drone server, and DRONE_WEBHOOK_EVENTS to build:created,build:updated.",
)
GITHUB: Final = HookScheme(
    sign_by("x-hub-signature-256", "sha256="),
    "Under Settings, Webhooks of the organization or the repositories, add a webhook "
    "with the URL and the secret, the content type application/json, and only the "
    "event Workflow jobs.",
)
GITEA: Final = HookScheme(
    sign_by("x-gitea-signature"),
    "Under Settings, Webhooks of the organization or the repositories, add a webhook "
    "of the type Gitea with the URL and the secret, for the event Workflow Job.",
)
FORGEJO: Final = HookScheme(
    sign_by("x-forgejo-signature"),
    "Under Settings, Webhooks of the organization or the repositories, add a webhook "
    "of the type Forgejo with the URL and the secret, for the events that start your "
    "workflows, such as Push and Pull request.",
)
GITLAB: Final = HookScheme(
    verify_gitlab,
    "Under Settings, Webhooks of the group or the projects, add a webhook with the "
    "URL, for Job events. Enter the secret as its signing token or, if your version "
    "has none, as its secret token. If GitLab makes the signing token itself, send it "
    "to ServerFleet as the secret.",
    make_whsec,
)
