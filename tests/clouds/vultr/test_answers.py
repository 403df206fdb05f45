"""Vultr: what its words and its lists mean."""

from typing import Any

import pytest

from servers.clouds.base import NoCapacityError, QuotaError
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    MissingError,
    RefusedError,
    ThrottledError,
    UnknownOutcomeError,
)
from tests.clouds.benches.vultr import VultrBench
from tests.clouds.fakes.wire import Response
from tests.clouds.vultr.opening import catch_create

pytestmark = pytest.mark.pure

FEE = (
    "Server add failed: You have reached the maximum monthly fee limit for this "
    "account. To deploy additional services, please request a limit increase."
)


MANY = (
    "Unable to place order: You have reached the maximum number of active instances "
    "for this account"
)


@pytest.mark.parametrize(
    ("status", "words", "wanted"),
    [
        (400, "Invalid plan chosen.", RefusedError),
        (400, "Invalid OS chosen.", RefusedError),
        (400, "Label exceeds the maximum number of characters.", RefusedError),
        (400, FEE, QuotaError),
        (400, MANY, QuotaError),
        (400, "Selected plan is not available in this region", NoCapacityError),
        (409, "The plan is unavailable: no capacity", NoCapacityError),
        (409, "Something else is under way", UnknownOutcomeError),
        (400, "Server is currently locked", UnknownOutcomeError),
        (400, "Server is already pending destruction.", UnknownOutcomeError),
        (400, "Your account is locked", RefusedError),
        (401, "Invalid API token.", CredentialsError),
        (403, "Unauthorized IP address: 192.0.2.1", CredentialsError),
        (404, "Invalid snapshot.", RefusedError),
        (422, "Validation error", RefusedError),
        (429, "Rate limit exceeded", ThrottledError),
        (500, FEE, UnknownOutcomeError),
    ],
)
def test_a_refusal_means_what_its_status_and_its_words_say(
    bench: VultrBench, status: int, words: str, wanted: type[CallError]
) -> None:
    body = {"error": words, "status": status}
    error = catch_create(bench, Response(status, body))
    assert type(error) is wanted
    assert words.rstrip(".") in error.message


def test_bad_keys_foreign_addresses_and_missing_rights_are_told_apart(
    bench: VultrBench,
) -> None:
    for status, words, advice in (
        (401, "Invalid API token.", "was deleted, renewed or not copied whole"),
        (401, "Unauthorized IP address: 192.0.2.1", "Access Control"),
        (403, "Unauthorized IP address: 192.0.2.1", "Access Control"),
        (403, "Your IP (x) is not authorized to use this API key", "Access Control"),
        (403, "Forbidden", "Manage Servers and Deploy New Servers"),
    ):
        body = {"error": words, "status": status}
        assert advice in catch_create(bench, Response(status, body)).message


def test_what_another_service_says_decides_nothing(bench: VultrBench) -> None:
    for status, wanted in (
        (400, UnknownOutcomeError),
        (401, CredentialsError),
        (404, UnknownOutcomeError),
        (429, ThrottledError),
    ):
        for body in (
            {"error": "inner words"},
            {"error": "inner words", "status": 9},
            {"error": {"message": "inner words"}, "status": status},
        ):
            error = catch_create(bench, Response(status, body))
            assert type(error) is wanted
            assert "inner" not in error.message


@pytest.mark.parametrize(
    "meta",
    [
        None,
        {},
        {"total": 1},
        {"total": 1, "links": {}},
        {"total": 1, "links": {"next": 2}},
        {"total": 1, "links": {"next": ["x"]}},
    ],
)
def test_a_page_that_tells_no_end_is_no_listing(bench: VultrBench, meta: Any) -> None:
    body = {"instances": [], **({} if meta is None else {"meta": meta})}
    bench.fake.answer(Response(200, body), role="list")
    with pytest.raises(UnknownOutcomeError):
        bench.open().list_instances("ci", deadline=5)


def test_pages_that_lead_to_too_few_instances_are_no_listing(bench: VultrBench) -> None:
    bench.fake.page = 2
    cloud = bench.open()
    for _ in range(5):
        bench.plant(bench.make_spec())
    assert len(cloud.list_instances("ci", deadline=5).instances) == 5
    # The entry of the second page's cursor is gone, and nothing comes after it.
    empty = {"instances": [], "meta": {"total": 5, "links": {"next": "", "prev": ""}}}
    bench.fake.meanwhile = lambda request: (
        bench.fake.answer(Response(200, empty), role="list")
        if "cursor" in request.query
        else None
    )
    with pytest.raises(UnknownOutcomeError, match="listed 2 of 5"):
        cloud.list_instances("ci", deadline=5)


def test_a_missing_instance_may_be_a_bad_request(bench: VultrBench) -> None:
    cloud = bench.open()
    body = {"error": "Invalid instance-id.", "status": 400}
    bench.fake.answer(Response(400, body), role="destroy")
    cloud.check_destroy(deadline=5)
    with pytest.raises(MissingError):
        cloud.destroy_instance("00000000-0000-0000-0000-000000000000", deadline=5)
