"""What the fake of Scaleway offers, in the API's own form."""

from typing import Any

ZONE = "fr-par-1"
CREATED = "2025-11-04T10:17:37.110747+00:00"
PROJECTS = {
    "one": "11111111-2222-4333-8444-555555555501",
    "two": "11111111-2222-4333-8444-555555555502",
}
ORGANIZATION = "8ebebebe-4eea-426a-a17e-5015f7a5fad8"
IMAGE_ID = "5bffc013-3604-4c88-afc1-39ccb31b4ca0"
OWN_IMAGE_ID = "00e6faaa-9f60-45b7-a517-1716bf17b222"
LABEL = "ubuntu_noble"
GROUP_ID = "26bfe8e9-769c-484f-a822-68eb07ca609a"
PLACEMENT_ID = "0fa48d8f-6a93-419f-ad8d-a73d4b5a3f5f"
NETWORK_ID = "40c18ee2-2db9-4333-a553-08e15c90dfcb"


def _make_type(cores: int, gib: int, price: float, arch: str) -> dict[str, Any]:
    return {
        "alt_names": [],
        "arch": arch,
        "ncpus": cores,
        "ram": gib * 1024**3,
        "gpu": 0,
        "gpu_info": None,
        "volumes_constraint": {"min_size": 0, "max_size": 0},
        "per_volume_constraint": {
            "l_ssd": {"min_size": 1000000000, "max_size": 800000000000}
        },
        "scratch_storage_max_size": 0,
        "scratch_storage_max_volumes_count": 0,
        "monthly_price": price * 730,
        "hourly_price": price,
        "block_bandwidth": 209715200,
        "end_of_service": False,
    }


TYPES: dict[str, dict[str, Any]] = {
    "DEV1-S": _make_type(2, 2, 0.00876, "x86_64"),
    "DEV1-M": _make_type(3, 4, 0.020196, "x86_64"),
    "COPARM1-2C-8G": _make_type(2, 8, 0.0426, "arm64"),
    "START1-S": {**_make_type(2, 2, 0.01, "x86_64"), "end_of_service": True},
}
IMAGE: dict[str, Any] = {
    "id": IMAGE_ID,
    "name": "Ubuntu 24.04 Noble Numbat",
    "organization": "d9de87f8-9400-462a-a001-9e327f7512fe",
    "project": "d9de87f8-9400-462a-a001-9e327f7512fe",
    "root_volume": {
        "volume_type": "sbs_snapshot",
        "id": "3ea193e0-f405-47a7-a259-3debb67d5493",
        "size": 0,
        "name": "",
    },
    "extra_volumes": {},
    "public": True,
    "arch": "x86_64",
    "creation_date": CREATED,
    "modification_date": CREATED,
    "default_bootscript": None,
    "from_server": "",
    "state": "available",
    "tags": [],
    "zone": ZONE,
}
OWN_IMAGE = {**IMAGE, "id": OWN_IMAGE_ID, "name": "builder-20260101", "public": False}
LOCAL_IMAGES: list[dict[str, Any]] = [
    {
        "id": IMAGE_ID,
        "arch": "x86_64",
        "zone": ZONE,
        "compatible_commercial_types": ["DEV1-M", "DEV1-S"],
        "label": LABEL,
        "type": "instance_sbs",
    }
]
LABELS: list[dict[str, Any]] = [
    {
        "id": "1fc1e3f8-edef-4f01-aa86-54b3f04f2db9",
        "name": "Ubuntu 24.04 Noble Numbat",
        "description": "",
        "logo": "",
        "categories": ["distribution"],
        "label": LABEL,
        "created_at": "2024-04-25T00:00:00Z",
        "updated_at": "2025-11-04T00:00:00Z",
        "valid_until": None,
    }
]
GROUP: dict[str, Any] = {
    "id": GROUP_ID,
    "name": "Default security group",
    "description": "",
    "enable_default_security": True,
    "inbound_default_policy": "accept",
    "outbound_default_policy": "accept",
    "organization": ORGANIZATION,
    "project": PROJECTS["one"],
    "tags": [],
    "project_default": True,
    "servers": [],
    "stateful": True,
    "state": "available",
    "zone": ZONE,
}


def make_quotum(name: str, limit: int, zone: str = ZONE) -> dict[str, Any]:
    """Return a quota in one zone. Its name is invented."""
    return {
        "name": name,
        "pretty_name": name.replace("_", " "),
        "unit": "instances",
        "description": "",
        "locality_type": "zone",
        "limits": [{"zone": zone, "limit": limit, "unlimited": False}],
    }
