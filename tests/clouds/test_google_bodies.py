"""The body of an insert, and the options that make it up."""

from typing import Any

import pytest

from servers.clouds.google.launch import build_body, name_image, read_request_id
from servers.clouds.google.options import check_options
from servers.outgoing.errors import RefusedError
from tests.clouds.benches.google import GoogleBench

pytestmark = pytest.mark.pure

ZONE = "europe-west1-b"


def body_of(*, spec: Any = None, **options: Any) -> dict[str, Any]:
    return build_body(spec or GoogleBench().make_spec(), options, zone=ZONE)


def test_the_plain_body_has_one_disk_that_goes_with_the_instance() -> None:
    spec = GoogleBench().make_spec(labels={"team": "builds"})
    body = body_of(spec=spec)
    labels = {
        "team": "builds",
        "serverfleet-fleet": "ci",
        "serverfleet-server": spec.server_id,
        "serverfleet-key": spec.key,
        "serverfleet-name": "agent-1",
    }
    assert body["name"] == spec.key
    assert body["labels"] == labels
    (disk,) = body["disks"]
    assert (disk["boot"], disk["autoDelete"]) == (True, True)
    assert disk["initializeParams"] == {"sourceImage": spec.image, "labels": labels}
    assert body["networkInterfaces"] == [
        {
            "network": "global/networks/default",
            "accessConfigs": [{"type": "ONE_TO_ONE_NAT", "name": "External NAT"}],
        }
    ]
    assert body["metadata"]["items"] == [{"key": "user-data", "value": spec.user_data}]
    for absent in ("scheduling", "serviceAccounts", "tags", "deletionProtection"):
        assert absent not in body


def test_each_option_sets_its_part() -> None:
    body = body_of(
        network="projects/host/global/networks/shared",
        subnet="projects/host/regions/europe-west1/subnetworks/builders",
        network_tags="builders, linux",
        network_tier="STANDARD",
        disk_gib=50.0,
        disk_type="hyperdisk-balanced",
        disk_iops=3000,
        disk_throughput=140,
        disk_kms_key="projects/p/locations/l/keyRings/r/cryptoKeys/k",
        service_account="builders@acme.iam.gserviceaccount.com",
        scopes=["logging.write", "https://www.googleapis.com/auth/monitoring.write"],
        reservation="builders",
        nested_virtualization=True,
        secure_boot=False,
        block_project_keys=True,
    )
    (interface,) = body["networkInterfaces"]
    assert interface["network"] == "projects/host/global/networks/shared"
    assert interface["subnetwork"].startswith("projects/host/regions/")
    assert interface["accessConfigs"][0]["networkTier"] == "STANDARD"
    assert body["tags"] == {"items": ["builders", "linux"]}
    (disk,) = body["disks"]
    params = disk["initializeParams"]
    assert params["diskSizeGb"] == "50"
    assert params["diskType"] == f"zones/{ZONE}/diskTypes/hyperdisk-balanced"
    assert (params["provisionedIops"], params["provisionedThroughput"]) == (
        "3000",
        "140",
    )
    assert disk["diskEncryptionKey"]["kmsKeyName"].endswith("/k")
    (account,) = body["serviceAccounts"]
    assert account["scopes"] == [
        "https://www.googleapis.com/auth/logging.write",
        "https://www.googleapis.com/auth/monitoring.write",
    ]
    assert body["reservationAffinity"]["values"] == ["builders"]
    assert body["advancedMachineFeatures"] == {"enableNestedVirtualization": True}
    assert body["shieldedInstanceConfig"] == {"enableSecureBoot": False}
    assert {"key": "block-project-ssh-keys", "value": "TRUE"} in body["metadata"][
        "items"
    ]


def test_an_instance_without_a_public_address_has_no_access_from_outside() -> None:
    (interface,) = body_of(public_ip=False)["networkInterfaces"]
    assert "accessConfigs" not in interface
    stack = {"ip_stack": "ipv6", "subnet": "builders"}
    (interface,) = body_of(**stack)["networkInterfaces"]
    assert interface["stackType"] == "IPV6_ONLY"
    assert "accessConfigs" not in interface
    assert interface["ipv6AccessConfigs"][0]["type"] == "DIRECT_IPV6"
    assert interface["subnetwork"] == "regions/europe-west1/subnetworks/builders"
    assert "network" not in interface
    (interface,) = body_of(**stack, public_ip=False)["networkInterfaces"]
    assert "ipv6AccessConfigs" not in interface


@pytest.mark.parametrize(
    ("image", "wanted"),
    [
        ("builders-7", "global/images/builders-7"),
        ("family/builders", "global/images/family/builders"),
        ("global/images/builders-7", "global/images/builders-7"),
        (
            "projects/debian-cloud/global/images/family/debian-12",
            "projects/debian-cloud/global/images/family/debian-12",
        ),
        (
            "https://www.googleapis.com/compute/v1/projects/p/global/images/i-1",
            "projects/p/global/images/i-1",
        ),
        (
            "projects/example.com:acme/global/images/i-1",
            "projects/example.com:acme/global/images/i-1",
        ),
    ],
)
def test_an_image_is_named_as_people_know_it(image: str, wanted: str) -> None:
    assert name_image(image) == wanted


@pytest.mark.parametrize(
    "image", ["", "..", "projects/../x", "a b", "Builders", "gs://x/y", "a/b/c", "x?y"]
)
def test_what_is_no_image_is_refused(image: str) -> None:
    with pytest.raises(RefusedError, match="is not an image"):
        name_image(image)


@pytest.mark.parametrize("key", ["ops", "ops:", "root ssh-ed25519 AAAA", "a:b\nc:d e"])
def test_an_ssh_key_by_name_is_refused_in_words(key: str) -> None:
    with pytest.raises(RefusedError, match="keeps no SSH keys by name"):
        body_of(spec=GoogleBench().make_spec(ssh_key=key))


def test_an_ssh_key_with_its_user_is_metadata() -> None:
    key = "ubuntu:ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI ops@example.com"
    items = body_of(spec=GoogleBench().make_spec(ssh_key=key))["metadata"]["items"]
    assert {"key": "ssh-keys", "value": key} in items


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"disk_iops": 3000}, "IOPS need"),
        ({"disk_iops": 3000, "disk_type": "pd-ssd"}, "IOPS need"),
        ({"disk_throughput": 140, "disk_type": "pd-ssd"}, "Throughput needs"),
        ({"address": "ipv6"}, "needs ip_stack"),
        ({"ip_stack": "dual"}, "needs a subnet"),
        ({"scopes": "logging.write"}, "need a service account"),
        ({"ip_stack": "ipv6", "subnet": "s", "address": "ipv6"}, ""),
        ({"disk_iops": 3000, "disk_type": "hyperdisk-balanced"}, ""),
    ],
)
def test_options_that_do_not_fit_together_are_told(
    options: dict[str, Any], words: str
) -> None:
    said = check_options(options)
    assert words in said
    assert bool(said) is bool(words)


def test_a_token_gives_one_request_id_that_is_no_zero() -> None:
    first = read_request_id("0" * 32)
    assert first == read_request_id("0" * 32) != read_request_id("1" * 32)
    assert len(first) == 36
    assert first != "00000000-0000-0000-0000-000000000000"
