"""What the fake of Vultr offers, in the API's own form."""

from typing import Any

CREATED = "2026-01-30T23:55:00+00:00"
REGIONS = [
    {
        "city": city,
        "continent": continent,
        "country": country,
        "id": region,
        "options": ["ddos_protection", "kubernetes"],
    }
    for region, city, country, continent in (
        ("fra", "Frankfurt", "DE", "Europe"),
        ("ewr", "New Jersey", "US", "North America"),
    )
]


def _plan(plan: str, cores: int, gib: int, monthly: float) -> dict[str, Any]:
    return {
        "bandwidth": 1024,
        "disk": 25 * cores,
        "disk_count": 1,
        "hourly_cost": round(monthly / 730, 3),
        "id": plan,
        "locations": ["fra", "ewr"],
        "monthly_cost": monthly,
        "ram": gib * 1024,
        "type": "vc2",
        "vcpu_count": cores,
    }


PLANS: list[dict[str, Any]] = [
    _plan("vc2-1c-1gb", 1, 1, 5),
    _plan("vc2-2c-4gb", 2, 4, 20),
    {**_plan("vc2-1c-0.5gb-v6", 1, 1, 2.5), "locations": ["ewr"]},
]
SYSTEMS: list[dict[str, Any]] = [
    {"arch": "x64", "family": "iso", "id": 159, "name": "Custom"},
    {"arch": "x64", "family": "snapshot", "id": 164, "name": "Snapshot"},
    {"arch": "x64", "family": "ubuntu", "id": 2284, "name": "Ubuntu 24.04 LTS x64"},
    {"arch": "x64", "family": "debian", "id": 2136, "name": "Debian 12 x64 (bookworm)"},
]
APPLICATIONS: list[dict[str, Any]] = [
    {
        "deploy_name": "LEMP on CentOS 7 x64",
        "id": 41,
        "image_id": "",
        "name": "LEMP",
        "short_name": "lemp",
        "type": "one-click",
        "vendor": "vultr",
    },
    {
        "deploy_name": "Docker on Ubuntu 24.04 x64",
        "id": 1266,
        "image_id": "docker-ce",
        "name": "Docker",
        "short_name": "docker-ce",
        "type": "marketplace",
        "vendor": "vultr",
    },
]
SNAPSHOTS: list[dict[str, Any]] = [
    {
        "app_id": 0,
        "date_created": f"2026-0{number}-01T00:00:00+00:00",
        "description": f"ci-agent-{number}",
        "id": f"5f3a1f0e-7c1b-4c9d-9d55-00000000000{number}",
        "os_id": 2284,
        "size": 26843545600,
        "status": status,
    }
    for number, status in ((1, "complete"), (2, "complete"), (3, "pending"))
]
KEY: dict[str, Any] = {
    "date_created": CREATED,
    "id": "30982b41-6ff8-4056-a48b-b7b6f28df9e8",
    "name": "ops",
    "ssh_key": "ssh-ed25519 AEXAMPLE",
}
VPCS: list[dict[str, Any]] = [
    {
        "date_created": CREATED,
        "description": f"builds in {region}",
        "id": f"7a7c3d0e-1f0b-4c55-8b5c-0000000000{region.encode().hex()[:2]}",
        "region": region,
        "v4_subnet": "10.99.0.0",
        "v4_subnet_mask": 24,
    }
    for region in ("fra", "ewr")
]
FIREWALL: dict[str, Any] = {
    "date_created": CREATED,
    "date_modified": CREATED,
    "description": "builds",
    "id": "cb676a46-66fd-4dfb-b839-443f2e6c0b60",
    "instance_count": 0,
    "max_rule_count": 50,
    "rule_count": 2,
}
ACLS = [
    *("subscriptions_view", "subscriptions", "provisioning", "billing", "support"),
    *("firewall", "upgrade"),
]
