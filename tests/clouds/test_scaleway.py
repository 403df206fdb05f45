"""Scaleway: a server in several calls, what outlives it, and its options."""

from typing import Any

import pytest

from servers.clouds.base import CreateSpec, Meaning, NoCapacityError, QuotaError
from servers.clouds.catalogue import ImageQuery
from servers.clouds.registry import open_cloud, validate_placement_options
from servers.clouds.scaleway.launch import build_body, tag_beside
from servers.errors import InvalidError
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
from tests.clouds.fakes.scaleway_offers import (
    GROUP_ID,
    IMAGE_ID,
    LABEL,
    NETWORK_ID,
    OWN_IMAGE_ID,
    PLACEMENT_ID,
    PROJECTS,
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


def catch(act: Any) -> CallError:
    with pytest.raises(CallError) as raised:
        act()
    return raised.value


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


def test_options_are_parts_of_the_create_call(bench: ScalewayBench) -> None:
    def build(spec: CreateSpec, **options: Any) -> dict[str, Any]:
        return build_body(spec, options, project=PROJECTS["one"])

    spec = bench.make_spec()
    plain = build(spec)
    assert plain["dynamic_ip_required"] is True
    assert plain["project"] == PROJECTS["one"]
    assert "volumes" not in plain
    assert f"serverfleet-key={spec.key}" in plain["tags"]
    whole = build(
        spec,
        disk_gb=40,
        security_group=GROUP_ID,
        placement_group=PLACEMENT_ID,
        **IPV6_ONLY,
    )
    assert whole["volumes"] == {"0": {"size": 40 * 10**9, "volume_type": "sbs_volume"}}
    assert (whole["security_group"], whole["placement_group"]) == (
        GROUP_ID,
        PLACEMENT_ID,
    )
    assert whole["dynamic_ip_required"] is False
    local = build(spec, **LOCAL)
    assert local["volumes"]["0"]["volume_type"] == "l_ssd"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"public_ipv4": False}, "needs a public address"),
        ({"address": "ipv6"}, "needs public_ipv6"),
        ({"disk_type": "l_ssd"}, "needs a root volume size"),
        ({"disk_gb": 0}, "from 1"),
        ({"disk_gb": 1.5}, "whole"),
        ({"disk_type": "floppy"}, "sbs_volume"),
        ({"security_group": "default"}, "value such as"),
        ({"private_network": "../ips"}, "value such as"),
        ({"zone": "fr-par-1"}, "unknown"),
    ],
)
def test_wrong_options_are_refused_when_they_are_entered(
    options: dict[str, Any], words: str
) -> None:
    (said,) = validate_placement_options("scaleway", options, account_options={})
    assert words in said


def test_a_choice_of_ssh_keys_and_a_wrong_zone_are_refused(
    bench: ScalewayBench,
) -> None:
    cloud = bench.open()
    spec = bench.make_spec(ssh_key="ops")
    error = catch(lambda: cloud.create_instance(spec, deadline=10))
    assert type(error) is RefusedError
    assert "all SSH keys" in error.message
    assert bench.fake.seen == []
    for wrong in ("", "fr-par", "fr-par-1/../x", "FR-PAR-1"):
        config = bench.config()
        with pytest.raises(InvalidError):
            open_cloud("scaleway", type(config)("a", wrong, config.endpoint))


def test_a_check_tells_shortage_and_what_does_not_fit(bench: ScalewayBench) -> None:
    cloud = bench.open()

    def check(**changes: Any) -> Any:
        return cloud.check_create(bench.make_spec(**changes), deadline=10)

    assert check() == ()
    assert check(image=IMAGE_ID) == ()
    untested = check(options={"private_network": NETWORK_ID})
    assert untested == ("ServerFleet could not test the private network.",)
    assert check(options={"security_group": GROUP_ID}) == ()
    for changes, words in (
        ({"size": "START1-S"}, "no longer offers"),
        ({"size": "COPARM1-2C-8G"}, "no build"),
        ({"size": "COPARM1-2C-8G", "image": IMAGE_ID}, "is for x86_64"),
        ({"image": "00000000-0000-4000-8000-00000000dead"}, "has no image"),
        ({"options": {"security_group": NETWORK_ID}}, "no security group"),
    ):
        error = catch(lambda changes=changes: check(**changes))
        assert type(error) is RefusedError
        assert words in error.message
    bench.fake.shortage = {"DEV1-S"}
    error = catch(check)
    assert type(error) is NoCapacityError
    assert "shortage" in error.message


def test_the_catalogue_has_prices_and_all_pages(bench: ScalewayBench) -> None:
    bench.fake.page = 1
    offered = bench.open().catalogue(deadline=10)
    sizes = {each.name: each for each in offered.sizes}
    assert set(sizes) == {"DEV1-S", "DEV1-M", "COPARM1-2C-8G"}
    small = sizes["DEV1-S"]
    assert (small.cores, small.memory_mib) == (2, 2048)
    assert (str(small.price_per_hour), small.currency) == ("0.00876", "EUR")
    assert {each.image_id for each in offered.images} == {LABEL, OWN_IMAGE_ID}
    assert {"fr-par-1", "nl-ams-2", "pl-waw-3", "it-mil-1"} <= set(offered.regions)


def test_images_are_found_by_id_label_and_rule(bench: ScalewayBench) -> None:
    cloud: Any = bench.open()
    asked = (IMAGE_ID, OWN_IMAGE_ID, LABEL, "macos", GROUP_ID, "a b/../c")
    found = cloud.find_images(ImageQuery(ids=asked), deadline=10)
    assert {each.image_id for each in found} == {IMAGE_ID, OWN_IMAGE_ID, LABEL}
    rule = ImageQuery(owner="project", pattern="builder-*")
    (own,) = cloud.find_images(rule, deadline=10)
    assert own.image_id == OWN_IMAGE_ID


def test_quotas_of_the_zone_are_told(bench: ScalewayBench) -> None:
    cloud: Any = bench.open()
    quotas = cloud.list_quotas(deadline=10)
    assert [(each.limit, each.used) for each in quotas] == [(20, None), (50, None)]


def test_the_identity_is_the_project_that_the_key_can_read(
    bench: ScalewayBench,
) -> None:
    cloud = bench.open()
    assert cloud.fetch_identity(deadline=10) == PROJECTS["one"]
    # The project of another organization.
    config = bench.config("two")
    mixed = {**config.credentials, "project_id": PROJECTS["one"]}
    foreign = open_cloud(
        "scaleway", type(config)("a", bench.region, config.endpoint, mixed)
    )
    error = catch(lambda: foreign.fetch_identity(deadline=10))
    assert type(error) is CredentialsError
    assert "no project" in error.message
    # A key that may use servers alone can't tell; one that is unknown can.
    bench.fake.forbidden["token-one"] = {"identity"}
    assert cloud.fetch_identity(deadline=10) == PROJECTS["one"]
    stranger = bench.open("nobody")
    error = catch(lambda: stranger.fetch_identity(deadline=10))
    assert "secret key is unknown" in error.message


def test_a_listing_asks_for_its_project_and_one_exact_tag(
    bench: ScalewayBench,
) -> None:
    cloud, spec = bench.open(), bench.make_spec()
    create(cloud, spec)
    create(cloud, bench.make_spec(fleet="ci-two"))
    cloud.list_instances("ci", deadline=10)
    asked = bench.fake.seen[-1]
    assert asked.ask("tags") == "serverfleet-fleet=ci"
    assert asked.ask("project") == PROJECTS["one"]
    # A cloud that drops its filters changes nothing.
    whole = bench.fake.latest["list"]
    everything = Response(
        200,
        {"servers": [bench.fake.show(m, bench.fake.now) for m in _machines(bench)]},
        whole.headers,
    )
    bench.fake.answer(everything, role="list")
    (listed,) = cloud.list_instances("ci", deadline=10).instances
    assert listed.key == spec.key


def _machines(bench: ScalewayBench) -> list[Any]:
    return list(bench.fake.machines.values())
