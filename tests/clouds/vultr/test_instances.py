"""Vultr: its instances, what a create call names, and what is looked up before it."""

import pytest

from servers.clouds.base import KEY_TAG, Meaning, NoCapacityError
from servers.clouds.catalogue import ImageQuery
from servers.clouds.registry import validate_placement_options
from servers.clouds.vultr.launch import build_body
from servers.outgoing.errors import CredentialsError, RefusedError, UnknownOutcomeError
from tests.clouds.benches.vultr import VultrBench
from tests.clouds.fakes.vultr import PASSWORD
from tests.clouds.fakes.vultr_offers import FIREWALL, KEY, SNAPSHOTS, VPCS
from tests.clouds.fakes.wire import Response
from tests.clouds.vultr.opening import open_cloud

pytestmark = pytest.mark.pure

HERE, THERE = (vpc["id"] for vpc in VPCS)


def test_an_instance_that_is_installed_is_booting_and_is_destroyed_once_it_can_be(
    bench: VultrBench,
) -> None:
    bench.fake.boot = 60.0
    cloud = bench.open()
    made = cloud.create_instance(bench.make_spec(), deadline=5)
    assert (made.raw_status, made.address) == ("pending/running/none", "")
    seen = []
    for _ in range(3):
        bench.fake.advance(20.1)
        (shown,) = cloud.list_instances("ci", deadline=5).instances
        seen.append((shown.raw_status, shown.meaning, bool(shown.address)))
        if shown.raw_status.endswith("locked"):
            with pytest.raises(UnknownOutcomeError):
                cloud.destroy_instance(made.instance_id, deadline=5)
    assert seen == [
        ("pending/running/none", Meaning.BOOTING, False),
        ("active/stopped/locked", Meaning.BOOTING, True),
        ("active/running/ok", Meaning.RUNNING, True),
    ]
    cloud.destroy_instance(made.instance_id, deadline=5)
    assert bench.count_live() == []


def test_the_password_of_an_instance_is_nowhere(bench: VultrBench) -> None:
    made = bench.open().create_instance(bench.make_spec(), deadline=5)
    assert PASSWORD in str(bench.fake.latest["create"].body)
    assert PASSWORD not in repr(made)


def test_a_create_call_carries_its_options(bench: VultrBench) -> None:
    options = {
        "vpcs": HERE,
        "firewall_group": FIREWALL["id"],
        "tags": "web, db",
        "address": "private",
        "ipv6": True,
    }
    cloud = bench.open()
    spec = bench.make_spec(options=options, ssh_key=KEY["id"])
    assert cloud.check_create(spec, deadline=5) == ()
    made = cloud.create_instance(spec, deadline=5)
    body = bench.fake.machines[made.instance_id].body
    assert (body["label"], body["hostname"]) == (spec.key, "agent-1")
    assert (body["os_id"], body["attach_vpc"]) == (2284, [HERE])
    assert (body["enable_ipv6"], body["backups"]) == (True, "disabled")
    assert {"web", "db", "team:builds"} <= set(body["tags"])
    assert cloud.get_instance(made.instance_id, deadline=5).address == "10.99.0.1"


def test_an_instance_without_ipv4_gets_its_ipv6_address_once_it_runs(
    bench: VultrBench,
) -> None:
    bench.fake.boot = 60.0
    cloud = bench.open(ipv6=True, public_ipv4=False)
    spec = bench.make_spec()
    made = cloud.create_instance(spec, deadline=5)
    assert bench.fake.machines[made.instance_id].body["disable_public_ipv4"] is True
    bench.fake.advance(30.0)
    assert cloud.get_instance(made.instance_id, deadline=5).address == ""
    bench.fake.advance(31.0)
    assert cloud.get_instance(made.instance_id, deadline=5).address == "2001:db8::1"
    chosen = bench.make_spec(options={"address": "ipv6"})
    made = cloud.create_instance(chosen, deadline=5)
    bench.fake.advance(61.0)
    shown = bench.fake.show(bench.fake.machines[made.instance_id], bench.fake.now)
    del shown["v6_main_ip"]  # as the description has it
    shown["v6_networks"] = [{"main_ip": "2001:db8::2"}]
    bench.fake.answer(Response(200, {"instance": shown}), role="get")
    assert cloud.get_instance(made.instance_id, deadline=5).address == "2001:db8::2"


@pytest.mark.parametrize(
    ("image", "parameter", "value"),
    [
        ("os:2284", "os_id", 2284),
        ("app:41", "app_id", 41),
        ("image:docker-ce", "image_id", "docker-ce"),
        (f"snapshot:{SNAPSHOTS[0]['id']}", "snapshot_id", SNAPSHOTS[0]["id"]),
    ],
)
def test_an_image_is_named_by_its_kind(
    bench: VultrBench, image: str, parameter: str, value: object
) -> None:
    spec = bench.make_spec(image=image)
    body = build_body(spec, {}, region="fra")
    named = {"os_id", "app_id", "image_id", "snapshot_id", "iso_id"} & set(body)
    assert (named, body[parameter]) == ({parameter}, value)
    bench.open().check_create(spec, deadline=5)
    assert bench.open().create_instance(spec, deadline=5).live


def test_what_names_nothing_is_refused_unsent(bench: VultrBench) -> None:
    images = ("2284", "os:ubuntu", "iso:1", "snapshot:newest", "os:", "", ":1", "os:01")
    for wrong in (*({"image": each} for each in images), {"ssh_key": "ops"}):
        with pytest.raises(RefusedError):
            bench.open().create_instance(bench.make_spec(**wrong), deadline=5)
    assert bench.fake.seen == []


def test_a_region_is_listed_and_a_key_is_found_in_any(bench: VultrBench) -> None:
    cloud, spec = bench.open(), bench.make_spec()
    made = cloud.create_instance(spec, deadline=5)
    bench.fake.machines[made.instance_id].body["region"] = "ewr"
    assert cloud.list_instances("ci", deadline=5).instances == ()
    (found,) = cloud.find_instances(spec.key, deadline=5)
    assert found.instance_id == made.instance_id
    filters = [set(each.query) - {"per_page"} for each in bench.fake.seen[1:]]
    assert filters == [{"region"}, {"label"}]  # Vultr takes one at a time


def test_an_instance_is_known_by_its_label_or_its_tags(bench: VultrBench) -> None:
    cloud, spec = bench.open(), bench.make_spec()
    made = cloud.create_instance(spec, deadline=5)
    machine = bench.fake.machines[made.instance_id]
    machine.name = "renamed by a person"
    (listed,) = cloud.list_instances("ci", deadline=5).instances
    assert (listed.key, listed.name) == (spec.key, "agent-1")
    machine.name = spec.key
    for tags in ({}, {f"{KEY_TAG}:garbage": ""}):
        machine.tags = dict(tags)
        (listed,) = cloud.list_instances("ci", deadline=5).instances
        assert (listed.key, listed.fleet) == (spec.key, "ci")
    machine.name, machine.tags = "somebody's", {}
    assert cloud.list_instances("ci", deadline=5).instances == ()


def test_a_check_looks_up_permissions_stock_and_all_parts(bench: VultrBench) -> None:
    cloud = bench.open()
    for acls, permission in (
        (["subscriptions_view", "subscriptions"], "Deploy New Servers"),
        (["subscriptions_view", "provisioning"], "Manage Servers"),
    ):
        bench.fake.acls = acls
        with pytest.raises(CredentialsError, match=permission):
            cloud.check_create(bench.make_spec(), deadline=5)
    with pytest.raises(CredentialsError):
        cloud.check_destroy(deadline=5)
    bench.fake.acls = ["manage_users"]  # stands for all of them
    assert cloud.check_create(bench.make_spec(), deadline=5) == ()
    bench.fake.acls = []
    (said,) = cloud.check_create(bench.make_spec(), deadline=5)
    assert "not tested whether it may create" in said
    bench.fake.sold_out = {bench.size}
    with pytest.raises(NoCapacityError):
        cloud.check_create(bench.make_spec(), deadline=5)
    bench.fake.sold_out = set()
    for wrong in (
        {"ssh_key": FIREWALL["id"]},
        {"options": {"vpcs": KEY["id"]}},
        {"options": {"vpcs": THERE}},
        {"options": {"firewall_group": KEY["id"]}},
        {"image": f"snapshot:{SNAPSHOTS[2]['id']}"},  # not complete yet
    ):
        with pytest.raises(RefusedError) as raised:
            cloud.check_create(bench.make_spec(**wrong), deadline=5)
        assert type(raised.value) is RefusedError
        assert raised.value.about


def test_options_that_contradict_each_other_are_refused() -> None:
    for options, words in (
        ({"public_ipv4": False}, "needs ipv6"),
        ({"address": "ipv6"}, "needs ipv6"),
        ({"address": "private"}, "needs vpcs"),
        ({"vpcs": "default"}, "such as 5a4981aa"),
        ({"tags": "a b"}, "such as build-machines"),
        ({"tags": "web,serverfleet-fleet:other"}, "such as build-machines"),
        ({"backups": True}, "unknown"),
    ):
        (said,) = validate_placement_options("vultr", options, account_options={})
        assert words in said


def test_prices_images_and_snapshots_by_rule_are_told(bench: VultrBench) -> None:
    cloud = open_cloud(bench)
    offered = cloud.catalogue(deadline=5)
    sizes = {each.name: each for each in offered.sizes}
    assert str(sizes["vc2-1c-1gb"].price_per_hour) == "0.00700"
    assert "vc2-1c-0.5gb-v6" not in sizes  # another region's
    images = {each.image_id for each in offered.images}
    assert {"os:2284", "app:41", "image:docker-ce"} <= images
    assert not images & {"os:159", "os:164", f"snapshot:{SNAPSHOTS[2]['id']}"}
    rule = ImageQuery(owner="self", pattern="ci-agent-*")
    found = sorted(cloud.find_images(rule, deadline=5), key=lambda each: each.created)
    assert found[-1].image_id == f"snapshot:{SNAPSHOTS[1]['id']}"
    assert len(found) == 2
