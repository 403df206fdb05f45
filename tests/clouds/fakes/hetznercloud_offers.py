"""What the fake of Hetzner Cloud offers, in the API's own form."""

from typing import Any

CREATED = "2026-01-30T23:55:00Z"
LOCATION = {
    "city": "Falkenstein",
    "country": "DE",
    "description": "Falkenstein DC Park 1",
    "id": 1,
    "latitude": 50.47612,
    "longitude": 12.370071,
    "name": "fsn1",
    "network_zone": "eu-central",
}
LOCATIONS = [LOCATION, {**LOCATION, "id": 2, "name": "nbg1", "city": "Nuremberg"}]
NO_DELETE = {"delete": False}


def _price(hourly: str, location: str = "fsn1") -> dict[str, Any]:
    both = {"net": hourly, "gross": hourly}
    return {
        "included_traffic": 654321,
        "location": location,
        "price_hourly": both,
        "price_monthly": both,
        "price_per_tb_traffic": both,
    }


def _server_type(number: int, name: str, cores: int, gib: int) -> dict[str, Any]:
    return {
        "architecture": "x86",
        "category": "Shared vCPU",
        "cores": cores,
        "cpu_type": "shared",
        "deprecated": False,
        "deprecation": None,
        "description": name.upper(),
        "disk": 20 * cores,
        "id": number,
        "locations": [
            {"deprecation": None, "id": each["id"], "name": each["name"]}
            for each in LOCATIONS
        ],
        "memory": gib,
        "name": name,
        "prices": [_price("0.0060000000", str(each["name"])) for each in LOCATIONS],
        "storage_type": "local",
    }


TYPES = [_server_type(1, "cx22", 2, 4), _server_type(2, "cx32", 4, 8)]
IMAGE = {
    "architecture": "x86",
    "bound_to": None,
    "created": CREATED,
    "created_from": None,
    "deleted": None,
    "deprecated": None,
    "description": "Ubuntu 24.04",
    "disk_size": 10,
    "id": 161547269,
    "image_size": None,
    "labels": {},
    "name": "ubuntu-24.04",
    "os_flavor": "ubuntu",
    "os_version": "24.04",
    "protection": NO_DELETE,
    "rapid_deploy": True,
    "status": "available",
    "type": "system",
}
IMAGES = [IMAGE, {**IMAGE, "id": 4711, "name": None, "type": "snapshot"}]
_TYPE_IDS = [each["id"] for each in TYPES]
DATACENTER: dict[str, Any] = {
    "description": "Falkenstein 1 DC 8",
    "id": 1,
    "location": LOCATION,
    "name": "fsn1-dc8",
    "server_types": {
        "available": _TYPE_IDS,
        "available_for_migration": _TYPE_IDS,
        "supported": _TYPE_IDS,
    },
}
_BOTH = {"net": "1.0000000000", "gross": "1.1900000000"}
_MONTHLY = {"price_monthly": _BOTH}
_PER_GB = {"price_per_gb_month": _BOTH}
PRICES: dict[str, Any] = {
    "currency": "EUR",
    "floating_ip": _MONTHLY,
    "floating_ips": [],
    "image": _PER_GB,
    "load_balancer_types": [],
    "primary_ips": [],
    "server_backup": {"percentage": "20.0000000000"},
    "server_types": [],
    "vat_rate": "19.000000",
    "volume": _PER_GB,
}
KEY = {
    "created": CREATED,
    "fingerprint": "b7:2f:30:a0:2f:6c:58:6c:21:04:58:61:ba:06:3b:2f",
    "id": 2323,
    "labels": {},
    "name": "ops",
    "public_key": "ssh-ed25519 AAAA",
}
