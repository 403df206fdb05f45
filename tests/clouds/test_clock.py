"""A cloud that complains of the time speaks of this machine's clock, not of keys."""

import time
from email.utils import formatdate

import pytest

from servers.clouds.amazon.api import read_answer
from servers.clouds.base import CloudConfig
from servers.clouds.registry import open_cloud
from servers.outgoing.errors import (
    CallError,
    ClockError,
    CredentialsError,
    RefusedError,
)
from servers.outgoing.http import Answer
from tests.clouds.test_amazon import SECRETS, answering, error_of, spec_of

pytestmark = pytest.mark.pure

PLAIN = "AWS was not able to validate the provided access credentials"


def answer_of(status: int, body: str, date: str) -> Answer:
    return Answer(status, "", {"Date": date}, body.encode())


def error_with(code: str, message: str) -> str:
    return error_of(code).replace(f"The words of {code}.", message)


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (400, "RequestExpired", "Timestamp date is 1. Current date is 2."),
        (400, "RequestInTheFuture", "The date is in the future."),
        (403, "RequestTimeTooSkewed", "The difference is too large."),
        (403, "SignatureDoesNotMatch", "Signature expired: 1 is now earlier than 2"),
        (403, "SignatureDoesNotMatch", "Signature not yet current: 1 is later than 2"),
        (403, "InvalidSignatureException", "Signature expired: 1 is before 2"),
        (401, "AuthFailure", "The request's timestamp is too old."),
    ],
)
def test_a_complaint_about_the_time_names_the_clock_and_not_the_credentials(
    status: int, code: str, message: str
) -> None:
    with answering(status, error_with(code, message)) as (url, seen):
        cloud = open_cloud("amazon", CloudConfig("a", "eu-central-1", url, SECRETS))
        with pytest.raises(ClockError, match="Set this machine's clock") as raised:
            cloud.create_instance(spec_of(), deadline=5)
        assert message in raised.value.message
        assert not isinstance(raised.value, RefusedError)
        with pytest.raises(ClockError):
            cloud.list_instances("ci", deadline=5)
        assert len(seen) == 2


@pytest.mark.parametrize(
    ("code", "message", "ahead", "temporary", "wanted"),
    [
        # Of the time nothing is said, but the answer's own date shows it.
        ("AuthFailure", PLAIN, 3600, False, ClockError),
        ("SignatureDoesNotMatch", "It does not match.", -3600, False, ClockError),
        ("AuthFailure", PLAIN, 20, False, CredentialsError),
        ("SignatureDoesNotMatch", "It does not match.", 20, False, CredentialsError),
        # Keys that are lent for a time end with the code of a late request.
        ("RequestExpired", "Request has expired.", 0, True, CredentialsError),
        ("RequestExpired", "Request has expired.", 3600, True, ClockError),
        ("RequestExpired", "Request has expired.", 0, False, ClockError),
        # No clock mends a policy, or keys that nobody has.
        ("UnauthorizedOperation", "Not authorized.", 3600, False, CredentialsError),
        ("InvalidClientTokenId", "No such key.", 3600, False, CredentialsError),
    ],
)
def test_the_date_of_an_answer_tells_a_wrong_clock_from_wrong_keys(
    code: str, message: str, ahead: int, temporary: bool, wanted: type[CallError]
) -> None:
    date = formatdate(time.time() - ahead, usegmt=True)
    with pytest.raises(CallError) as raised:
        read_answer(
            answer_of(403, error_with(code, message), date), temporary=temporary
        )
    assert type(raised.value) is wanted
    if abs(ahead) > 300:
        side = "60 minutes ahead of" if ahead > 0 else "60 minutes behind"
        assert (side in raised.value.message) == (wanted is ClockError)


@pytest.mark.parametrize("date", ["", "soon", "Mon, 99 Foo 2026 00:00:00 GMT"])
def test_an_answer_without_a_date_that_can_be_read_is_judged_by_its_words(
    date: str,
) -> None:
    with pytest.raises(CredentialsError):
        read_answer(answer_of(401, error_with("AuthFailure", PLAIN), date))
    with pytest.raises(ClockError):
        read_answer(answer_of(400, error_with("RequestExpired", "Late."), date))
