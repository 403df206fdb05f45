"""Answers that Azure itself gave, and what each one means; and what only Azure has.

The recordings are no part of this repository: CLOUD_MATERIAL names their folder.
"""

from typing import Any

import pytest

from servers.clouds.azure.convert import show_instance, show_leftover
from servers.clouds.azure.errors import GroupMissingError, explain
from servers.clouds.azure.network import read_interfaces
from servers.clouds.azure.offers import read_quotas
from servers.clouds.azure.tokens import read_token
from servers.clouds.base import Meaning, NoCapacityError, QuotaError, UnfinishedError
from servers.clouds.catalogue import ImageQuery
from servers.clouds.port import FindsImages
from servers.outgoing.errors import CredentialsError, MissingError, RefusedError
from servers.outgoing.http import Answer
from servers.outgoing.reading import parse_json
from servers.outgoing.reply import Reply
from tests.clouds.benches.azure import AzureBench
from tests.clouds.fakes.azure_show import GROUP, SUBSCRIPTIONS
from tests.clouds.fakes.specs.material import load_json, need_material
from tests.clouds.fakes.wire import Response

pytestmark = pytest.mark.pure


def load(name: str) -> list[dict[str, Any]]:
    path = need_material("azure") / "recordings" / f"{name}.json"
    found: list[dict[str, Any]] = load_json(path)["interactions"]
    return found


def find_errors(name: str) -> list[type[object]]:
    found: list[type[object]] = []
    for each in load(name):
        given = each["response"]
        if given["status"] >= 400:
            body = Response(0, given["body"]).bytes
            answer = Answer(given["status"], "", given.get("headers") or {}, body)
            found.append(type(explain(Reply("Azure", answer, parse_json(body)))))
    return found


def test_each_recorded_refusal_has_its_meaning() -> None:
    assert find_errors("quota-409") == [QuotaError] * 2
    quoted = find_errors("quoted-no-capacity-and-quota")
    assert quoted == [QuotaError, NoCapacityError]
    assert find_errors("authorization-failed-403") == [CredentialsError]
    assert find_errors("group-not-found-404") == [GroupMissingError]
    assert find_errors("spot-priority-and-price") == [RefusedError]
    assert MissingError in find_errors("vm-force-delete")


def test_recorded_machines_disks_quotas_and_tokens_are_read() -> None:
    for each in load("vm-life"):
        body = each["response"]["body"]
        if each["request"]["path"].endswith("/virtualMachines"):
            shown = show_instance(body["value"][0], group="x")
            assert shown.instance_id == "javacsmrg52801/javavm"
            assert (shown.raw_status, shown.meaning) == ("Succeeded", Meaning.RUNNING)
            assert (shown.fleet, shown.key) == ("", "")
    disks = next(e for e in load("disks") if e["request"]["path"].endswith("/disks"))
    left = show_leftover(disks["response"]["body"]["value"][0], "disk", "x")
    assert left is not None
    assert left.detail == "200 GiB"
    quotas = read_quotas(load("usages")[0]["response"]["body"]["value"])
    assert "Total Regional vCPUs" in {each.name for each in quotas}
    token, *_, nic, _view, _sizes, address, disk, _disk = load("token-and-reads")
    assert read_token(token["response"]["body"], "x").keys.text == "neutral"
    nic_body, address_body = nic["response"]["body"], address["response"]["body"]
    known = {address_body["id"].lower(): "192.0.2.3"}
    assert read_interfaces([nic_body], known).private == "10.0.0.7"
    assert show_leftover(address_body, "address", "x") is None
    assert show_leftover(disk["response"]["body"], "disk", "x") is None


def test_an_instance_waits_for_its_host_and_its_lists_find_it_once() -> None:
    bench = AzureBench()
    bench.fake.placing = bench.fake.boot = 60.0
    with bench.run() as fake:
        cloud, spec = bench.open(), bench.make_spec(spot=True)
        made = cloud.create_instance(spec, deadline=10)
        with pytest.raises(UnfinishedError):
            cloud.finish(made, spec, deadline=10)
        fake.advance(61.0)
        assert cloud.finish(made, spec, deadline=10).live
        (listed,) = cloud.list_instances("ci", deadline=10).instances
        assert listed.address
        with bench.counting(1):
            cloud.list_instances("ci", deadline=10)
        inside = fake.machines[made.instance_id].body["properties"]
        interface = inside["networkProfile"]["networkInterfaceConfigurations"][0]
        assert inside["storageProfile"]["osDisk"]["deleteOption"] == "Delete"
        assert interface["properties"]["deleteOption"] == "Delete"
        fake.take_back(fake.machines[made.instance_id])
        (taken,) = cloud.list_instances("ci", deadline=10).instances
        assert taken.interrupted


def test_a_group_that_does_not_exist_is_no_empty_listing() -> None:
    bench = AzureBench()
    with bench.run():
        made = bench.open().create_instance(bench.make_spec(), deadline=10)
        elsewhere = bench.open(resource_group="other")
        with pytest.raises(CredentialsError, match="resource_group"):
            elsewhere.list_instances("ci", deadline=10)
        with pytest.raises(CredentialsError, match="resource_group"):
            elsewhere.find_instances(made.key, deadline=10)
        assert elsewhere.get_instance(made.instance_id, deadline=10).live
        bench.fake.no_capacity = 1
        bench.open().create_instance(bench.make_spec(), deadline=10)
        listed = bench.open().list_instances("ci", deadline=10).instances
        assert [each.no_capacity for each in listed].count(True) == 1


def test_images_are_looked_up_wherever_they_are() -> None:
    bench = AzureBench()
    with bench.run() as fake:
        cloud = bench.open()
        assert isinstance(cloud, FindsImages)
        group = f"/subscriptions/{SUBSCRIPTIONS['one']}/resourceGroups/{GROUP}"
        own = f"{group}/providers/Microsoft.Compute/galleries/acme/images/builder"
        gone = own.replace("acme", "gone")
        community = "/CommunityGalleries/acme-1/Images/builder"
        fixed = "Canonical:ubuntu-24_04-lts:server:24.04.202410170"
        asked = (bench.image, fixed, own, gone, community, bench.bad_image, "x")
        found = cloud.find_images(ImageQuery(ids=asked), deadline=10)
        assert {each.image_id for each in found} == {
            *(bench.image, fixed, own, community),
        }
        versions = {
            each.path.rpartition("/providers/")[2]: each.ask("api-version")
            for each in fake.seen
            if "alleries" in each.path
        }
        # Galleries have versions of their own, also where they belong to a region.
        assert set(versions.values()) == {"2023-07-03"}
        newest = ImageQuery(owner="Canonical", pattern="ubuntu-24_04-lts:server:*")
        (image,) = cloud.find_images(newest, deadline=10)
        # By numbers: 24.04.20240905 is older, although its text is greater.
        assert image.image_id == "Canonical:ubuntu-24_04-lts:server:24.04.202410170"
        assert image.created == "2024-10-17"
        none = ImageQuery(owner="Canonical", pattern="ubuntu-24_04-lts:server:22.*")
        assert cloud.find_images(none, deadline=10) == ()
        for pattern in ("ubuntu-*:server:*", "ubuntu-24_04-lts:*"):
            with pytest.raises(RefusedError, match="in full"):
                cloud.find_images(
                    ImageQuery(owner="Canonical", pattern=pattern), deadline=10
                )
