"""Linode's bench."""

import base64
from typing import ClassVar

from servers.clouds.base import FLEET_TAG, CreateSpec, Meaning
from tests.clouds.benches.base import Bench
from tests.clouds.fakes.linode import FakeLinode
from tests.clouds.fakes.machines import Machine


class LinodeBench(Bench):
    kind = "linode"
    make_fake = FakeLinode
    region = "eu-central"
    image = "linode/ubuntu24.04"
    size = "g6-nanode-1"
    credentials: ClassVar[dict[str, str]] = {"token": "{token}"}
    missing = ("999999999",)
    lacks: ClassVar[dict[str, str]] = {
        "expiry": "it answers an expired token as an unknown one",
    }
    leftovers: ClassVar[dict[str, str]] = {"volumes": "volume"}
    statuses: ClassVar[dict[str, Meaning]] = {
        "running": Meaning.RUNNING,
        "offline": Meaning.STOPPED,
        "booting": Meaning.BOOTING,
        "busy": Meaning.BOOTING,
        "rebooting": Meaning.BOOTING,
        "shutting_down": Meaning.STOPPED,
        "provisioning": Meaning.BOOTING,
        "deleting": Meaning.ENDING,
        "migrating": Meaning.BOOTING,
        "rebuilding": Meaning.BOOTING,
        "cloning": Meaning.BOOTING,
        "restoring": Meaning.BOOTING,
        "stopped": Meaning.STOPPED,
        "billing_suspension": Meaning.STOPPED,
    }
    statuses_at = (
        *("paths", "/{apiVersion}/linode/instances", "get", "responses", "200"),
        *("content", "application/json", "schema", "properties", "data", "items"),
        *("properties", "status", "enum"),
    )

    def tags_of(self, spec: CreateSpec) -> dict[str, str]:
        return {f"{FLEET_TAG}:{spec.fleet}": ""}

    def name_of(self, spec: CreateSpec) -> str:
        return spec.key

    def labels_of(self, instance_id: str) -> dict[str, str]:
        parts = (each.partition(":") for each in self.fake.machines[instance_id].tags)
        return {name: value for name, _, value in parts}

    def user_data_of(self, instance_id: str) -> bytes:
        metadata = self.fake.machines[instance_id].body.get("metadata", {})
        return base64.b64decode(metadata.get("user_data", ""))

    def key_of(self, machine: Machine) -> str:
        return machine.name

    def fleet_of(self, machine: Machine) -> str:
        for tag in machine.tags:
            if tag.startswith(f"{FLEET_TAG}:"):
                return tag.partition(":")[2]
        return ""
