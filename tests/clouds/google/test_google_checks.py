"""Compute Engine: what is checked before an insert, and what is offered."""

from typing import Any

import pytest

from servers.clouds.catalogue import ImageQuery
from servers.clouds.google.options import OPTIONS
from servers.clouds.port import Cloud, FindsImages, TellsQuotas
from servers.outgoing.errors import CredentialsError, RefusedError
from tests.clouds.benches.google import GoogleBench
from tests.clouds.google.creating import IN_B, create

pytestmark = pytest.mark.pure

UBUNTU = "projects/ubuntu-os-cloud/global/images"


def test_each_option_is_in_the_words_of_the_api(
    bench: GoogleBench, cloud: Cloud
) -> None:
    # Where its description is at hand, the bench holds the calls to it.
    everything = {
        **IN_B,
        "network": "builds",
        "subnet": "builders",
        "network_tags": "builders",
        "ip_stack": "dual",
        "public_ip": True,
        "network_tier": "PREMIUM",
        "address": "ipv6",
        "disk_gib": 50,
        "disk_type": "hyperdisk-balanced",
        "disk_iops": 3000,
        "disk_throughput": 140,
        "disk_kms_key": "projects/p/locations/l/keyRings/r/cryptoKeys/k",
        "service_account": "builders@acme.iam.gserviceaccount.com",
        "scopes": "logging.write",
        "reservation": "builders",
        "nested_virtualization": True,
        "secure_boot": True,
        "block_project_keys": True,
    }
    assert set(everything) == {field.name for field in OPTIONS}
    key = "ubuntu:ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI ops"
    create(bench, options=everything, ssh_key=key, spot=True)
    assert cloud.check_create(bench.make_spec(options=everything), deadline=10) == ()
    create(bench, options={"reservation": "none", "ip_stack": "ipv6", "subnet": "b"})


def test_the_rights_that_are_missing_are_named(
    bench: GoogleBench, cloud: Cloud
) -> None:
    bench.fake.denied = {"compute.disks.create", "compute.zoneOperations.list"}
    with pytest.raises(CredentialsError, match=r"lack .*disks\.create.*Operations"):
        cloud.check_create(bench.make_spec(), deadline=10)
    # Where that can't be asked, the rest is still looked up.
    bench.fake.forbidden["token-one"] = {"rights"}
    (untested,) = cloud.check_create(bench.make_spec(), deadline=10)
    assert "was not tested" in untested


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"options": {"network": "nowhere"}}, "no network global/networks/nowhere"),
        ({"options": {"subnet": "nowhere"}}, "no subnet .*subnetworks/nowhere"),
        (
            {"image": "builders-7", "options": {"disk_gib": 20}},
            "needs a root disk of 50",
        ),
        (
            {"image": f"{UBUNTU}/ubuntu-2004-focal-v20250101"},
            "is OBSOLETE",
        ),
        ({"image": "family/none"}, "no image global/images/family/none"),
    ],
)
def test_what_an_insert_refers_to_is_looked_up(
    bench: GoogleBench, cloud: Cloud, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(RefusedError, match=words):
        cloud.check_create(bench.make_spec(**changes), deadline=10)


def test_images_are_found_by_rule_and_by_the_id_that_a_template_has(
    cloud: Cloud,
) -> None:
    assert isinstance(cloud, FindsImages)
    rule = ImageQuery(owner="ubuntu-os-cloud", pattern="ubuntu-2404-*")
    found = cloud.find_images(rule, deadline=10)
    newest = max(found, key=lambda each: each.created)
    path = "projects/ubuntu-os-cloud/global/images/"
    assert newest.image_id == f"{path}ubuntu-2404-noble-amd64-v20261101"
    assert {each.owner for each in found} == {"ubuntu-os-cloud"}
    ids = (
        f"{path}family/ubuntu-2404-lts-amd64",
        "builders-7",
        "family/builders",
        f"{path}ubuntu-2404-noble-amd64-v20261020",  # deprecated, which works
        f"{path}ubuntu-2004-focal-v20250101",  # obsolete
        "builders-6",
        "no image at all",
    )
    known = cloud.find_images(ImageQuery(ids=ids), deadline=10)
    assert [each.image_id for each in known] == list(ids[:4])
    assert [each.owner for each in known[:2]] == ["ubuntu-os-cloud", "project-one"]
    for pattern in ("UBUNTU*", "a b", "(x)", "no-such-*"):
        rule = ImageQuery(owner="ubuntu-os-cloud", pattern=pattern)
        assert cloud.find_images(rule, deadline=10) == ()


def test_the_scarcest_quotas_come_first(cloud: Cloud) -> None:
    assert isinstance(cloud, TellsQuotas)
    quotas = cloud.list_quotas(deadline=10)
    assert [(each.name, each.limit, each.used, each.unit) for each in quotas] == [
        ("CPUS_ALL_REGIONS", 32.0, 28.0, "vCPUs"),
        ("CPUS", 24.0, 20.0, "vCPUs"),
        ("IN_USE_ADDRESSES", 8.0, 1.0, "addresses"),
        ("INSTANCES", 2000.0, 4.0, "instances"),
    ]
