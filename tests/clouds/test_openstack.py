"""OpenStack: its recorded answers read right, its errors, its listings."""

from collections.abc import Iterator
from typing import Any

import pytest

from servers.clouds.base import Meaning, QuotaError
from servers.clouds.catalogue import Quota
from servers.clouds.openstack.launch import tag_key
from servers.clouds.port import TellsQuotas
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    RefusedError,
    ThrottledError,
    UnknownOutcomeError,
)
from tests.clouds.benches.openstack import OpenStackBench
from tests.clouds.conformance.test_faults import catch
from tests.clouds.fakes.specs.material import load_json, need_material
from tests.clouds.fakes.wire import Response

pytestmark = pytest.mark.pure


@pytest.fixture
def bench() -> Iterator[OpenStackBench]:
    made = OpenStackBench()
    with made.run():
        yield made


def load(name: str) -> Any:
    return load_json(need_material("openstack") / "recordings" / f"{name}.json")


def catch_create(bench: OpenStackBench, response: Response) -> CallError:
    bench.fake.answer(response, role="create")
    return catch(lambda: bench.open().create_instance(bench.make_spec(), deadline=5))


@pytest.mark.parametrize(
    ("status", "name", "message", "wanted"),
    [
        (403, "forbidden", "Quota exceeded for ram: Requested 8", QuotaError),
        (403, "forbidden", "Maximum number of ports exceeded", QuotaError),
        (
            *(403, "forbidden"),
            *("Maximum number of metadata items exceeds 128", RefusedError),
        ),
        (403, "forbidden", "Only volume-backed servers are allowed", RefusedError),
        (403, "forbidden", "Policy doesn't allow this", CredentialsError),
        (400, "badRequest", "Invalid key_name provided.", RefusedError),
        (409, "conflictingRequest", "Multiple possible networks found", RefusedError),
        (404, "itemNotFound", "The resource could not be found.", RefusedError),
        (413, "overLimit", "This request was rate-limited.", ThrottledError),
        (429, "overLimit", "This request was rate-limited.", ThrottledError),
        (500, "computeFault", "Unexpected API Error.", UnknownOutcomeError),
        (503, "serviceUnavailable", "Try later.", UnknownOutcomeError),
    ],
)
def test_an_error_of_nova_means_what_it_means(
    bench: OpenStackBench,
    status: int,
    name: str,
    message: str,
    wanted: type[CallError],
) -> None:
    body = {name: {"code": status, "message": message}}
    error = catch_create(bench, Response(status, body))
    assert type(error) is wanted
    if status < 500:
        assert message.rstrip(".") in error.message


def test_an_error_says_what_to_do(bench: OpenStackBench) -> None:
    for status, message, words in (
        (409, "Multiple possible networks found, use a Network ID", "option networks"),
        (403, "Only volume-backed servers are allowed for flavors", "disk_gib"),
        (403, "Policy doesn't allow this", "role member"),
    ):
        body = {"forbidden": {"code": status, "message": message}}
        assert words in catch_create(bench, Response(status, body)).message
    # Of another form than the others.
    version = "Version 2.52 is not supported by the API. Minimum is 2.1."
    old = {"errors": [{"status": 406, "title": "Not Acceptable", "detail": version}]}
    error = catch_create(bench, Response(406, old))
    assert type(error) is RefusedError
    assert "Pike" in error.message


def test_the_time_to_wait_is_read_from_the_header_or_the_body(
    bench: OpenStackBench,
) -> None:
    body = {"overLimit": {"code": 413, "message": "Slow down.", "retryAfter": "12"}}
    assert catch_create(bench, Response(413, body)).retry_after == 12
    answer = Response(413, body, {"Retry-After": "5"})
    assert catch_create(bench, answer).retry_after == 5


def test_the_errors_of_novas_source_are_read(bench: OpenStackBench) -> None:
    samples = load("nova-error-forms")["samples"]
    for name, wanted in (
        ("403 quota", QuotaError),
        ("400 key pair", RefusedError),
        ("400 image", RefusedError),
        ("404 server", RefusedError),
        ("429", ThrottledError),
    ):
        answer = Response(int(name[:3]), samples[name])
        assert type(catch_create(bench, answer)) is wanted
    (fault,) = [body for name, body in samples.items() if "fault" in body]
    server = {"id": "a-1", "status": "ERROR", **fault}
    bench.fake.answer(Response(200, {"server": server}), role="get")
    shown = bench.open().get_instance("a-1", deadline=5)
    assert shown.meaning is Meaning.FAILED
    assert "No valid host was found" in shown.fault


def test_recorded_servers_are_read_and_their_pages_go_on_until_one_is_empty(
    bench: OpenStackBench,
) -> None:
    first, second = load("servers-detail-paging")["interactions"]
    bench.fake.answer(Response(200, first["response"]["body"]), role="list")
    # It is nobody's that ServerFleet created.
    assert bench.open().list_instances("ci", deadline=5).instances == ()
    (server,) = first["response"]["body"]["servers"]
    bench.fake.answer(Response(200, {"server": server}), role="get")
    shown = bench.open().get_instance(server["id"], deadline=5)
    assert (shown.instance_id, shown.name) == (server["id"], "acme-spec-server")
    assert (shown.raw_status, shown.meaning) == ("BUILD", Meaning.BOOTING)
    assert (shown.key, shown.fleet, shown.address) == ("", "", "")
    bench.fake.answer(Response(200, second["response"]["body"]), role="list")
    assert bench.open().list_instances("ci", deadline=5).instances == ()


def test_novas_samples_of_servers_are_read(bench: OpenStackBench) -> None:
    read = 0
    for name, sample in load("nova-api-samples")["samples"].items():
        body = sample["body"]
        if name.endswith("server-get-resp.json"):
            bench.fake.answer(Response(200, body), role="get")
            shown = bench.open().get_instance("a-1", deadline=5)
            assert shown.instance_id == body["server"]["id"]
            assert shown.meaning is Meaning.RUNNING
            assert shown.address == "192.0.2.3"  # what it says to use
        elif name.endswith("server-create-resp.json"):
            bench.fake.answer(Response(202, body), role="create")
            made = bench.open().create_instance(bench.make_spec(), deadline=5)
            assert made.instance_id == body["server"]["id"]
            assert made.meaning is Meaning.BOOTING
        elif "servers-details-resp" in name:
            bench.fake.answer(Response(200, body), role="list")
            # Some have a link to the next page, whose host is another one.
            if "servers_links" in body:
                bench.fake.answer(Response(200, {"servers": []}), role="list")
            assert bench.open().list_instances("ci", deadline=5).instances == ()
        else:
            continue
        read += 1
    assert read > 10


def test_libclouds_fixtures_are_read(bench: OpenStackBench) -> None:
    samples = load("libcloud-fixtures")["samples"]
    body = samples["openstack_v1.1/_servers_12064.json"]
    bench.fake.answer(Response(200, body), role="get")
    shown = bench.open().get_instance("12064", deadline=5)
    assert (shown.name, shown.meaning) == ("lc-test", Meaning.RUNNING)
    assert shown.address == "192.0.2.4"
    private = bench.open(address="private")
    bench.fake.answer(Response(200, body), role="get")
    assert private.get_instance("12064", deadline=5).address
    left = samples["openstack_v1.1/_v2_0__floatingips.json"]
    bench.fake.answer(Response(200, {"volumes": []}), role="leftovers")
    bench.fake.answer(Response(200, left), role="leftovers")
    assert bench.open().list_leftovers("ci", deadline=5) == ()


def test_what_others_have_is_no_leftover(bench: OpenStackBench) -> None:
    cloud = bench.open()
    recorded = [
        each["response"]["body"] for each in load("ports-floatingips")["interactions"]
    ]
    volumes = [
        body
        for each in load("volume-life")["interactions"]
        if isinstance(body := each["response"]["body"], dict) and "volumes" in body
    ]
    for addresses, ports in zip(recorded[:2], recorded[2:], strict=True):
        for body in volumes:
            bench.fake.answer(Response(200, body), role="leftovers")
            bench.fake.answer(Response(200, addresses), role="leftovers")
            bench.fake.answer(Response(200, ports), role="ports")
            assert cloud.list_leftovers("ci", deadline=5) == ()
            assert bench.fake.faults == []


def test_recorded_flavors_images_and_limits_are_read(bench: OpenStackBench) -> None:
    cloud = bench.open()
    cloud.fetch_identity(deadline=5)
    samples = load("nova-api-samples")["samples"]
    limits = samples["limits/v2.57/limit-get-resp.json"]["body"]
    bench.fake.answer(Response(200, limits))
    assert isinstance(cloud, TellsQuotas)
    assert cloud.list_quotas(deadline=5) == (
        Quota("Instances", 10, 0, "instances"),
        Quota("Cores", 20, 0, "vCPUs"),
        Quota("Memory", 51200, 0, "MiB"),
    )
    recorded = [each["response"]["body"] for each in load("catalogue")["interactions"]]
    (flavors,) = [b for b in recorded if b.get("flavors")]
    (images,) = [b for b in recorded if b.get("images")]
    bench.fake.answer(Response(200, flavors))
    bench.fake.answer(Response(200, images))
    offered = cloud.catalogue(deadline=5)
    assert offered.gaps == ()
    sizes = {each.name: (each.cores, each.memory_mib) for each in offered.sizes}
    assert sizes["m1.medium"] == (2, 4096)
    assert "snap-test" in {each.name for each in offered.images}


def test_a_filter_that_the_cloud_ignores_shows_no_others_servers(
    bench: OpenStackBench,
) -> None:
    mine, other = bench.make_spec(), bench.make_spec(fleet="other")
    for spec in (mine, other):
        made = bench.plant(spec)
        # An old cloud drops the filter: every server matches every tag.
        bench.fake.machines[made].extra["tags"] = [
            f"serverfleet-fleet:{fleet}" for fleet in ("ci", "other")
        ] + [tag_key(mine.key), tag_key(other.key)]
    cloud = bench.open()
    assert [i.key for i in cloud.list_instances("ci", deadline=5).instances] == [
        mine.key
    ]
    assert [i.key for i in cloud.find_instances(mine.key, deadline=5)] == [mine.key]


def test_a_key_that_is_longer_than_a_tag_is_found(bench: OpenStackBench) -> None:
    spec = bench.make_spec(fleet="a" * 16, key=f"{'a' * 16}-{'0' * 32}-1234567-abcd")
    assert len(spec.key) > 60
    cloud = bench.open()
    cloud.create_instance(spec, deadline=5)
    (found,) = cloud.find_instances(spec.key, deadline=5)
    assert found.key == spec.key


def test_a_listing_goes_on_at_the_clouds_own_page_size_and_host(
    bench: OpenStackBench,
) -> None:
    bench.fake.page = 2  # less than was asked for; its links name another host
    planted = {bench.plant(bench.make_spec()) for _ in range(5)}
    cloud = bench.open()
    cloud.fetch_identity(deadline=5)
    since = len(bench.fake.seen)
    listed = cloud.list_instances("ci", deadline=5).instances
    assert {each.instance_id for each in listed} == planted
    assert len(bench.fake.seen) - since == 3
    # A page whose marker was deleted meanwhile leaves the listing unknown.
    page = {"servers": [{"id": "gone-1", "metadata": {}}]}
    links = [{"rel": "next", "href": "https://elsewhere.example/x?marker=gone-1"}]
    bench.fake.answer(Response(200, {**page, "servers_links": links}), role="list")
    error = catch(lambda: cloud.list_instances("ci", deadline=5))
    assert type(error) is UnknownOutcomeError


def test_a_server_that_is_being_deleted_is_ending(bench: OpenStackBench) -> None:
    for status in ("ACTIVE", "ERROR", "BUILD", "SHUTOFF"):
        server = {"id": "a-1", "status": status, "OS-EXT-STS:task_state": "deleting"}
        bench.fake.answer(Response(200, {"server": server}), role="get")
        shown = bench.open().get_instance("a-1", deadline=5)
        assert (shown.raw_status, shown.meaning) == (status, Meaning.ENDING)
