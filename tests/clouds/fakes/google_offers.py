"""What the fake of Google offers: regions, zones, machine types, images, networks."""

from typing import Any

HOST = "https://www.googleapis.com/compute/v1"
REGIONS = {
    "europe-west1": ("europe-west1-b", "europe-west1-c", "europe-west1-d"),
    "us-central1": ("us-central1-a", "us-central1-b"),
}
ZONES = {zone: region for region, zones in REGIONS.items() for zone in zones}
TYPES = {
    "e2-small": (2, 2048),
    "e2-standard-4": (4, 16384),
    "n2-standard-8": (8, 32768),
}
CREATED = "2026-11-01T08:00:00.000-07:00"


def image(owner: str, name: str, family: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": "compute#image",
        "id": str(abs(hash((owner, name))) % 10**18),
        "creationTimestamp": CREATED,
        "name": name,
        "family": family,
        "status": "READY",
        "diskSizeGb": "10",
        "architecture": "X86_64",
        "selfLink": f"{HOST}/projects/{owner}/global/images/{name}",
        **more,
    }


IMAGES: dict[str, list[dict[str, Any]]] = {
    "ubuntu-os-cloud": [
        image(
            "ubuntu-os-cloud",
            "ubuntu-2404-noble-amd64-v20261020",
            "ubuntu-2404-lts-amd64",
            deprecated={"state": "DEPRECATED"},
        ),
        image(
            "ubuntu-os-cloud",
            "ubuntu-2404-noble-amd64-v20261101",
            "ubuntu-2404-lts-amd64",
            creationTimestamp="2026-11-02T08:00:00.000-07:00",
        ),
        image(
            "ubuntu-os-cloud",
            "ubuntu-2004-focal-v20250101",
            "ubuntu-2004-lts",
            deprecated={"state": "OBSOLETE"},
        ),
    ],
    "debian-cloud": [
        image("debian-cloud", "debian-12-bookworm-v20261001", "debian-12")
    ],
    "own": [image("own", "builders-7", "builders", diskSizeGb="50")],
}
NETWORKS = {"default": "Default network", "builds": "A network of builds"}
SUBNETS = {"default": "10.132.0.0/20", "builders": "10.20.0.0/24"}


def region(project: str, name: str) -> dict[str, Any]:
    base = f"{HOST}/projects/{project}"
    return {
        "kind": "compute#region",
        "id": "1100",
        "creationTimestamp": CREATED,
        "name": name,
        "description": name,
        "status": "UP",
        "zones": [f"{base}/zones/{zone}" for zone in REGIONS[name]],
        "quotas": [
            {"metric": "CPUS", "limit": 24.0, "usage": 20.0},
            {"metric": "IN_USE_ADDRESSES", "limit": 8.0, "usage": 1.0},
            {"metric": "INSTANCES", "limit": 2000.0, "usage": 4.0},
            {"metric": "NVIDIA_T4_GPUS", "limit": 0.0, "usage": 0.0},
            {"metric": "M3_CPUS", "limit": 0.0, "usage": 0.0},
        ],
        "selfLink": f"{base}/regions/{name}",
    }


def machine_type(project: str, zone: str, name: str) -> dict[str, Any]:
    cores, memory = TYPES[name]
    return {
        "kind": "compute#machineType",
        "id": "334004",
        "name": name,
        "guestCpus": cores,
        "memoryMb": memory,
        "zone": zone,
        "isSharedCpu": False,
        "maximumPersistentDisks": 128,
        "maximumPersistentDisksSizeGb": "263168",
        "selfLink": f"{HOST}/projects/{project}/zones/{zone}/machineTypes/{name}",
    }
