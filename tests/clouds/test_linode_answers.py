"""Linode: its words, its recorded answers, and lists that are not whole."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from servers.clouds.base import Meaning, NoCapacityError, QuotaError
from servers.clouds.linode.adapter import Linode
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    RefusedError,
    ThrottledError,
    UnknownOutcomeError,
)
from tests.clouds.benches.linode import LinodeBench
from tests.clouds.conformance.test_recordings import read_answer
from tests.clouds.fakes.specs.material import load_json, need_material
from tests.clouds.fakes.wire import Response

pytestmark = pytest.mark.pure


@pytest.fixture
def bench() -> Iterator[LinodeBench]:
    made = LinodeBench()
    with made.run():
        yield made


def open_cloud(bench: LinodeBench, **options: Any) -> Linode:
    cloud = bench.open(**options)
    assert isinstance(cloud, Linode)
    return cloud


def load(name: str) -> list[tuple[Any, Response]]:
    """Return the requests of a recording, each with its answer."""
    material = load_json(need_material("linode") / "recordings" / f"{name}.json")
    return [
        (each["request"], read_answer(each["response"]))
        for each in material["interactions"]
    ]


def find(name: str, method: str, path: str) -> Response:
    """Return the first recorded answer to a call."""
    return next(
        answer
        for request, answer in load(name)
        if (request["method"], request["path"].removeprefix("/v4beta"))
        == (method, path)
    )


def refusal(status: int, *errors: tuple[str, str]) -> Response:
    told = [
        {"reason": reason, **({"field": field} if field else {})}
        for field, reason in errors
    ]
    return Response(status, {"errors": told})


def catch_create(bench: LinodeBench, response: Response) -> CallError:
    bench.fake.answer(response, role="create")
    with pytest.raises(CallError) as raised:
        bench.open().create_instance(bench.make_spec(), deadline=5)
    return raised.value


NO_ROOM = (
    "The Linode plan you chose is not currently available in the selected region. "
    "Please select another region or plan type, or contact Support for assistance."
)


@pytest.mark.parametrize(
    ("status", "field", "words", "wanted"),
    [
        (400, "image", "image is not valid", RefusedError),
        (400, "image", "Image is not available in this region", RefusedError),
        (400, "firewall_id", "firewall_id is not valid", RefusedError),
        (400, "", "Must provide valid root_pass, authorized_keys", RefusedError),
        (400, "label", "Label must be unique among your linodes", UnknownOutcomeError),
        (400, "label", "Label is odd", UnknownOutcomeError),
        (400, "", "Linode busy.", UnknownOutcomeError),
        (408, "", "Please try again", UnknownOutcomeError),
        (409, "", "Something else is under way", UnknownOutcomeError),
        (400, "", "Account Limit reached. Please open a ticket.", QuotaError),
        (400, "", "You've reached a limit for the number of services", QuotaError),
        (400, "tags", "You've reached the limit", RefusedError),
        (403, "", NO_ROOM, NoCapacityError),
        (400, "region", "there is no availability for this plan", NoCapacityError),
        (403, "", "Unauthorized", CredentialsError),
        (401, "", "Invalid Token", CredentialsError),
        (404, "", "Not found", RefusedError),
        (429, "", "Too many requests", ThrottledError),
        (503, "", "Service unavailable", UnknownOutcomeError),
    ],
)
def test_a_refusal_means_what_its_status_its_field_and_its_words_say(
    bench: LinodeBench, status: int, field: str, words: str, wanted: type[CallError]
) -> None:
    error = catch_create(bench, refusal(status, (field, words)))
    assert type(error) is wanted
    assert words.rstrip(".") in error.message
    assert field in error.message


def test_of_several_reasons_the_one_that_leaves_most_doubt_counts(
    bench: LinodeBench,
) -> None:
    taken = ("label", "Label must be unique among your linodes")
    several = refusal(400, ("image", "image is not valid"), taken)
    error = catch_create(bench, several)
    assert type(error) is UnknownOutcomeError
    assert "image is not valid" in error.message
    # However many an answer has, a message holds few of them.
    many = refusal(400, *((f"f{n}", "x" * 500) for n in range(1000)))
    assert len(catch_create(bench, many).message) < 1000


def test_a_part_that_is_refused_is_named(bench: LinodeBench) -> None:
    for field, about in (
        ("image", "image"),
        ("type", "size"),
        ("authorized_users", "key"),
        ("interfaces[0].subnet_id", "network"),
        ("tags", "tags"),
        ("metadata.user_data", ""),
    ):
        assert catch_create(bench, refusal(400, (field, "No."))).about == about


def test_unknown_tokens_and_missing_scopes_are_told_apart(bench: LinodeBench) -> None:
    unknown = catch_create(bench, refusal(401, ("", "Invalid Token")))
    scope = "Your OAuth token is not authorized to use this endpoint."
    for status in (401, 403):
        lacking = catch_create(bench, refusal(status, ("", scope)))
        assert "scope" in lacking.message
        assert "scope" not in unknown.message


def test_recorded_refusals_of_creates_are_read(bench: LinodeBench) -> None:
    for request, answer in load("create-errors-400"):
        if request["method"] != "POST":
            continue
        error = catch_create(bench, answer)
        assert type(error) is RefusedError
        assert answer.body["errors"][0]["reason"].rstrip(".") in error.message
    ((_, quoted),) = load("quoted-quota")
    assert type(catch_create(bench, quoted)) is QuotaError
    limited, throttled = (answer for _, answer in load("throttled-429"))
    assert type(catch_create(bench, limited)) is QuotaError
    assert type(catch_create(bench, throttled)) is ThrottledError


@pytest.mark.parametrize(
    "name",
    [
        *("create-user-data-get-delete", "create-firewall", "list-instances"),
        "delete-variants",
    ],
)
def test_recorded_linodes_are_read(bench: LinodeBench, name: str) -> None:
    answer = find(name, "POST", "/linode/instances")
    bench.fake.answer(answer, role="create")
    made = bench.open().create_instance(bench.make_spec(), deadline=5)
    assert made.instance_id == str(answer.body["id"])
    assert (made.raw_status, made.meaning) == ("provisioning", Meaning.BOOTING)
    assert (made.address, made.name) == ("192.0.2.0", answer.body["label"])
    assert (made.key, made.fleet) == ("", "")  # not by our label: nobody's of ours
    bench.fake.answer(answer, role="get")
    shown = open_cloud(bench, address="ipv6").get_instance("1", deadline=5)
    assert shown.address == "1234::5678" or not shown.address
    (deleted,) = {
        request["path"]: answer
        for request, answer in load(name)
        if request["method"] == "DELETE" and str(made.instance_id) in request["path"]
    }.values()
    bench.fake.answer(deleted, role="destroy")
    bench.open().destroy_instance(made.instance_id, deadline=5)


def test_recorded_lists_are_read(bench: LinodeBench) -> None:
    listed = find("list-instances", "GET", "/linode/instances")
    # As one of ours, in our region.
    spec = bench.make_spec()
    ours = {**listed.body["data"][0], "label": spec.key, "region": bench.region}
    body = {**listed.body, "data": [ours]}
    bench.fake.answer(replace(listed, body=body), role="list")
    (shown,) = bench.open().list_instances("ci", deadline=5).instances
    assert (shown.instance_id, shown.key) == ("82372946", spec.key)
    for name in ("images", "volumes"):  # nothing is there
        empty = next(
            answer
            for _, answer in load(name)
            if answer.status == 200 and answer.body.get("data") == []
        )
        bench.fake.answer(empty, role="list")
        assert bench.open().list_instances("ci", deadline=5).instances == ()
        bench.fake.answer(empty, role="leftovers")
        assert bench.open().list_leftovers("ci", deadline=5) == ()
    refused = next(answer for _, answer in load("images") if answer.status == 400)
    bench.fake.answer(refused, role="list")
    with pytest.raises(UnknownOutcomeError, match="Cannot filter on foo"):
        bench.open().list_instances("ci", deadline=5)


def test_recorded_offers_are_read(bench: LinodeBench) -> None:
    regions = find("regions", "GET", "/regions")
    bench.fake.answer(regions, role="regions")
    bench.fake.answer(find("types", "GET", "/linode/types"), role="plans")
    bench.fake.answer(find("images", "GET", "/images"), role="images")
    offered = open_cloud(bench).catalogue(deadline=5)
    assert set(offered.regions) == {each["id"] for each in regions.body["data"]}
    sizes = {each.name: each for each in offered.sizes}
    assert str(sizes["g6-nanode-1"].price_per_hour) == "0.0075"
    four = sizes["g6-standard-2"]
    assert (four.cores, four.memory_mib) == (2, 4096)
    assert "private/84470" in {each.image_id for each in offered.images}
    missing = find("types", "GET", "/linode/types/missing-type")
    bench.fake.answer(missing, role="plan")
    with pytest.raises(RefusedError, match="no plan g6-nanode-1"):
        open_cloud(bench).check_create(bench.make_spec(), deadline=5)


def test_throttling_waits_until_the_window_is_over(bench: LinodeBench) -> None:
    said = refusal(429, ("", "Too many requests"))
    for ahead, wanted in ((3000, 120.0), (-300, 0.0)):
        headers = {"X-RateLimit-Reset": str(int(time.time()) + ahead)}
        told = replace(said, headers=headers)
        assert catch_create(bench, told).retry_after == wanted
        told = replace(said, headers={**headers, "Retry-After": "7"})
        assert catch_create(bench, told).retry_after == 7


def test_half_a_list_never_passes_for_a_short_one(bench: LinodeBench) -> None:
    cloud = bench.open()
    bench.fake.page = 2
    for _ in range(5):
        bench.plant(bench.make_spec())
    cloud.list_instances("ci", deadline=5)
    whole = bench.fake.latest["list"].body
    entry = whole["data"][:1]
    for odd in (
        {"data": entry},
        {"data": entry, "page": 1},
        {"data": entry, "page": 1, "pages": None},
        {"data": entry, "page": True, "pages": 3},
        {"data": entry, "page": 0, "pages": 3},
        {"data": entry, "page": 4, "pages": 3},
        {"data": entry, "page": "1", "pages": "3"},
    ):
        bench.fake.answer(Response(200, odd), role="list")
        with pytest.raises(UnknownOutcomeError):
            cloud.list_instances("ci", deadline=5)
    # The list has become shorter, so that the next page is missing.
    first = {"data": entry, "page": 9, "pages": 10, "results": 20}
    bench.fake.answer(Response(200, first), role="list")
    with pytest.raises(UnknownOutcomeError):
        cloud.list_instances("ci", deadline=5)
    # One that does not turn its pages.
    bench.fake.answer(Response(200, {**first, "page": 1}), 200, role="list")
    with pytest.raises(UnknownOutcomeError):
        cloud.list_instances("ci", deadline=5)


def test_each_answer_names_the_account(bench: LinodeBench) -> None:
    cloud = bench.open()
    identity = cloud.fetch_identity(deadline=5)
    assert cloud.list_instances("ci", deadline=5).identity == identity != ""
    odd = {"X-Customer-UUID": "<b>nobody</b> or nothing"}
    bench.fake.answer(Response(200, {}, odd), role="")
    assert cloud.fetch_identity(deadline=5) == ""
