"""OpenStack's create call: what it carries, and what is checked before it."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from servers.clouds.base import QuotaError
from servers.clouds.openstack.launch import build_body
from servers.clouds.registry import validate_placement_options
from servers.outgoing.errors import RefusedError
from tests.clouds.benches.openstack import OpenStackBench
from tests.clouds.conformance.test_faults import catch
from tests.clouds.fakes.openstack_offers import (
    EXTERNAL_ID,
    FLAVOR_ID,
    IMAGE_ID,
    NETWORK_ID,
    QUEUED_ID,
)

pytestmark = pytest.mark.pure


@pytest.fixture
def bench() -> Iterator[OpenStackBench]:
    made = OpenStackBench()
    with made.run():
        yield made


def test_a_create_call_has_all_that_the_options_say(bench: OpenStackBench) -> None:
    options = {
        "networks": f"{NETWORK_ID}, {EXTERNAL_ID}",
        "security_groups": ["default", "builders"],
        "zone": "nova",
        "config_drive": True,
        "disk_gib": 40,
        "disk_type": "ssd",
        "server_group": NETWORK_ID,
        "address": "ipv6",
    }
    spec = bench.make_spec(ssh_key="ops", options=options)
    bench.open().create_instance(spec, deadline=5)  # as the description has it
    (sent,) = [each for each in bench.fake.seen if each.role == "create"]
    assert sent.headers["openstack-api-version"] == "compute 2.67"
    server = sent.data["server"]
    assert server["networks"] == [{"uuid": NETWORK_ID}, {"uuid": EXTERNAL_ID}]
    assert server["security_groups"] == [{"name": "default"}, {"name": "builders"}]
    assert server["key_name"] == "ops"
    assert server["flavorRef"] == FLAVOR_ID
    assert server["config_drive"] is True
    assert "imageRef" not in server
    (disk,) = server["block_device_mapping_v2"]
    assert disk["uuid"] == IMAGE_ID
    assert disk["delete_on_termination"] is True
    assert (disk["volume_size"], disk["volume_type"]) == (40, "ssd")
    assert server["metadata"]["serverfleet-address"] == "ipv6"
    assert sent.data["os:scheduler_hints"] == {"group": NETWORK_ID}
    assert base64.b64decode(server["user_data"]).decode() == spec.user_data
    body, version = build_body(bench.make_spec(), {})
    assert version == "2.52"
    assert body["server"]["networks"] == "auto"
    assert body["server"]["imageRef"] == IMAGE_ID


def test_options_that_contradict_each_other_are_refused() -> None:
    for options, words in (
        ({"disk_type": "ssd"}, "needs a root disk size"),
        ({"floating_network": EXTERNAL_ID, "address": "private"}, "for nothing"),
        ({"networks": "lan"}, "such as 0317c1e7"),
        ({"interface": "admin"}, "unknown"),
        ({"plain_http": True}, "unknown"),
    ):
        (said,) = validate_placement_options("openstack", options, account_options={})
        assert words in said


def test_a_flavor_is_found_by_its_name_and_kept(bench: OpenStackBench) -> None:
    cloud = bench.open()
    for _ in range(2):
        cloud.create_instance(bench.make_spec(size="m1.tiny"), deadline=5)
    looks = [e for e in bench.fake.seen if "flavors" in e.path]
    assert len(looks) == 1
    error = catch(
        lambda: cloud.create_instance(bench.make_spec(size="m1.twin"), deadline=5)
    )
    assert type(error) is RefusedError
    assert "several" in error.message
    # A refusal may be because of it: it is looked up again.
    bench.fake.quota = 1
    catch(lambda: cloud.create_instance(bench.make_spec(size="m1.tiny"), deadline=5))
    cloud.create_instance(bench.make_spec(size="m1.tiny"), deadline=5)
    assert len([e for e in bench.fake.seen if "flavors" in e.path]) == 3
    # By its id, nothing is looked up.
    cloud.create_instance(bench.make_spec(size=FLAVOR_ID), deadline=5)
    assert len([e for e in bench.fake.seen if "flavors" in e.path]) == 3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image": QUEUED_ID}, "queued, not active"),
        ({"ssh_key": "nobody"}, "no key pair nobody"),
        ({"options": {"networks": IMAGE_ID}}, "no network"),
        ({"options": {"security_groups": "web"}}, "no security group web"),
        ({"options": {"zone": "moon"}}, "no availability zone moon"),
        ({"options": {"floating_network": NETWORK_ID}}, "not external"),
    ],
)
def test_a_check_names_what_does_not_exist(
    bench: OpenStackBench, changes: dict[str, Any], words: str
) -> None:
    spec = bench.make_spec(**changes)
    error = catch(lambda: bench.open().check_create(spec, deadline=5))
    assert type(error) is RefusedError
    assert words in error.message


def test_a_check_tells_a_quota_that_is_used_up(bench: OpenStackBench) -> None:
    bench.fake.most_instances = 1
    whole = {"networks": NETWORK_ID, "security_groups": "default", "zone": "nova"}
    spec = bench.make_spec(ssh_key="ops", options=whole)
    assert bench.open().check_create(spec, deadline=5) == ()
    bench.plant(bench.make_spec())
    error = catch(lambda: bench.open().check_create(spec, deadline=5))
    assert type(error) is QuotaError
    assert "1 of 1 instances" in error.message
