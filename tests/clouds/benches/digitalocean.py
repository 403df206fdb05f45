"""DigitalOcean's bench."""

from typing import ClassVar

from servers.clouds.base import FLEET_TAG, CreateSpec, Meaning
from tests.clouds.benches.base import Bench
from tests.clouds.fakes.digitalocean import FakeDigitalOcean
from tests.clouds.fakes.machines import Machine


class DigitalOceanBench(Bench):
    kind = "digitalocean"
    make_fake = FakeDigitalOcean
    region = "fra1"
    image = "ubuntu-24-04-x64"
    size = "s-1vcpu-1gb"
    credentials: ClassVar[dict[str, str]] = {"token": "{token}"}
    missing = ("999999999",)
    lacks: ClassVar[dict[str, str]] = {
        "expiry": "it answers an expired token as an unknown one",
        "protected": "Droplets have no protection",
    }
    leftovers: ClassVar[dict[str, str]] = {"volumes": "volume"}
    statuses: ClassVar[dict[str, Meaning]] = {
        "new": Meaning.BOOTING,
        "active": Meaning.RUNNING,
        "off": Meaning.STOPPED,
        "archive": Meaning.STOPPED,
    }
    statuses_at = (
        *("components", "all", "droplet"),
        *("properties", "status", "enum"),
    )

    def tags_of(self, spec: CreateSpec) -> dict[str, str]:
        return {f"{FLEET_TAG}:{spec.fleet}": ""}

    def name_of(self, spec: CreateSpec) -> str:
        return spec.key

    def labels_of(self, instance_id: str) -> dict[str, str]:
        parts = (each.partition(":") for each in self.fake.machines[instance_id].tags)
        return {name: value for name, _, value in parts}

    def key_of(self, machine: Machine) -> str:
        return machine.name

    def fleet_of(self, machine: Machine) -> str:
        for tag in machine.tags:
            if tag.startswith(f"{FLEET_TAG}:"):
                return tag.partition(":")[2]
        return ""
