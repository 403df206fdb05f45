"""OpenStack's benches: plain, with floating addresses, and with root disks."""

import base64
from typing import Any, ClassVar

from servers.clouds.base import FLEET_TAG, KEY_TAG, CreateSpec, Meaning
from servers.clouds.openstack.convert import describe
from servers.clouds.openstack.launch import tag_fleet, tag_key
from tests.clouds.benches.base import Bench
from tests.clouds.fakes.machines import Machine
from tests.clouds.fakes.openstack import FakeOpenStack
from tests.clouds.fakes.openstack_network import make_port
from tests.clouds.fakes.openstack_offers import EXTERNAL_ID, IMAGE_ID, REGION


class OpenStackBench(Bench):
    kind = "openstack"
    make_fake = FakeOpenStack
    region = REGION
    image = IMAGE_ID
    size = "m1.medium"
    bad_image = "00000000-0000-4000-a000-00000000dead"
    credentials: ClassVar[dict[str, str]] = {
        "application_credential_id": "aa809205ed614a0e854bac92c0768bb9",
        "application_credential_secret": "{token}",
    }
    missing = ("00000000-0000-4000-8000-00000000dead", "12064")
    late_capacity = True
    lacks: ClassVar[dict[str, str]] = {
        "check_create_rights": "Nova has no dry run, and tells no rights",
    }
    statuses: ClassVar[dict[str, Meaning]] = {
        "ACTIVE": Meaning.RUNNING,
        "BUILD": Meaning.BOOTING,
        "ERROR": Meaning.FAILED,
        "HARD_REBOOT": Meaning.BOOTING,
        "MIGRATING": Meaning.RUNNING,
        "PASSWORD": Meaning.RUNNING,
        "PAUSED": Meaning.STOPPED,
        "REBOOT": Meaning.BOOTING,
        "REBUILD": Meaning.BOOTING,
        "RESCUE": Meaning.STOPPED,
        "RESIZE": Meaning.BOOTING,
        "REVERT_RESIZE": Meaning.BOOTING,
        "SHELVED": Meaning.STOPPED,
        "SHELVED_OFFLOADED": Meaning.STOPPED,
        "SHUTOFF": Meaning.STOPPED,
        "SOFT_DELETED": Meaning.ENDING,
        "SUSPENDED": Meaning.STOPPED,
        "UNKNOWN": Meaning.UNCLEAR,
        "VERIFY_RESIZE": Meaning.RUNNING,
        "DELETED": Meaning.GONE,
    }
    leftovers: ClassVar[dict[str, str]] = {
        "volumes": "volume",
        "floatingips": "address",
        "ports": "port",
    }

    def plant(self, spec: CreateSpec, *, account: str = "one") -> str:
        made: Machine = self.fake.plant(
            spec.name,
            self.tags_of(spec),
            account=account,
            extra={"tags": [tag_fleet(spec.fleet), tag_key(spec.key)]},
        )
        return made.id

    def user_data_of(self, instance_id: str) -> bytes:
        server = self.fake.machines[instance_id].body["server"]
        return base64.b64decode(server.get("user_data", ""))

    def leave(self, kind: str, spec: CreateSpec) -> str:
        described = describe(spec.fleet, spec.key)
        if kind == "floatingips":
            return f"address-{self.fake.add_floating('one', described, '')['id']}"
        entries = self.fake.left.setdefault(("one", kind), {})
        number = self.fake.make_id(self.fake.next_number())
        if kind == "ports":
            entries[number] = make_port(
                number, device="", address="10.0.0.9", description=described
            )
            return f"port-{number}"
        tags = self.tags_of(spec)
        entries[number] = {
            "id": number,
            "name": "",
            "size": 20,
            "status": "available",
            "attachments": [],
            "metadata": {name: tags[name] for name in (FLEET_TAG, KEY_TAG)},
        }
        return f"volume-{number}"


class FloatingBench(OpenStackBench):
    """Each instance gets a floating address."""

    lacks: ClassVar[dict[str, str]] = {
        **OpenStackBench.lacks,
        "tidiness": "a floating address outlives its server",
    }

    def options(self) -> dict[str, Any]:
        return {"floating_network": EXTERNAL_ID}


class DiskBench(OpenStackBench):
    """Each instance boots from a volume of its own."""

    def options(self) -> dict[str, Any]:
        return {"disk_gib": 40}

    def list_unfinished(self, fleet: str) -> list[str]:
        return [
            self.key_of(machine)
            for machine in self.fake.machines.values()
            if self.fleet_of(machine) == fleet
            for disk in self.fake.find_disks(machine, self.fake.now)
            if disk["metadata"].get(KEY_TAG) != self.key_of(machine)
        ]
