"""Hetzner Cloud: its recorded answers read right, its codes, its addresses."""

import time
from typing import Any

import pytest

from servers.clouds.base import Meaning, NoCapacityError, QuotaError
from servers.clouds.hetznercloud.launch import build_body
from servers.clouds.registry import validate_placement_options
from servers.errors import InvalidError
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    MissingError,
    RefusedError,
    ThrottledError,
    UnknownOutcomeError,
)
from tests.clouds.benches.hetznercloud import HetznerCloudBench
from tests.clouds.fakes.specs.material import load_json, need_material
from tests.clouds.fakes.wire import Response

pytestmark = pytest.mark.pure


@pytest.fixture
def bench() -> Any:
    made = HetznerCloudBench()
    with made.run():
        yield made


def load(name: str) -> Any:
    return load_json(need_material("hetznercloud") / "recordings" / f"{name}.json")


def catch_create(bench: HetznerCloudBench, response: Response) -> CallError:
    bench.fake.answer(response, role="create")
    with pytest.raises(CallError) as raised:
        bench.open().create_instance(bench.make_spec(), deadline=5)
    return raised.value


def error_of(code: str, message: str = "some words") -> dict[str, Any]:
    return {"error": {"message": message, "code": code, "details": None}}


@pytest.mark.parametrize(
    ("status", "code", "wanted"),
    [
        (401, "unauthorized", CredentialsError),
        (403, "forbidden", CredentialsError),
        (403, "token_readonly", CredentialsError),
        (403, "resource_limit_exceeded", QuotaError),
        (412, "resource_unavailable", NoCapacityError),
        (412, "placement_error", NoCapacityError),
        (404, "not_found", RefusedError),  # its image or its network
        (409, "uniqueness_error", UnknownOutcomeError),  # the key is taken: look first
        (409, "conflict", UnknownOutcomeError),
        (422, "invalid_input", RefusedError),
        (422, "invalid_server_type", RefusedError),
        (423, "locked", UnknownOutcomeError),
        (429, "rate_limit_exceeded", ThrottledError),
        (503, "unavailable", UnknownOutcomeError),
        (504, "timeout", UnknownOutcomeError),
        (400, "something_new", RefusedError),
        (500, "something_new", UnknownOutcomeError),
    ],
)
def test_an_error_code_means_what_it_means(
    bench: HetznerCloudBench, status: int, code: str, wanted: type[CallError]
) -> None:
    error = catch_create(bench, Response(status, error_of(code)))
    assert type(error) is wanted
    assert code in error.message
    assert "some words." in error.message


def test_each_code_of_the_vendors_client_is_an_error_of_the_port(
    bench: HetznerCloudBench,
) -> None:
    for code, words in load("error-codes")["samples"]["codes"].items():
        error = catch_create(bench, Response(422, error_of(code, words)))
        assert type(error) is not MissingError
        assert code in error.message


def test_recorded_and_documented_errors_are_read(bench: HetznerCloudBench) -> None:
    (full,) = load("quoted-no-capacity")["interactions"]
    answer = Response(full["response"]["status"], full["response"]["body"])
    error = catch_create(bench, answer)
    assert type(error) is NoCapacityError
    assert "error during placement" in error.message
    documented = load("documented-errors")["samples"]
    wanted = {
        "invalid_input": RefusedError,
        "uniqueness_error": UnknownOutcomeError,
        "resource_limit_exceeded": QuotaError,
    }
    for name, kind in wanted.items():
        assert type(catch_create(bench, Response(400, documented[name]))) is kind
    said = catch_create(bench, Response(422, documented["invalid_input"])).message
    assert "broken_field: is too long" in said
    bench.fake.answer(Response(200, documented["empty_list"]), role="list")
    assert bench.open().list_instances("ci", deadline=5).instances == ()


def test_the_vendors_samples_of_servers_are_read(bench: HetznerCloudBench) -> None:
    samples = load("hcloud-python-responses")["samples"]
    for name in ("servers/response_simple_server", "servers/response_full_server"):
        body = samples[name]
        bench.fake.answer(Response(200, body), role="get")
        shown = bench.open().get_instance("1", deadline=5)
        assert shown.instance_id == str(body["server"]["id"])
        assert shown.raw_status == body["server"]["status"]
        assert shown.meaning is Meaning.RUNNING
        assert shown.address == body["server"]["public_net"]["ipv4"]["ip"]
        assert (shown.key, shown.fleet) == ("", "")  # nobody's that we created
    body = samples["servers/response_create_simple_server"]
    bench.fake.answer(Response(201, body), role="create")
    made = bench.open().create_instance(bench.make_spec(), deadline=5)
    assert made.instance_id == str(body["server"]["id"])
    bench.fake.answer(Response(200, samples["servers/response_simple_servers"]))
    assert bench.open().list_instances("ci", deadline=5).instances == ()


def test_throttling_waits_until_some_calls_are_back(bench: HetznerCloudBench) -> None:
    for ahead, least, most in ((20, 15, 20), (3600, 60, 60), (-5, 0, 0)):
        headers = {"RateLimit-Reset": str(int(time.time() + ahead))}
        body = error_of("rate_limit_exceeded")
        error = catch_create(bench, Response(429, body, headers))
        assert type(error) is ThrottledError
        assert error.retry_after is not None
        assert least <= error.retry_after <= most


def test_an_account_shows_only_its_own_location(bench: HetznerCloudBench) -> None:
    here = bench.open()
    spec = bench.make_spec()
    made = here.create_instance(spec, deadline=5)
    machine = bench.fake.machines[made.instance_id]
    machine.body["location"] = "nbg1"
    assert here.list_instances("ci", deadline=5).instances == ()
    # Wherever it is, it is this key's.
    assert [i.key for i in here.find_instances(spec.key, deadline=5)] == [spec.key]


@pytest.mark.parametrize(
    ("options", "address"),
    [
        ({}, "192.0.2."),
        ({"public_ipv4": False}, "2001:db8:1::1"),
        ({"address": "ipv6"}, "2001:db8:1::1"),
        ({"address": "private", "networks": ["4711"]}, "10.0.0."),
        (
            {"public_ipv4": False, "public_ipv6": False, "networks": "4711"},
            "10.0.0.",
        ),
    ],
)
def test_the_server_gets_the_address_that_the_options_ask_for(
    bench: HetznerCloudBench, options: dict[str, Any], address: str
) -> None:
    spec = bench.make_spec(options=options)
    made = bench.open().create_instance(spec, deadline=5)
    # The label says it to whoever lists, whatever the account's option is.
    assert made.address.startswith(address)
    (listed,) = bench.open().list_instances("ci", deadline=5).instances
    assert listed.address == made.address


def test_options_that_contradict_each_other_are_refused() -> None:
    for options, words in (
        ({"public_ipv4": False, "public_ipv6": False}, "needs a network"),
        ({"address": "private"}, "needs a network"),
        ({"address": "ipv6", "public_ipv6": False}, "needs public_ipv6"),
        ({"networks": "lan"}, "such as 4711"),
        ({"datacenter": "fsn1-dc8"}, "unknown"),
    ):
        (said,) = validate_placement_options(
            "hetznercloud", options, account_options={}
        )
        assert words in said


def test_a_create_call_names_networks_firewalls_and_the_group(
    bench: HetznerCloudBench,
) -> None:
    options = {"networks": "1, 2", "firewalls": ["3"], "placement_group": "4"}
    spec = bench.make_spec(ssh_key="ops", options=options)
    body = build_body(spec, dict(spec.options), location="fsn1")
    assert body["networks"] == [1, 2]
    assert body["firewalls"] == [{"firewall": 3}]
    assert body["placement_group"] == 4
    assert body["ssh_keys"] == ["ops"]
    assert body["name"] == spec.key
    bench.open().create_instance(spec, deadline=5)  # as the description has it


def test_a_taken_name_creates_nothing_and_is_looked_for(
    bench: HetznerCloudBench,
) -> None:
    cloud, spec = bench.open(), bench.make_spec()
    cloud.create_instance(spec, deadline=5)
    with pytest.raises(UnknownOutcomeError):
        cloud.create_instance(spec, deadline=5)
    assert len(cloud.find_instances(spec.key, deadline=5)) == 1


def test_a_region_that_is_no_location_is_refused() -> None:
    bench = HetznerCloudBench()
    with bench.fake:
        for wrong in ("", "FSN1", "fsn1/..", "fsn 1"):
            bench.region = wrong  # type: ignore[misc]
            with pytest.raises(InvalidError):
                bench.open()
