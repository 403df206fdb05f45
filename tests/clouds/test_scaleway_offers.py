"""Scaleway: options, checks, the catalogue, listings and the project."""

from typing import Any

import pytest

from servers.clouds.base import CreateSpec, NoCapacityError
from servers.clouds.catalogue import ImageQuery
from servers.clouds.registry import open_cloud, validate_placement_options
from servers.clouds.scaleway.launch import build_body
from servers.errors import InvalidError
from servers.outgoing.errors import (
    CredentialsError,
    RefusedError,
)
from tests.clouds.benches.scaleway import ScalewayBench
from tests.clouds.conformance.test_faults import catch
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
