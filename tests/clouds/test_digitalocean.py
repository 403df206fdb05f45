"""DigitalOcean: its recorded answers read right, its words, its names and tags."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from servers.clouds.base import Meaning, NoCapacityError, QuotaError
from servers.clouds.catalogue import ImageQuery
from servers.clouds.digitalocean.adapter import DigitalOcean
from servers.clouds.digitalocean.launch import build_body
from servers.clouds.registry import validate_placement_options
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    RefusedError,
    ThrottledError,
    UnknownOutcomeError,
)
from tests.clouds.benches.digitalocean import DigitalOceanBench
from tests.clouds.fakes.digitalocean_offers import KEY, VPC
from tests.clouds.fakes.specs.material import load_json, need_material
from tests.clouds.fakes.wire import Response

pytestmark = pytest.mark.pure


@pytest.fixture
def bench() -> Iterator[DigitalOceanBench]:
    made = DigitalOceanBench()
    with made.run():
        yield made


def load(name: str) -> Any:
    return load_json(need_material("digitalocean") / "recordings" / f"{name}.json")


def open_cloud(bench: DigitalOceanBench) -> DigitalOcean:
    cloud = bench.open()
    assert isinstance(cloud, DigitalOcean)
    return cloud


def catch_create(bench: DigitalOceanBench, response: Response) -> CallError:
    bench.fake.answer(response, role="create")
    with pytest.raises(CallError) as raised:
        bench.open().create_instance(bench.make_spec(), deadline=5)
    return raised.value


@pytest.mark.parametrize(
    ("status", "code", "words", "wanted"),
    [
        (401, "unauthorized", "Unable to authenticate you", CredentialsError),
        (401, "", "Unable to authenticate you", CredentialsError),
        (403, "forbidden", "You are not authorized", CredentialsError),
        (404, "not_found", "The image could not be found", RefusedError),
        (409, "conflict", "Something else is under way", UnknownOutcomeError),
        (422, "unprocessable_entity", "Name is invalid", RefusedError),
        (422, "unprocessable_entity", "Name exceeds the limit", RefusedError),
        (422, "unprocessable_entity", "Region is not available", NoCapacityError),
        (
            *(422, "unprocessable_entity"),
            "Size is not available in this region.",
            NoCapacityError,
        ),
        (
            *(422, "unprocessable_entity"),
            "Droplet already has a pending event.",
            UnknownOutcomeError,
        ),
        (429, "too_many_requests", "API rate limit exceeded.", ThrottledError),
        (500, "server_error", "Unexpected server-side error", UnknownOutcomeError),
    ],
)
def test_a_refusal_means_what_its_status_and_its_words_say(
    bench: DigitalOceanBench,
    status: int,
    code: str,
    words: str,
    wanted: type[CallError],
) -> None:
    error = catch_create(bench, Response(status, {"id": code, "message": words}))
    assert type(error) is wanted
    # Words without a code may be those of another service.
    assert (words.rstrip(".") in error.message) is bool(code)


def test_the_recorded_quota_is_told_from_other_refusals(
    bench: DigitalOceanBench,
) -> None:
    (quoted,) = load("quoted-quota")["interactions"]
    response = Response(quoted["response"]["status"], quoted["response"]["body"])
    error = catch_create(bench, response)
    assert type(error) is QuotaError
    assert "higher one" in error.message


def test_recorded_droplets_are_read(bench: DigitalOceanBench) -> None:
    (recorded,) = load("tugboat-create")["interactions"]
    bench.fake.answer(Response(202, recorded["response"]["body"]), role="create")
    made = bench.open().create_instance(bench.make_spec(), deadline=5)
    assert (made.instance_id, made.raw_status, made.address) == ("276961", "new", "")
    assert (made.key, made.fleet) == ("", "")  # not by our name: nobody's of ours
    samples = load("droplet_kit-responses")["samples"]
    bench.fake.answer(Response(200, samples["droplets/find.json"]), role="get")
    shown = bench.open().get_instance("1", deadline=5)
    assert shown.instance_id == str(samples["droplets/find.json"]["droplet"]["id"])
    assert shown.meaning in {Meaning.BOOTING, Meaning.RUNNING}


def test_throttling_waits_until_some_calls_are_back(bench: DigitalOceanBench) -> None:
    body = {"id": "too_many_requests", "message": "API rate limit exceeded."}
    for ahead, wanted in ((3000, 60.0), (-300, None)):  # the reset may be past
        headers = {"ratelimit-reset": str(int(time.time()) + ahead)}
        assert catch_create(bench, Response(429, body, headers)).retry_after == wanted
        headers["retry-after"] = "7"
        assert catch_create(bench, Response(429, body, headers)).retry_after == 7


def test_a_droplet_is_found_by_its_name_before_it_has_its_tags(
    bench: DigitalOceanBench,
) -> None:
    bench.fake.tagging = 60.0
    cloud, spec = bench.open(), bench.make_spec()
    made = cloud.create_instance(spec, deadline=5)
    (found,) = cloud.find_instances(spec.key, deadline=5)
    assert (found.key, found.fleet) == (made.key, made.fleet) == (spec.key, "ci")
    assert cloud.list_instances("ci", deadline=5).instances == ()
    bench.fake.advance(61.0)
    (listed,) = cloud.list_instances("ci", deadline=5).instances
    assert listed.instance_id == made.instance_id
    assert cloud.timings.settle > 120  # tags take longer than the Droplet


def test_no_tag_belongs_to_one_droplet_alone(bench: DigitalOceanBench) -> None:
    options = {"address": "private", "tags": "web, db"}
    first, second = (bench.make_spec(options=options) for _ in range(2))
    bodies = [build_body(s, options, region="fra1") for s in (first, second)]
    assert bodies[0]["tags"] == bodies[1]["tags"]
    assert bodies[0]["name"] == first.key
    made = bench.open().create_instance(first, deadline=5)
    assert bench.open().get_instance(made.instance_id, deadline=5).address == "10.0.0.2"


def test_a_create_call_carries_its_options_and_names_keys_by_id(
    bench: DigitalOceanBench,
) -> None:
    options = {"vpc": VPC["id"], "ipv6": True, "address": "ipv6", "monitoring": True}
    for key in (str(KEY["id"]), str(KEY["fingerprint"])):
        spec = bench.make_spec(options=options, ssh_key=key, image="4711")
        bench.open().check_create(spec, deadline=5)
        made = bench.open().create_instance(spec, deadline=5)
        body = bench.fake.machines[made.instance_id].body
        assert (body["vpc_uuid"], body["image"]) == (VPC["id"], 4711)
        shown = bench.open().get_instance(made.instance_id, deadline=5)
        assert shown.address.startswith("2001:db8::")
    since = len(bench.fake.seen)
    for wrong in ({"ssh_key": "ops"}, {"size": "gpu-h100x1-80gb"}):
        with pytest.raises(RefusedError):
            bench.open().create_instance(bench.make_spec(**wrong), deadline=5)
    assert len(bench.fake.seen) == since
    for missing in ({"ssh_key": "5"}, {"options": {"vpc": VPC["id"][:-1] + "0"}}):
        with pytest.raises(RefusedError):
            bench.open().check_create(bench.make_spec(**missing), deadline=5)


def test_options_that_contradict_each_other_are_refused() -> None:
    for options, words in (
        ({"ipv6": True, "public_networking": False}, "can't have ipv6"),
        ({"address": "ipv6"}, "needs ipv6"),
        ({"vpc": "default"}, "such as 5a4981aa"),
        ({"tags": "a b"}, "such as build-machines"),
        ({"tags": "web,Serverfleet-fleet:other"}, "such as build-machines"),
        ({"backups": True}, "unknown"),
    ):
        (said,) = validate_placement_options(
            "digitalocean", options, account_options={}
        )
        assert words in said


def test_prices_the_limit_and_images_by_rule_are_told(bench: DigitalOceanBench) -> None:
    cloud = open_cloud(bench)
    sizes = {each.name: each for each in cloud.catalogue(deadline=5).sizes}
    assert str(sizes["s-1vcpu-1gb"].price_per_hour) == "0.00893"
    assert "gpu-h100x1-80gb" not in sizes
    bench.plant(bench.make_spec())
    (quota,) = cloud.list_quotas(deadline=5)
    assert (quota.limit, quota.used) == (25, 1)
    rule = ImageQuery(owner="self", pattern="ci-agent-*")
    assert [i.image_id for i in cloud.find_images(rule, deadline=5)] == ["4711"]
