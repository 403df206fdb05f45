"""Linode: what a create call carries, what is checked before, what is offered."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from servers.clouds.base import NoCapacityError
from servers.clouds.catalogue import ImageQuery
from servers.clouds.images import find_images
from servers.clouds.linode.adapter import KIND, Linode
from servers.clouds.registry import validate_placement_options
from servers.outgoing.errors import (
    CredentialsError,
    MissingError,
    RefusedError,
)
from tests.clouds.benches.linode import LinodeBench
from tests.clouds.fakes.linode_offers import FIREWALL, FULL, GROUP, VPC
from tests.clouds.fakes.wire import Response

pytestmark = pytest.mark.pure

SUBNET = str(VPC["subnets"][0]["id"])
PUBLIC_KEY = f"ssh-ed25519 {'A' * 68} ops"


@pytest.fixture
def bench() -> Iterator[LinodeBench]:
    made = LinodeBench()
    with made.run():
        yield made


def open_cloud(bench: LinodeBench, **options: Any) -> Linode:
    cloud = bench.open(**options)
    assert isinstance(cloud, Linode)
    return cloud


def test_a_create_call_carries_its_options(bench: LinodeBench) -> None:
    cloud = bench.open()
    options = {
        "firewall": str(FIREWALL),
        "subnet": SUBNET,
        "placement_group": str(GROUP["id"]),
    }
    spec = bench.make_spec(options=options, ssh_key="ops", image="private/4711")
    (untested,) = cloud.check_create(spec, deadline=5)
    assert "user ops" in untested
    made = cloud.create_instance(spec, deadline=5)
    body = bench.fake.machines[made.instance_id].body
    assert (body["firewall_id"], body["placement_group"]) == (101, {"id": 201})
    assert body["interfaces"] == [
        {
            "purpose": "vpc",
            "primary": True,
            "subnet_id": 301,
            "ipv4": {"nat_1_1": "any"},
        }
    ]
    assert body["authorized_users"] == ["ops"]
    spec = bench.make_spec(options={"address": "ipv6"}, ssh_key=PUBLIC_KEY)
    assert cloud.check_create(spec, deadline=5) == ()
    made = cloud.create_instance(spec, deadline=5)
    assert bench.fake.machines[made.instance_id].body["authorized_keys"] == [PUBLIC_KEY]
    assert made.address.startswith("2001:db8::")


def test_each_linode_has_a_root_password_that_nobody_knows(bench: LinodeBench) -> None:
    cloud = bench.open()
    for _ in range(2):
        cloud.create_instance(bench.make_spec(), deadline=5)
    first, second = (
        json.loads(each.body)["root_pass"]
        for each in bench.fake.seen
        if each.role == "create"
    )
    assert first != second
    assert 60 < len(first) <= 128

    def repeat(request: Any) -> None:
        sent = json.loads(request.body or "{}")
        if request.role == "create":
            words = f"{sent['root_pass']} {sent['metadata']['user_data']}"
            said = Response(400, {"errors": [{"reason": words}]})
            bench.fake.answer(said, role="create")

    bench.fake.meanwhile = repeat
    with pytest.raises(RefusedError) as raised:
        cloud.create_instance(bench.make_spec(), deadline=5)
    sent = json.loads(bench.fake.seen[-1].body)
    assert "***" in raised.value.message
    assert sent["root_pass"] not in raised.value.message
    assert sent["metadata"]["user_data"] not in raised.value.message


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"ssh_key": "a key"}, "public key"),
        ({"image": "linode/slackware15.0"}, "no cloud-init"),
        ({"image": "private/4712"}, "is creating"),
        ({"options": {"firewall": "5"}}, "no firewall 5"),
        ({"options": {"subnet": "5"}}, "no VPC subnet 5"),
        ({"options": {"placement_group": "5"}}, "no placement group 5"),
    ],
)
def test_a_check_names_what_does_not_exist_or_does_not_fit(
    bench: LinodeBench, changes: dict[str, Any], wanted: str
) -> None:
    with pytest.raises(RefusedError, match=wanted):
        bench.open().check_create(bench.make_spec(**changes), deadline=5)


def test_a_check_tells_where_there_is_no_room(bench: LinodeBench) -> None:
    for each in bench.fake.room:
        each["available"] = {**each, **FULL} != each
    bench.open().check_create(bench.make_spec(), deadline=5)
    config = replace(bench.config(), region="us-east")
    full = Linode(config, KIND.timings)
    with pytest.raises(NoCapacityError, match="us-east"):
        full.check_create(bench.make_spec(), deadline=5)
    elsewhere = {"subnet": SUBNET}
    bench.fake.room.clear()
    with pytest.raises(RefusedError, match="is in eu-central, not in us-east"):
        full.check_create(bench.make_spec(options=elsewhere), deadline=5)
    nowhere = Linode(replace(config, region="xx-nowhere"), KIND.timings)
    with pytest.raises(RefusedError, match="no region xx-nowhere"):
        nowhere.check_create(bench.make_spec(), deadline=5)


def test_a_check_tells_what_a_restricted_user_may_not(bench: LinodeBench) -> None:
    bench.fake.profile["restricted"] = True
    (untested,) = bench.open().check_create(bench.make_spec(), deadline=5)
    assert "restricted" in untested
    bench.fake.may_add = False
    with pytest.raises(CredentialsError, match="may not add Linodes"):
        bench.open().check_create(bench.make_spec(), deadline=5)


def test_what_a_token_may_not_look_up_is_told(bench: LinodeBench) -> None:
    bench.fake.forbidden["token-one"] = {"firewall"}
    spec = bench.make_spec(options={"firewall": str(FIREWALL)})
    (untested,) = bench.open().check_create(spec, deadline=5)
    assert "firewall" in untested
    whole = open_cloud(bench).catalogue(deadline=5)
    assert whole.has_all_images
    bench.fake.scopes = "linodes:read_write volumes:read_write"
    part = open_cloud(bench).catalogue(deadline=5)
    assert not part.has_all_images
    assert any("images:read_only" in gap for gap in part.gaps)
    assert {each.owner for each in part.images} == {"linode"}


def test_options_that_contradict_each_other_are_refused() -> None:
    for options, words in (
        ({"private_ip": True, "subnet": "5"}, "can't have a private_ip"),
        ({"address": "private"}, "needs private_ip"),
        ({"address": "ipv6", "subnet": "5"}, "can't be reached by IPv6"),
        ({"tags": "a b c"}, "such as build-machines"),
        ({"tags": "web, Serverfleet-fleet:other"}, "ServerFleet's own"),
        ({"firewall": "web"}, "such as 4711"),
        ({"backups": True}, "unknown"),
    ):
        (said,) = validate_placement_options("linode", options, account_options={})
        assert words in said


def test_prices_and_images_by_rule_are_told(bench: LinodeBench) -> None:
    cloud = open_cloud(bench)
    sizes = {each.name: each for each in cloud.catalogue(deadline=5).sizes}
    assert str(sizes["g6-nanode-1"].price_per_hour) == "0.0075"
    dear = Linode(replace(bench.config(), region="us-east"), KIND.timings)
    for size in dear.catalogue(deadline=5).sizes:
        assert (str(size.price_per_hour), size.currency) == ("0.5", "USD")
    rule = ImageQuery(owner="self", pattern="ci-agent-*")
    found = find_images(cloud, KIND.capabilities, rule, deadline=5)
    assert [image.image_id for image in found] == ["private/4711"]


def test_user_data_is_encoded_and_a_volume_in_use_is_no_leftover(
    bench: LinodeBench,
) -> None:
    cloud, spec = bench.open(), bench.make_spec(user_data="#!/bin/sh\necho ä\n")
    made = cloud.create_instance(spec, deadline=5)
    sent = bench.fake.machines[made.instance_id].body["metadata"]["user_data"]
    assert base64.b64decode(sent).decode() == spec.user_data
    number = bench.leave("volumes", spec)
    volume = bench.fake.left[("one", "volumes")][number]
    assert len(cloud.list_leftovers("ci", deadline=5)) == 1
    volume["linode_id"] = int(made.instance_id)
    assert cloud.list_leftovers("ci", deadline=5) == ()
    del volume["linode_id"]  # it does not say
    assert cloud.list_leftovers("ci", deadline=5) == ()
    for odd in ("", "0", "1/attach", "x"):
        cloud.delete_leftover(odd, deadline=5)
        with pytest.raises(MissingError):
            cloud.get_instance(odd, deadline=5)
