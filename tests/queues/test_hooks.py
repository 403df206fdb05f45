"""Signatures of hooks: what each CI sends, and what nobody else can."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate

import pytest

from servers.queues.hooks import Delivery
from servers.queues.registry import describe_queue_kind, list_queue_kinds

pytestmark = pytest.mark.pure

NOW = 1_800_000_000.0
BODY = json.dumps({"action": "queued", "workflow_job": {"id": 7}}).encode()


def sign(secret: bytes, text: bytes) -> hmac.HMAC:
    return hmac.new(secret, text, hashlib.sha256)


def send_github(secret: str, body: bytes = BODY, now: float = NOW) -> Delivery:
    mac = sign(secret.encode(), body).hexdigest()
    return Delivery(
        {"x-hub-signature-256": f"sha256={mac}", "x-github-delivery": "72d3162e"},
        body,
        now,
    )


def send_forge(header: str) -> Callable[..., Delivery]:
    def send(secret: str, body: bytes = BODY, now: float = NOW) -> Delivery:
        mac = sign(secret.encode(), body).hexdigest()
        return Delivery({header: mac}, body, now)

    return send


def send_gitlab(secret: str, body: bytes = BODY, now: float = NOW) -> Delivery:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"e9c0.{NOW:.0f}.".encode() + body
    mac = base64.b64encode(sign(key, signed).digest()).decode()
    return Delivery(
        {
            "webhook-id": "e9c0",
            "webhook-timestamp": f"{NOW:.0f}",
            "webhook-signature": f"v1,AAAA v1,{mac}",
        },
        body,
        now,
    )


def send_drone(secret: str, body: bytes = BODY, now: float = NOW) -> Delivery:
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    signed = {"date": formatdate(NOW, usegmt=True), "digest": f"SHA-256={digest}"}
    text = "\n".join(f"{name}: {value}" for name, value in signed.items())
    mac = base64.b64encode(sign(secret.encode(), text.encode()).digest()).decode()
    given = (
        'keyId="hmac-key",algorithm="hmac-sha256",headers="date digest",'
        f'signature="{mac}"'
    )
    return Delivery({**signed, "signature": given}, body, now)


def send_buildkite(secret: str, body: bytes = BODY, now: float = NOW) -> Delivery:
    mac = sign(secret.encode(), f"{NOW:.0f}.".encode() + body).hexdigest()
    given = f"timestamp={NOW:.0f},signature={mac}"
    return Delivery({"x-buildkite-signature": given}, body, now)


SENDERS: dict[str, Callable[..., Delivery]] = {
    "buildkite": send_buildkite,
    "drone": send_drone,
    "forgejo": send_forge("x-forgejo-signature"),
    "gitea": send_forge("x-gitea-signature"),
    "github": send_github,
    "gitlab": send_gitlab,
}
TIMED = ("buildkite", "drone", "gitlab")


def verify(kind: str, delivery: Delivery, secret: str) -> str:
    scheme = describe_queue_kind(kind).hook
    assert scheme is not None
    return scheme.verify(delivery, secret)


def make_secret(kind: str) -> str:
    scheme = describe_queue_kind(kind).hook
    assert scheme is not None
    return (scheme.make_secret or secrets.token_hex)()


def test_each_kind_that_sends_hooks_is_tested_here() -> None:
    kinds = {kind.name for kind in list_queue_kinds() if kind.hook}
    assert kinds == set(SENDERS)


@pytest.mark.parametrize("kind", SENDERS)
def test_a_signature_is_known_and_a_repeated_one_has_the_same_id(kind: str) -> None:
    secret = make_secret(kind)
    found = verify(kind, SENDERS[kind](secret), secret)
    assert len(found) == 64
    assert verify(kind, SENDERS[kind](secret), secret) == found


@pytest.mark.parametrize("kind", SENDERS)
def test_another_secret_another_body_or_no_signature_is_refused(kind: str) -> None:
    secret = make_secret(kind)
    delivery = SENDERS[kind](secret)
    assert verify(kind, delivery, make_secret(kind)) == ""
    assert verify(kind, replace(delivery, body=BODY + b" "), secret) == ""
    assert verify(kind, replace(delivery, headers={}), secret) == ""
    for name, value in delivery.headers.items():
        if "signature" not in name:
            continue
        for wrong in ("", "sha256=", "é" * 64, value[:-2], value.upper(), "v1,", " "):
            headers = {**delivery.headers, name: wrong}
            assert verify(kind, replace(delivery, headers=headers), secret) == ""


@pytest.mark.parametrize("kind", TIMED)
@pytest.mark.parametrize("age", [-301, 301])
def test_a_signed_time_that_is_far_off_is_refused(kind: str, age: float) -> None:
    secret = make_secret(kind)
    assert verify(kind, SENDERS[kind](secret, now=NOW + age), secret) == ""
    assert verify(kind, SENDERS[kind](secret, now=NOW + age * 0.9), secret)


def test_who_repeats_a_delivery_of_github_can_t_make_it_another_one() -> None:
    delivery = send_github("s" * 32)
    headers = {**delivery.headers, "x-github-delivery": "another"}
    again = replace(delivery, headers=headers)
    assert verify("github", again, "s" * 32) == verify("github", delivery, "s" * 32)


def test_gitlab_s_token_counts_if_it_sends_no_signature() -> None:
    secret = make_secret("gitlab")
    headers = {"x-gitlab-token": secret, "idempotency-key": "one"}
    delivery = Delivery(headers, BODY, NOW)
    found = verify("gitlab", delivery, secret)
    assert found
    other = replace(delivery, headers={**headers, "idempotency-key": "two"})
    assert verify("gitlab", other, secret) not in {"", found}
    # A signature that does not fit is not made good by a token.
    both = replace(delivery, headers={**headers, "webhook-signature": "v1,AAAA"})
    assert verify("gitlab", both, secret) == ""
    assert verify("gitlab", delivery, secret + "x") == ""


@pytest.mark.parametrize("changed", ["algorithm", "headers", "digest", "date"])
def test_drone_signs_the_date_and_the_digest_with_one_algorithm(changed: str) -> None:
    delivery = send_drone("s" * 32)
    headers = dict(delivery.headers)
    if changed == "algorithm":
        headers["signature"] = headers["signature"].replace("sha256", "sha1")
    elif changed == "headers":
        headers["signature"] = headers["signature"].replace("date digest", "date")
    else:
        headers[changed] = "x"
    assert verify("drone", replace(delivery, headers=headers), "s" * 32) == ""


def test_secrets_differ_and_gitlab_s_has_the_form_that_it_wants() -> None:
    for kind in SENDERS:
        assert make_secret(kind) != make_secret(kind)
        assert len(make_secret(kind)) >= 43
    secret = make_secret("gitlab")
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
