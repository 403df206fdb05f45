"""What the fake of OpenStack offers, in the form of the recorded answers."""

from typing import Any

CREATED = "2026-01-30T23:55:00Z"
REGION = "RegionOne"
NETWORK_ID = "0317c1e7-91cf-4084-aa23-736126cebae0"
EXTERNAL_ID = "1dcec91b-969e-4229-a859-616ec3b5120e"
SUBNET_ID = "81deb99c-eb54-443e-a11e-edab3a73ab84"
IMAGE_ID = "67fd6e6a-1f9a-4a43-adf9-bc9f07734338"
HIDDEN_ID = "1b6e2b4c-6a0c-4b7e-9d76-0a3f0f0f5c11"
OWN_ID = "7a1d9c52-3f35-4a3b-8f4e-5d7f2c9be0a7"
OLD_OWN_ID = "6a1d9c52-3f35-4a3b-8f4e-5d7f2c9be0a6"
OWN_PROJECT = "f97c5d29941bfb1b2fdab0874906ab82"  # of account one
ADMIN_PROJECT = "43910d2854ca55144f32471f74f14c40"
QUEUED_ID = "15f0792a-0779-48da-aa29-4385b2c33e8b"
FLAVOR_ID = "fd179df5-8c75-449d-a591-dfef0fe18ba7"


def _flavor(flavor_id: str, name: str, cores: int, memory: int) -> dict[str, Any]:
    return {
        "id": flavor_id,
        "name": name,
        "ram": memory,
        "disk": 20,
        "swap": 0,
        "OS-FLV-EXT-DATA:ephemeral": 0,
        "vcpus": cores,
        "os-flavor-access:is_public": True,
        "rxtx_factor": 1.0,
        "links": [],
    }


FLAVORS = [
    _flavor("1", "m1.tiny", 1, 512),
    _flavor(FLAVOR_ID, "m1.medium", 2, 4096),
    _flavor("twin-1", "m1.twin", 2, 2048),
    _flavor("twin-2", "m1.twin", 2, 2048),
]


def _image(image_id: str, name: str, status: str, **more: Any) -> dict[str, Any]:
    return {
        "id": image_id,
        "name": name,
        "status": status,
        "visibility": "public",
        "protected": False,
        "os_hidden": False,
        "owner": ADMIN_PROJECT,
        "created_at": CREATED,
        "updated_at": CREATED,
        "min_disk": 0,
        "min_ram": 0,
        "disk_format": "qcow2",
        "container_format": "bare",
        "size": 31719424,
        "tags": [],
        "architecture": "x86_64",
        **more,
    }


_OWN = {"owner": OWN_PROJECT, "visibility": "private"}
IMAGES = [
    _image(IMAGE_ID, "ubuntu-24.04", "active"),
    _image(QUEUED_ID, "snap-test", "queued"),
    _image(HIDDEN_ID, "ubuntu-22.04", "active", os_hidden=True),
    _image(
        OLD_OWN_ID, "builder-6", "active", **_OWN, created_at="2025-01-30T23:55:00Z"
    ),
    _image(OWN_ID, "builder-7", "active", **_OWN),
]
KEYPAIRS = [
    {
        "keypair": {
            "name": "ops",
            "public_key": "ssh-ed25519 AAAA",
            "fingerprint": "69:bb:34:68:f5:d2:b8:27:5e:a1:3b:52:5f:ba:e0:c5",
            "type": "ssh",
        }
    }
]
ZONES = [{"zoneName": "nova", "zoneState": {"available": True}, "hosts": None}]


def _network(network_id: str, name: str, *, external: bool) -> dict[str, Any]:
    return {
        "id": network_id,
        "name": name,
        "status": "ACTIVE",
        "admin_state_up": True,
        "router:external": external,
        "shared": external,
        "subnets": [SUBNET_ID],
        "description": "",
        "tags": [],
    }


NETWORKS = [
    _network(NETWORK_ID, "builders", external=False),
    _network(EXTERNAL_ID, "public", external=True),
]
GROUPS = [
    {
        "id": "36828578-1a62-4bac-aa4f-3330628408f4",
        "name": "default",
        "description": "Default security group",
        "tenant_id": "bafc764179ae4465d5c3d5e0c12cad7c",
    }
]
