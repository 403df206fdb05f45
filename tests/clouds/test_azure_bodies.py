"""The body of a virtual machine's PUT, and the options that make it up."""

from collections.abc import Iterator
from typing import Any

import pytest

from servers.clouds.azure.api import open_api
from servers.clouds.azure.launch import build_body, read_image
from servers.clouds.azure.options import check_options
from servers.clouds.registry import validate_placement_options
from servers.outgoing.errors import RefusedError
from tests.clouds.benches.azure import AzureBench

pytestmark = pytest.mark.pure

SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000001"
GROUP = f"{SUBSCRIPTION}/resourceGroups/shared/providers"
GALLERY = f"{GROUP}/Microsoft.Compute/galleries/acme/images/builder"


@pytest.fixture
def bench() -> Iterator[AzureBench]:
    made = AzureBench()
    with made.run():
        yield made


def body_of(bench: AzureBench, *, spec: Any = None, **options: Any) -> dict[str, Any]:
    config = bench.config(**options)
    return build_body(spec or bench.make_spec(), config.options, open_api(config))


def interface_of(body: dict[str, Any]) -> dict[str, Any]:
    profile = body["properties"]["networkProfile"]
    (found,) = profile["networkInterfaceConfigurations"]
    assert isinstance(found, dict)
    return found


def test_the_plain_body_has_parts_that_go_with_the_machine_and_carry_its_tags(
    bench: AzureBench,
) -> None:
    spec = bench.make_spec(labels={"team": "builds"})
    body = body_of(bench, spec=spec)
    assert body["location"] == "westeurope"
    assert body["tags"] == {
        "team": "builds",
        "serverfleet-fleet": "ci",
        "serverfleet-server": spec.server_id,
        "serverfleet-key": spec.key,
        "serverfleet-name": "agent-1",
    }
    inside = body["properties"]
    assert inside["storageProfile"]["osDisk"] == {
        "name": spec.key,
        "createOption": "FromImage",
        "deleteOption": "Delete",
    }
    tags = {"serverfleet-fleet": "ci", "serverfleet-key": spec.key}
    interface = interface_of(body)
    assert interface["tags"] == tags
    assert interface["properties"]["deleteOption"] == "Delete"
    (ipv4,) = interface["properties"]["ipConfigurations"]
    address = ipv4["properties"]["publicIPAddressConfiguration"]
    assert address["tags"] == tags
    assert address["properties"]["deleteOption"] == "Delete"
    for absent in ("zones", "identity", "plan"):
        assert absent not in body
    for absent in ("priority", "securityProfile", "capacityReservation"):
        assert absent not in inside


def test_each_option_sets_its_part(bench: AzureBench) -> None:
    identity = f"{GROUP}/Microsoft.ManagedIdentity/userAssignedIdentities/builders"
    reserved = f"{GROUP}/Microsoft.Compute/capacityReservationGroups/builders"
    body = body_of(
        bench,
        subnet=f"{GROUP}/Microsoft.Network/virtualNetworks/net/subnets/ci",
        security_group="builders",
        ip_stack="dual",
        zone="2",
        disk_gib=64.0,
        disk_type="Premium_LRS",
        admin_user="builder",
        identities=f"{identity}, {identity}2",
        capacity_reservation=reserved,
        plan="acme/linux/free",
        accelerated_networking=True,
        encryption_at_host=True,
        secure_boot=True,
    )
    inside = body["properties"]
    assert body["zones"] == ["2"]
    assert body["identity"] == {
        "type": "UserAssigned",
        "userAssignedIdentities": {identity: {}, f"{identity}2": {}},
    }
    assert body["plan"] == {"publisher": "acme", "product": "linux", "name": "free"}
    assert inside["storageProfile"]["osDisk"]["diskSizeGB"] == 64
    assert inside["storageProfile"]["osDisk"]["managedDisk"] == {
        "storageAccountType": "Premium_LRS"
    }
    assert inside["capacityReservation"] == {
        "capacityReservationGroup": {"id": reserved}
    }
    assert inside["securityProfile"] == {
        "encryptionAtHost": True,
        "securityType": "TrustedLaunch",
        "uefiSettings": {"secureBootEnabled": True, "vTpmEnabled": True},
    }
    system = inside["osProfile"]
    assert system["adminUsername"] == "builder"
    (key,) = system["linuxConfiguration"]["ssh"]["publicKeys"]
    assert key["path"] == "/home/builder/.ssh/authorized_keys"
    assert key["keyData"].endswith(" nobody")  # Azure creates none without a key
    interface = interface_of(body)["properties"]
    assert interface["enableAcceleratedNetworking"] is True
    assert interface["networkSecurityGroup"]["id"].endswith(
        "/resourceGroups/builders/providers/Microsoft.Network/networkSecurityGroups/"
        "builders"
    )
    versions = [
        each["properties"]["privateIPAddressVersion"]
        for each in interface["ipConfigurations"]
    ]
    assert versions == ["IPv4", "IPv6"]
    names = {
        each["properties"]["publicIPAddressConfiguration"]["name"]
        for each in interface["ipConfigurations"]
    }
    assert len(names) == 2


def test_a_spot_machine_ends_for_good_and_has_a_price(bench: AzureBench) -> None:
    spec = bench.make_spec(spot=True)
    inside = body_of(bench, spec=spec)["properties"]
    assert (inside["priority"], inside["evictionPolicy"]) == ("Spot", "Delete")
    assert inside["billingProfile"] == {"maxPrice": -1}
    priced = body_of(bench, spec=spec, max_price=0.05)["properties"]
    assert priced["billingProfile"] == {"maxPrice": 0.05}


def test_without_a_public_address_none_is_created(bench: AzureBench) -> None:
    interface = interface_of(body_of(bench, public_ip=False, address="private"))
    (ipv4,) = interface["properties"]["ipConfigurations"]
    assert "publicIPAddressConfiguration" not in ipv4["properties"]


def test_an_ephemeral_disk_is_read_only_cached_and_local(bench: AzureBench) -> None:
    disk = body_of(bench, ephemeral_disk="NvmeDisk")["properties"]["storageProfile"]
    assert disk["osDisk"]["diffDiskSettings"] == {
        "option": "Local",
        "placement": "NvmeDisk",
    }
    assert disk["osDisk"]["caching"] == "ReadOnly"


@pytest.mark.parametrize(
    ("image", "wanted"),
    [
        (
            "Canonical:ubuntu-24_04-lts:server:latest",
            {
                "publisher": "Canonical",
                "offer": "ubuntu-24_04-lts",
                "sku": "server",
                "version": "latest",
            },
        ),
        (GALLERY, {"id": GALLERY}),
        (f"{GALLERY}/versions/1.0.0", {"id": f"{GALLERY}/versions/1.0.0"}),
        (
            f"{GROUP}/Microsoft.Compute/images/golden",
            {"id": f"{GROUP}/Microsoft.Compute/images/golden"},
        ),
        (
            "/CommunityGalleries/acme-1/Images/builder",
            {"communityGalleryImageId": "/CommunityGalleries/acme-1/Images/builder"},
        ),
        (
            "/sharedGalleries/acme/images/builder/versions/1.0.0",
            {
                "sharedGalleryImageId": (
                    "/sharedGalleries/acme/images/builder/versions/1.0.0"
                )
            },
        ),
    ],
)
def test_each_kind_of_image_is_named_as_a_machine_refers_to_it(
    image: str, wanted: dict[str, str]
) -> None:
    assert read_image(image) == wanted


@pytest.mark.parametrize(
    "image",
    [
        "ubuntu",
        "Canonical:ubuntu:server",
        "/CommunityGalleries/../Images/x/../../y",
        f"{GALLERY}/versions/1.0.0/../../..",
        "/subscriptions/1/resourceGroups/x/providers/Microsoft.Compute/images/y",
        f"{GROUP}/Microsoft.Network/images/golden",
    ],
)
def test_what_is_no_image_is_refused_before_a_call(image: str) -> None:
    with pytest.raises(RefusedError, match="is not an image"):
        read_image(image)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ephemeral_disk": "CacheDisk", "disk_type": "Premium_LRS"}, "has no type"),
        ({"address": "ipv6"}, "needs ip_stack dual"),
        ({"admin_user": "root"}, "refuses the user name root"),
    ],
)
def test_options_that_do_not_fit_each_other_are_told(
    options: dict[str, Any], words: str
) -> None:
    assert words in check_options(options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"subnet": "only-a-network"}, "such as builders/default"),
        ({"zone": "europe"}, "such as 1."),
        ({"identities": "builders"}, "userAssignedIdentities"),
        ({"plan": "acme/linux"}, "publisher/product/name"),
        ({"disk_gib": 5000}, "from 1 to 4095"),
        ({"max_price": 0}, "from 0.00001 to 1000"),
        ({"capacity_reservation": "builders"}, "capacityReservationGroups"),
    ],
)
def test_an_option_in_another_form_is_refused_with_an_example(
    options: dict[str, Any], words: str
) -> None:
    said = validate_placement_options("azure", options, account_options={})
    assert words in " ".join(said)


@pytest.mark.parametrize(
    ("changes", "options", "words"),
    [
        ({"ssh_key": "my-key"}, {}, "passes no keys by name"),
        ({"size": "Standard D4"}, {}, "is not a size"),
        ({}, {"subnet": ""}, "Set the option subnet"),
        ({}, {"resource_group": ""}, "Set the option resource_group"),
        ({"labels": {"Team": "a", "team": "b"}}, {}, "ignores upper and lower case"),
        ({"labels": {"windows-x": "a"}}, {}, "reserves names"),
    ],
)
def test_what_azure_would_refuse_is_refused_before_a_call(
    bench: AzureBench, changes: dict[str, Any], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(RefusedError, match=words):
        body_of(bench, spec=bench.make_spec(**changes), **options)
    assert bench.fake.seen == []


def test_what_outlives_its_machine_is_a_leftover(bench: AzureBench) -> None:
    cloud, spec = bench.open(), bench.make_spec()
    bench.fake.keeps_parts = True
    made = cloud.create_instance(spec, deadline=10)
    put = next(each for each in bench.fake.seen if each.method == "PUT")
    assert put.ask("api-version") == "2025-04-01"
    assert cloud.list_leftovers("ci", deadline=10) == ()
    cloud.destroy_instance(made.instance_id, deadline=10)
    bench.fake.advance(3600.0)
    left = cloud.list_leftovers("ci", deadline=10)
    assert {each.kind for each in left} == {"disk", "interface", "address"}
    assert {each.key for each in left} == {spec.key}
    for each in left:
        cloud.delete_leftover(each.resource_id, deadline=10)
    assert cloud.list_leftovers("ci", deadline=10) == ()


@pytest.mark.parametrize("cloud", ["usgov", "china"])
def test_another_cloud_of_microsofts_gets_no_tags_that_it_may_not_know(
    bench: AzureBench, cloud: str
) -> None:
    body = body_of(bench, cloud=cloud)
    interface = interface_of(body)
    assert "tags" not in interface
    (ipv4,) = interface["properties"]["ipConfigurations"]
    assert "tags" not in ipv4["properties"]["publicIPAddressConfiguration"]
    assert body["tags"]["serverfleet-fleet"] == "ci"  # the disk gets the machine's
    assert open_api(bench.config(cloud=cloud)).create_version == "2024-03-01"
