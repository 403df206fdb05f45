"""Scaleway: a server in several calls, and what outlives it."""

from typing import Any

import pytest

from servers.clouds.base import Meaning, NoCapacityError, QuotaError
from servers.clouds.scaleway.launch import tag_beside
from servers.outgoing.errors import (
    CredentialsError,
    MissingError,
    RefusedError,
    ThrottledError,
    UnknownOutcomeError,
)
from tests.clouds.benches.scaleway import ScalewayBench
from tests.clouds.conformance.test_faults import catch
from tests.clouds.conformance.test_life import create
from tests.clouds.fakes.scaleway_offers import (
    GROUP_ID,
    NETWORK_ID,
)
from tests.clouds.fakes.wire import Response

pytestmark = pytest.mark.pure

IPV6_ONLY = {"public_ipv4": False, "public_ipv6": True}
LOCAL = {"disk_gb": 20, "disk_type": "l_ssd"}


@pytest.fixture
def bench() -> Any:
    made = ScalewayBench()
    with made.run():
        yield made


def things(bench: ScalewayBench, kind: str) -> list[Any]:
    return [each for each in bench.fake.things.values() if each["kind"] == kind]


def test_a_created_server_is_off_until_it_is_finished(bench: ScalewayBench) -> None:
    cloud, spec = bench.open(), bench.make_spec()
    made = cloud.create_instance(spec, deadline=10)
    assert (made.meaning, made.key, made.address) == (Meaning.STOPPED, spec.key, "")
    shown = cloud.finish(made, spec, deadline=10)
    assert shown.meaning is Meaning.BOOTING
    wanted = ["GET", "PATCH", "PATCH", "POST"]
    assert [each.method for each in bench.fake.seen[1:]] == wanted
    # Nothing changes one that is on, whoever asks with whatever old state.
    since = len(bench.fake.seen)
    assert cloud.finish(made, spec, deadline=10).meaning is Meaning.RUNNING
    assert [each.method for each in bench.fake.seen[since:]] == ["GET"]


def test_user_data_is_there_before_the_server_is_switched_on(
    bench: ScalewayBench,
) -> None:
    cloud = bench.open()
    for text in ("#!/bin/sh\ntrue\n", "#cloud-config\n# ä€\n"):
        spec = bench.make_spec(user_data=text)
        made = create(cloud, spec)
        assert bench.user_data_of(made.instance_id) == text.encode()
    since = len(bench.fake.seen)
    create(cloud, bench.make_spec(user_data=""))
    assert not [each for each in bench.fake.seen[since:] if each.role == "data"]


def test_the_frozen_spec_counts_when_a_server_is_finished(
    bench: ScalewayBench,
) -> None:
    """What another process would build today is not what the attempt promised."""
    spec = bench.make_spec(options=IPV6_ONLY)
    made = bench.open().create_instance(spec, deadline=10)
    shown = bench.open(address="ipv6").finish(made, spec, deadline=10)
    assert shown.meaning is Meaning.BOOTING
    (address,) = things(bench, "ip")
    assert address["tags"] == tag_beside("ci", spec.key)


def test_a_poweron_that_another_process_was_faster_with_is_no_refusal(
    bench: ScalewayBench,
) -> None:
    cloud, spec = bench.open(), bench.make_spec()
    made = cloud.create_instance(spec, deadline=10)

    def be_faster(request: Any) -> None:
        if request.role == "power":
            machine = bench.fake.machines[made.instance_id]
            machine.extra["booted_with"] = dict(machine.extra["user_data"])
            machine.boots = request.now
            said = {"type": "invalid_request_error", "message": "server is running"}
            bench.fake.answer(Response(400, said), role="power")

    bench.fake.meanwhile = be_faster
    assert cloud.finish(made, spec, deadline=10).meaning is Meaning.RUNNING


def test_what_a_poweron_says_decides_whether_the_server_is_given_up(
    bench: ScalewayBench,
) -> None:
    cloud, spec = bench.open(), bench.make_spec()
    made = cloud.create_instance(spec, deadline=10)
    bench.fake.no_power = 1
    error = catch(lambda: cloud.finish(made, spec, deadline=10))
    assert type(error) is NoCapacityError
    for status, body, wanted in (
        (429, None, ThrottledError),
        (409, {"type": "transient_state", "message": "busy"}, UnknownOutcomeError),
        (403, {"type": "quotas_exceeded", "message": "too many"}, QuotaError),
        (423, {"type": "locked", "message": "is locked"}, RefusedError),
        (403, {"type": "permissions_denied", "message": "no"}, CredentialsError),
        (502, "<html>", UnknownOutcomeError),
    ):
        bench.fake.answer(Response(status, body), role="power")
        error = catch(lambda: cloud.finish(made, spec, deadline=10))
        assert type(error) is wanted, status
    # It is off still, and can be finished or destroyed.
    assert bench.count_live() == [spec.key]
    cloud.finish(made, spec, deadline=10)


@pytest.mark.parametrize("disk", [{}, LOCAL])
@pytest.mark.parametrize("finished", [False, True])
def test_the_root_volume_is_a_leftover_of_its_fleet_and_deleted(
    bench: ScalewayBench, disk: dict[str, Any], *, finished: bool
) -> None:
    cloud = bench.open()
    spec = bench.make_spec(options=disk)
    made = cloud.create_instance(spec, deadline=10)
    if finished:
        cloud.finish(made, spec, deadline=10)
    assert cloud.list_leftovers("ci", deadline=10) == ()
    cloud.destroy_instance(made.instance_id, deadline=10)
    assert bench.count_live() == []
    left = cloud.list_leftovers("ci", deadline=10)
    if finished and disk:
        assert left == ()  # a local volume goes with a server that is terminated
        assert not things(bench, "l_ssd")
        return
    (volume,) = left
    assert (volume.kind, volume.fleet, volume.key) == ("volume", "ci", spec.key)
    assert volume.detail == ("20 GB" if disk else "10 GB")
    cloud.delete_leftover(volume.resource_id, deadline=10)
    assert not bench.fake.things


def test_a_volume_that_somebody_attached_is_never_tagged_or_deleted(
    bench: ScalewayBench,
) -> None:
    cloud, spec = bench.open(), bench.make_spec()
    made = cloud.create_instance(spec, deadline=10)
    own = bench.fake.add_thing("one", "sbs_volume", server=made.instance_id)
    cloud.finish(made, spec, deadline=10)
    cloud.destroy_instance(made.instance_id, deadline=10)
    for left in cloud.list_leftovers("ci", deadline=10):
        cloud.delete_leftover(left.resource_id, deadline=10)
    assert list(bench.fake.things.values()) == [own]
    assert own["tags"] == []


def test_a_server_of_others_that_is_off_keeps_its_volumes_untagged(
    bench: ScalewayBench,
) -> None:
    machine = bench.fake.plant("theirs", {})
    machine.boots = None
    volume = bench.fake.add_thing("one", "sbs_volume", server=machine.id)
    bench.open().destroy_instance(machine.id, deadline=10)
    assert volume["tags"] == []


def test_a_volume_that_is_gone_is_told_from_one_that_is_forbidden(
    bench: ScalewayBench,
) -> None:
    cloud, spec = bench.open(), bench.make_spec()
    made = cloud.create_instance(spec, deadline=10)
    (volume,) = things(bench, "sbs_volume")
    # 403 both times.
    gone = "block-00000000-0000-4000-8000-00000000dead"
    cloud.delete_leftover(gone, deadline=10)
    bench.fake.volumes_are_forbidden = True
    for act in (
        lambda: cloud.finish(made, spec, deadline=10),
        lambda: cloud.destroy_instance(made.instance_id, deadline=10),
        lambda: cloud.delete_leftover(gone, deadline=10),
        lambda: cloud.check_create(bench.make_spec(), deadline=10),
    ):
        error = catch(act)
        assert type(error) is CredentialsError
        assert "BlockStorageFullAccess" in error.message
    # Nothing that can't be found again is left behind.
    assert bench.count_live() == [spec.key]
    bench.fake.volumes_are_forbidden = False
    del bench.fake.things[volume["id"]]
    machine = bench.fake.machines[made.instance_id]
    assert machine.phase(bench.fake.now) == "off"
    cloud.destroy_instance(made.instance_id, deadline=10)
    assert bench.count_live() == []


def test_a_server_that_starts_is_terminated_as_soon_as_it_is_on(
    bench: ScalewayBench,
) -> None:
    bench.fake.boot, bench.fake.destroying = 30.0, 20.0
    cloud = bench.open()
    made = create(cloud, bench.make_spec())
    error = catch(lambda: cloud.destroy_instance(made.instance_id, deadline=10))
    assert type(error) is UnknownOutcomeError  # so it is tried again
    bench.fake.advance(31)
    cloud.destroy_instance(made.instance_id, deadline=10)
    shown = cloud.get_instance(made.instance_id, deadline=10)
    assert (shown.raw_status, shown.meaning) == ("stopping", Meaning.ENDING)
    # On its way out already: no call is needed.
    since = len(bench.fake.seen)
    cloud.destroy_instance(made.instance_id, deadline=10)
    assert [each.method for each in bench.fake.seen[since:]] == ["GET"]
    bench.fake.advance(21)
    with pytest.raises(MissingError):
        cloud.destroy_instance(made.instance_id, deadline=10)


def test_ipv6_alone_gives_a_flexible_address_that_is_deleted_afterwards(
    bench: ScalewayBench,
) -> None:
    cloud = bench.open(address="ipv6")
    spec = bench.make_spec(options=IPV6_ONLY)
    made = cloud.create_instance(spec, deadline=10)
    # A process dies after the address, before the server is switched on.
    bench.fake.fail(role="power")
    catch(lambda: cloud.finish(made, spec, deadline=10))
    cloud.finish(made, spec, deadline=10)
    (address,) = things(bench, "ip")
    shown = cloud.get_instance(made.instance_id, deadline=10)
    assert shown.address.startswith("2001:db8:")
    assert cloud.list_leftovers("ci", deadline=10) == ()
    cloud.destroy_instance(made.instance_id, deadline=10)
    left = {each.kind: each for each in cloud.list_leftovers("ci", deadline=10)}
    assert set(left) == {"volume", "address"}
    assert left["address"].key == spec.key
    cloud.delete_leftover(left["address"].resource_id, deadline=10)
    assert address["id"] not in bench.fake.things


def test_both_addresses_are_there_and_the_template_chooses(
    bench: ScalewayBench,
) -> None:
    cloud = bench.open(public_ipv6=True)
    shown = {}
    for wanted in ("public", "ipv6"):
        made = create(cloud, bench.make_spec(options={"address": wanted}))
        # A listing knows the template's choice by the server's tag.
        shown[wanted] = bench.open().get_instance(made.instance_id, deadline=10).address
    assert shown["public"].startswith("192.0.2.")
    assert shown["ipv6"].startswith("2001:db8:")


def test_a_server_is_attached_to_its_private_network_once(
    bench: ScalewayBench,
) -> None:
    cloud = bench.open()
    spec = bench.make_spec(options={"private_network": NETWORK_ID})
    made = cloud.create_instance(spec, deadline=10)
    bench.fake.fail(role="power")
    catch(lambda: cloud.finish(made, spec, deadline=10))
    cloud.finish(made, spec, deadline=10)
    machine = bench.fake.machines[made.instance_id]
    assert [n["private_network_id"] for n in machine.extra["nics"]] == [NETWORK_ID]
    wrong = bench.make_spec(options={"private_network": GROUP_ID})
    made = cloud.create_instance(wrong, deadline=10)
    error = catch(lambda: cloud.finish(made, wrong, deadline=10))
    # Not MissingError: that would be repeated for ever.
    assert type(error) is RefusedError
    assert GROUP_ID in error.message
