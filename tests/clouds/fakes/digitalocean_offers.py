"""What the fake of DigitalOcean offers, in the API's own form."""

from typing import Any

CREATED = "2026-01-30T23:55:00Z"
SLUGS = ["fra1", "nyc3"]


def _size(slug: str, cores: int, gib: int, hourly: float) -> dict[str, Any]:
    return {
        "available": True,
        "description": "Basic",
        "disk": 25 * cores,
        "memory": gib * 1024,
        "price_hourly": hourly,
        "price_monthly": 6.0 * cores,
        "regions": SLUGS,
        "slug": slug,
        "transfer": 1.0,
        "vcpus": cores,
    }


SIZES = [
    _size("s-1vcpu-1gb", 1, 1, 0.00892999954521656),
    _size("s-2vcpu-4gb", 2, 4, 0.0357099995017052),
    _size("gpu-h100x1-80gb", 20, 240, 3.39000010490417),
]
REGIONS = [
    {
        "available": True,
        "features": ["ipv6", "metadata", "storage"],
        "name": slug,
        "sizes": [each["slug"] for each in SIZES],
        "slug": slug,
    }
    for slug in SLUGS
]
IMAGE = {
    "created_at": CREATED,
    "description": "",
    "distribution": "Ubuntu",
    "error_message": "",
    "id": 161547269,
    "min_disk_size": 10,
    "name": "24.04 (LTS) x64",
    "public": True,
    "regions": SLUGS,
    "size_gigabytes": 2.36,
    "slug": "ubuntu-24-04-x64",
    "status": "available",
    "tags": [],
    "type": "base",
}
SNAPSHOT = {
    **IMAGE,
    "id": 4711,
    "name": "ci-agent-1",
    "public": False,
    "slug": None,
    "type": "snapshot",
}
IMAGES = [IMAGE, SNAPSHOT]
KEY: dict[str, Any] = {
    "fingerprint": "3b:16:bf:e4:8b:00:8b:b8:59:8c:a9:d3:f0:19:45:fa",
    "id": 512189,
    "name": "ops",
    "public_key": "ssh-rsa AEXAMPLE",
}
VPC: dict[str, Any] = {
    "created_at": CREATED,
    "default": True,
    "description": "",
    "id": "5a4981aa-9653-4bd1-bef5-d6bff52042e4",
    "ip_range": "10.0.0.0/20",
    "name": "default-fra1",
    "region": "fra1",
    "urn": "do:vpc:5a4981aa-9653-4bd1-bef5-d6bff52042e4",
}
