"""What Scaleway itself answered, read right.

The recordings are no part of this repository: CLOUD_MATERIAL names their folder.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from servers.clouds.base import CloudInstance, CreateSpec, NoCapacityError, QuotaError
from servers.clouds.port import Cloud
from servers.clouds.scaleway.convert import (
    STARTED,
    is_terminating,
    show_address,
    show_instance,
    show_volume,
)
from servers.clouds.scaleway.errors import MEANINGS
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    MissingError,
    RefusedError,
    ThrottledError,
    UnknownOutcomeError,
)
from tests.clouds.benches.scaleway import ScalewayBench
from tests.clouds.conformance.test_life import create
from tests.clouds.conformance.test_recordings import read_answer
from tests.clouds.fakes.specs.material import load_json, need_material
from tests.clouds.fakes.wire import Response

pytestmark = pytest.mark.pure

# Meaning and address of each server in a recording, in the order of its answers.
LIVES: dict[str, list[str]] = {
    "cloud-init-at-start": ["stopped", "stopped", "booting", "running", "ending"],
    "create-and-start": ["stopped", "booting", "running", "stopped", "stopped"],
    "create-with-tags": ["stopped", "stopped"],
    "delete-with-none-volumes": ["stopped", "stopped"],
}


@pytest.fixture
def bench() -> Any:
    made = ScalewayBench()
    with made.run():
        yield made


def load(name: str) -> list[Any]:
    folder = need_material("scaleway") / "recordings"
    found = load_json(folder / f"{name}.json")["interactions"]
    assert isinstance(found, list)
    return found


def answers(name: str, field: str) -> Iterator[Any]:
    for each in load(name):
        body = each["response"]["body"]
        if isinstance(body, dict) and field in body:
            yield body[field]


def catch(act: Any) -> CallError:
    with pytest.raises(CallError) as raised:
        act()
    return raised.value


@pytest.mark.parametrize("name", sorted(LIVES))
def test_a_recorded_life_is_read_state_by_state(name: str) -> None:
    shown = [show_instance(each, "") for each in answers(name, "server")]
    assert [each.meaning.value for each in shown] == LIVES[name]
    assert len({each.instance_id for each in shown}) == 1
    assert {(each.key, each.fleet) for each in shown} == {("", "")}


def test_a_recorded_poweroff_is_not_taken_for_an_end() -> None:
    states = list(answers("create-and-start", "server"))
    (stopping,) = [each for each in states if each["state"] == "stopping"]
    assert not is_terminating(stopping)
    terminated = list(answers("cloud-init-at-start", "server"))[-1]
    assert is_terminating(terminated)


def test_recorded_servers_have_their_addresses() -> None:
    found = [
        show_instance({**each, "state": "running"}, "").address
        for each in next(answers("list-servers", "servers"))
    ]
    assert "192.0.2.6" in found
    assert all(each == "" or each.count(".") == 3 or ":" in each for each in found)


def test_recorded_volumes_and_addresses_are_in_use_or_left() -> None:
    (volume,) = answers("delete-with-none-volumes", "volume")
    left = show_volume(volume, "local")
    assert left is not None
    assert (left.kind, left.fleet, left.detail) == ("volume", "", "20 GB")
    loose, held = answers("terminate-without-ip", "ip")
    assert show_address(held, "address") is None
    left = show_address(loose, "address")
    assert left is not None
    assert left.detail == "192.0.2.3"


def test_recorded_sizes_have_their_prices(bench: ScalewayBench) -> None:
    (recorded,) = [
        each
        for each in load("products")
        if each["request"]["path"].endswith("/products/servers")
    ]
    bench.fake.unchecked = True
    bench.fake.meanwhile = lambda request: (
        bench.fake.answer(read_answer(recorded["response"]))
        if request.path.endswith("/products/servers")
        else None
    )
    # The recording was cut, so its headers promise more than there is.
    sizes = {each.name: each for each in bench.open().catalogue(deadline=10).sizes}
    large = sizes["DEV1-L"]
    assert (large.cores, large.memory_mib) == (4, 8192)
    assert (str(large.price_per_hour), large.currency) == ("0.04284", "EUR")


@pytest.mark.parametrize(
    ("name", "number", "wanted", "words"),
    [
        ("bad-body", 0, RefusedError, "commercial_type: required key not provided"),
        ("create-invalid-image", 1, RefusedError, "instance_image"),
        ("create-invalid-image", 2, RefusedError, "instance_ip"),
        ("credentials-and-permissions", 0, CredentialsError, "key is unknown"),
        ("credentials-and-permissions", 1, CredentialsError, "InstancesFullAccess"),
        ("credentials-and-permissions", 3, CredentialsError, "read snapshot"),
        ("credentials-and-permissions", 4, RefusedError, "instance_server"),
    ],
)
def test_a_recorded_refusal_of_a_create_says_what_is_wrong(
    bench: ScalewayBench, name: str, number: int, wanted: type[CallError], words: str
) -> None:
    answer = read_answer(load(name)[number]["response"])
    bench.fake.answer(answer, role="create")
    cloud = bench.open()
    error = catch(lambda: cloud.create_instance(bench.make_spec(), deadline=10))
    assert type(error) is wanted
    assert words in error.message


def test_each_error_type_of_the_vendors_client_has_a_meaning() -> None:
    found = load_json(need_material("scaleway") / "recordings" / "error-types.json")
    types = found["samples"]["types"]
    # The first ones are types; the others are reasons within them.
    known = {kind for kinds in MEANINGS.values() for kind in kinds}
    reasons = {
        *("unknown", "required", "format", "constraint", "unknown_method", "jwt"),
        *("api_key", "unknown_reason", "invalid_argument", "expired"),
        *("unknown_precondition", "resource_still_in_use", "attribute_must_be_set"),
    }
    assert set(types) - reasons <= known


@pytest.mark.parametrize(
    ("status", "body", "wanted"),
    [
        (429, "", ThrottledError),
        (429, {"type": "too_many_requests", "message": "slow"}, ThrottledError),
        (403, {"message": "Quota exceeded for this resource."}, QuotaError),
        (
            403,
            {
                "type": "invalid_request_error",
                "message": "Quota exceeded for this resource.",
            },
            QuotaError,
        ),
        (403, {"type": "quotas_exceeded", "message": "x", "details": None}, QuotaError),
        (412, {"type": "out_of_stock"}, NoCapacityError),
        (503, {"type": "out_of_stock", "resource": 7}, NoCapacityError),
        (500, {"type": "internal_error", "message": "x"}, UnknownOutcomeError),
        (503, {"message": "no"}, UnknownOutcomeError),
        (404, {"type": "unknown_resource", "message": "x"}, RefusedError),
        (404, "", UnknownOutcomeError),
        (403, "<html>", UnknownOutcomeError),
        (410, {"type": "resource_expired", "message": "x"}, RefusedError),
        (423, {"type": "locked", "message": "x"}, RefusedError),
        (418, {"type": "teapot", "message": "x"}, RefusedError),
        (599, {"type": "teapot", "message": "x"}, UnknownOutcomeError),
        (401, {"type": "odd"}, CredentialsError),
        (
            400,
            {
                "type": "invalid_request_error",
                "fields": {"image": ["unknown"], "name": None},
            },
            RefusedError,
        ),
        (400, {"type": "invalid_arguments", "details": [None, 1, {}]}, RefusedError),
        (409, {"type": ["transient_state"]}, UnknownOutcomeError),
    ],
)
def test_answers_that_were_not_recorded_have_a_meaning(
    bench: ScalewayBench, status: int, body: Any, wanted: type[CallError]
) -> None:
    bench.fake.answer(Response(status, body), role="create")
    cloud = bench.open()
    error = catch(lambda: cloud.create_instance(bench.make_spec(), deadline=10))
    assert type(error) is wanted
    assert error.message.isprintable()
    assert bench.count_live() == []


def test_words_tell_an_expired_key_a_quota_and_a_transient_state(
    bench: ScalewayBench,
) -> None:
    cloud = bench.open()
    made = create(cloud, bench.make_spec())

    def say(status: int, **body: Any) -> str:
        bench.fake.answer(Response(status, body), role="destroy")
        return catch(
            lambda: cloud.destroy_instance(made.instance_id, deadline=10)
        ).message

    denied = {"type": "denied_authentication", "message": "authentication is denied"}
    assert "expired" in say(401, reason="expired", **denied)
    assert "unknown" in say(401, reason="not_found", **denied)
    quota = [{"resource": "cp_servers", "quota": 10, "current": 10}]
    assert "cp_servers: 10 of 10" in say(403, type="quotas_exceeded", details=quota)
    said = say(409, type="transient_state", current_state="starting", message="x")
    assert "starting" in said


@pytest.mark.parametrize("role", ["get", "tag", "data", "power"])
def test_each_recorded_answer_to_each_call_of_a_finish_is_read_or_is_an_error(
    bench: ScalewayBench, role: str
) -> None:
    cloud = bench.open()
    names = sorted(
        path.stem for path in (need_material("scaleway") / "recordings").iterdir()
    )
    for name in names:
        found = load_json(need_material("scaleway") / "recordings" / f"{name}.json")
        for each in found.get("interactions", ()):
            spec = bench.make_spec()
            made = cloud.create_instance(spec, deadline=10)
            answer = read_answer(each["response"])
            bench.fake.answer(answer, role=role)
            error = finish(cloud, made, spec)
            if error is not None:
                assert error.message.isprintable()
                # A tag is put on a volume, and what is gone needs none.
                missing = role != "tag" and answer.status == 404
                assert missing or type(error) is not MissingError
            bench.fake.faults.clear()


def finish(cloud: Cloud, made: CloudInstance, spec: CreateSpec) -> CallError | None:
    """Finish a server, and return the error of the port, if there is one."""
    try:
        shown = cloud.finish(made, spec, deadline=10)
    except CallError as error:
        return error
    assert shown.meaning in STARTED
    return None
