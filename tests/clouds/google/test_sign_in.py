"""Tokens for Google: where an assertion may go, whose token it is, what is wrong."""

import json
from functools import partial
from typing import Any

import pytest

from servers.clouds.base import CloudConfig
from servers.clouds.google.keys import TOKEN_URL, read_key, sign_assertion
from servers.clouds.google.tokens import explain_refusal
from servers.clouds.registry import open_cloud
from servers.outgoing.errors import (
    CallError,
    ClockError,
    CredentialsError,
    ThrottledError,
    UnreachableError,
)
from servers.outgoing.http import Answer
from servers.outgoing.reply import Reply
from tests.clouds.benches.google import GoogleBench
from tests.clouds.fakes.google_token import make_key_file, private_pem
from tests.clouds.fakes.wire import Response
from tests.clouds.google.signing_in import MACHINE, errors_of, look
from tests.support.threads import at_once

pytestmark = pytest.mark.pure


def key_of(**changes: Any) -> dict[str, str]:
    text = make_key_file(
        "token-one", project="acme", **{"token_uri": TOKEN_URL, **changes}
    )
    return {"service_account_key": text}


@pytest.mark.parametrize(
    ("token_uri", "endpoint", "allowed"),
    [
        (TOKEN_URL, "", True),
        (TOKEN_URL, "https://builds.example.com", True),
        ("https://accounts.google.com/o/oauth2/token", "", True),
        ("https://builds.example.com/token", "https://builds.example.com", True),
        ("https://builds.example.com/token", "", False),
        ("https://evil.example.com/token", "https://builds.example.com", False),
        ("http://oauth2.googleapis.com/token", "", False),
        ("https://oauth2.googleapis.com.example.com/token", "", False),
        ("https://oauth2.googleapis.com@example.com/token", "", False),
        ("https://oauth2.googleapis.com/token?to=https://example.com", "", False),
        ("http://169.254.169.254/token", "", False),
        ("https://builds.example.com:8443/t", "https://builds.example.com", False),
        ("http://builds.example.com/token", "https://builds.example.com", False),
    ],
)
def test_an_assertion_goes_to_google_or_to_the_accounts_own_endpoint_alone(
    token_uri: str, endpoint: str, *, allowed: bool
) -> None:
    said = errors_of(key_of(token_uri=token_uri), endpoint)
    assert (said == "") is allowed
    assert allowed or "is not Google's" in said


def test_a_stored_key_is_checked_again_before_it_signs(bench: GoogleBench) -> None:
    with GoogleBench().run() as elsewhere:
        config = bench.config()
        text = make_key_file(
            "token-one", project="project-one", token_uri=f"{elsewhere.url}/token"
        )
        stored = {**config.credentials, "service_account_key": text}
        moved = CloudConfig("x", config.region, config.endpoint, stored)
        with pytest.raises(CredentialsError, match="is not Google's"):
            look(open_cloud("google", moved))
        assert elsewhere.seen == []
    assert bench.fake.seen == []


@pytest.mark.parametrize(
    ("credentials", "words"),
    [
        ({}, "Service account key is missing."),
        ({"source": "key"}, "Service account key is missing."),
        (MACHINE, ""),
        ({**MACHINE, "project": "acme-builds"}, ""),
        ({**MACHINE, "project": "example.com:acme-builds"}, ""),
        ({**MACHINE, "project": "Acme Builds"}, "such as acme-builds"),
        ({**MACHINE, "project": "../other"}, "such as acme-builds"),
        ({**MACHINE, **key_of()}, "Remove the key"),
        ({"service_account_key": "{}"}, "enter the whole JSON file"),
        ({"service_account_key": "[1]"}, "enter the whole JSON file"),
        ({"service_account_key": "not json"}, "enter the whole JSON file"),
        (key_of(type="authorized_user"), "of type 'authorized_user'"),
        (key_of(type="external_account"), "of type 'external_account'"),
        (key_of(client_email=""), "client_email or private_key is missing"),
        (key_of(private_key=None), "client_email or private_key is missing"),
        (key_of(private_key="PEM"), "private_key can't be read"),
        ({**key_of(), "token": "x"}, "'token' is unknown"),
    ],
)
def test_credentials_are_told_to_be_wrong_when_they_are_entered(
    credentials: dict[str, str], words: str
) -> None:
    said = errors_of(credentials)
    assert words in said
    assert bool(said) is bool(words)
    assert "PRIVATE KEY" not in said


def test_a_token_is_fetched_once_for_all_threads_and_calls(bench: GoogleBench) -> None:
    cloud = bench.open()
    at_once(*[partial(look, cloud)] * 8)
    look(bench.open())
    roles = [each.role for each in bench.fake.seen]
    assert (roles.count("token"), roles.count("list")) == (1, 9)
    # Neither the assertion nor the token is in a URL.
    assert not [each for each in bench.fake.seen if "token-one" in str(each.query)]


@pytest.mark.parametrize(
    ("answer", "wanted", "words"),
    [
        (
            (
                400,
                {
                    "error": "invalid_grant",
                    "error_description": "Invalid JWT Signature.",
                },
            ),
            CredentialsError,
            "Create a new key",
        ),
        (
            (400, {"error": "invalid_grant", "error_description": "account not found"}),
            CredentialsError,
            "no longer exists",
        ),
        (
            (
                400,
                {
                    "error": "invalid_grant",
                    "error_description": "Invalid JWT: Token must be a short-lived "
                    "token (60 minutes) and in a reasonable timeframe. Check your iat "
                    "and exp values in the JWT claim.",
                },
            ),
            ClockError,
            "Set this machine's clock",
        ),
        ((401, {"error": "invalid_client"}), CredentialsError, "Create a new key"),
        (
            (403, {"error": "account_disabled", "error_description": "disabled"}),
            CredentialsError,
            "Enable the service account",
        ),
        ((429, {"error": "rate_limited"}), ThrottledError, "rate_limited"),
        # Nothing was asked of Compute Engine yet.
        ((503, {"error": "internal_failure"}), UnreachableError, "503"),
        ((502, "<html>502</html>"), UnreachableError, "502"),
        ((200, ""), UnreachableError, "without a token"),
        ((200, {"access_token": "a\r\nX: b"}), UnreachableError, "without a token"),
        ((302, None), UnreachableError, "302"),
    ],
)
def test_why_there_is_no_token_is_told_and_nothing_is_created(
    bench: GoogleBench,
    answer: tuple[int, Any],
    wanted: type[CallError],
    words: str,
) -> None:
    status, body = answer
    bench.fake.answer(Response(status, body), role="token")
    with pytest.raises(CallError, match=words) as raised:
        bench.open().create_instance(bench.make_spec(), deadline=10)
    assert type(raised.value) is wanted
    assert {each.role for each in bench.fake.seen} == {"token"}
    assertion = bench.fake.seen[0].body.decode().partition("assertion=")[2]
    assert assertion[:40] not in raised.value.message


def test_a_clock_that_is_wrong_is_told_by_the_answers_date() -> None:
    body = json.dumps({"error": "invalid_grant", "error_description": "Invalid JWT."})
    headers = {"Date": "Wed, 01 Nov 2023 08:00:00 GMT"}
    answer = Answer(400, "", headers, body.encode())
    error = explain_refusal(Reply("Google", answer, json.loads(body)))
    assert type(error) is ClockError
    assert "minutes ahead of the cloud's" in error.message


def test_a_revoked_token_is_told_and_the_key_is_not_at_fault(
    bench: GoogleBench,
) -> None:
    cloud = bench.open()
    look(cloud)
    bench.fake.expired.add("token-one")
    with pytest.raises(CredentialsError, match="ServerFleet fetches a new one"):
        look(cloud)


def test_a_key_that_was_pasted_into_one_line_is_read() -> None:
    text = key_of()["service_account_key"]
    assert "\n" in text
    flat = text.replace("\n", "")
    assert read_key(flat, "").email == "token-one@acme.iam.gserviceaccount.com"


def test_no_key_is_in_a_representation() -> None:
    text = key_of()["service_account_key"]
    key = read_key(text, "")
    assert private_pem()[40:80] not in repr(key)
    assert sign_assertion(key, now=1.0).count(".") == 2
