"""What the fake of Linode offers, in the API's own form."""

from typing import Any

CREATED = "2026-01-30T23:55:00"
SLUGS = ["eu-central", "us-east"]
FULL = {"region": "us-east", "plan": "g6-nanode-1"}  # what has no room


def _plan(slug: str, cores: int, mib: int, hourly: float) -> dict[str, Any]:
    price = {"hourly": hourly, "monthly": round(hourly * 667, 1)}
    return {
        "addons": {"backups": {"price": {"hourly": 0.003, "monthly": 2.0}}},
        "class": "standard",
        "disk": 25600 * cores,
        "gpus": 0,
        "id": slug,
        "label": f"Linode {mib // 1024}GB",
        "memory": mib,
        "network_out": 1000,
        "price": price,
        "region_prices": [{"id": "us-east", "hourly": 0.5, "monthly": 300.0}],
        "successor": None,
        "transfer": 1000,
        "vcpus": cores,
    }


PLANS = [
    _plan("g6-nanode-1", 1, 1024, 0.0075),
    _plan("g6-standard-2", 2, 4096, 0.036),
]
REGIONS = [
    {
        "capabilities": ["Linodes", "Metadata", "Vlans"],
        "country": slug[:2],
        "id": slug,
        "label": slug,
        "placement_group_limits": {
            "maximum_linodes_per_pg": 5,
            "maximum_pgs_per_customer": None,
        },
        "resolvers": {"ipv4": "192.0.2.1", "ipv6": "2001:db8::1"},
        "status": "ok",
    }
    for slug in SLUGS
]
ROOM = [
    {"region": slug, "plan": plan["id"], "available": True}
    for slug in SLUGS
    for plan in PLANS
]


def _image(number: str, label: str, **more: Any) -> dict[str, Any]:
    return {
        "capabilities": ["cloud-init"],
        "created": CREATED,
        "created_by": "linode",
        "deprecated": False,
        "description": None,
        "eol": None,
        "expiry": None,
        "id": number,
        "is_public": True,
        "label": label,
        "size": 2500,
        "status": "available",
        "type": "manual",
        "updated": CREATED,
        "vendor": "Ubuntu",
        **more,
    }


PRIVATE = {"is_public": False, "created_by": "ops", "vendor": None, "capabilities": []}
IMAGES = [
    _image("linode/ubuntu24.04", "Ubuntu 24.04 LTS"),
    _image("linode/slackware15.0", "Slackware 15.0", capabilities=[]),
    _image("private/4711", "ci-agent-1", **PRIVATE),
    _image("private/4712", "ci-agent-2", **{**PRIVATE, "status": "creating"}),
]
PROFILE: dict[str, Any] = {
    "authentication_type": "password",
    "authorized_keys": None,
    "email": "user@example.com",
    "email_notifications": True,
    "ip_whitelist_enabled": False,
    "lish_auth_method": "password_keys",
    "restricted": False,
    "timezone": "GMT",
    "two_factor_auth": True,
    "uid": 1,
    "username": "ops",
    "verified_phone_number": None,
}
FIREWALL = 101
GROUP = {"id": 201, "label": "spread", "region": "eu-central"}
VPC: dict[str, Any] = {
    "id": 300,
    "label": "builds",
    "region": "eu-central",
    "subnets": [{"id": 301, "label": "agents", "ipv4": "10.0.0.0/24"}],
}
