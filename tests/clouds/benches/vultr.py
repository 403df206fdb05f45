"""Vultr's bench."""

import base64
from typing import ClassVar

from servers.clouds.base import FLEET_TAG, KEY_TAG, SERVER_TAG, CreateSpec, Meaning
from tests.clouds.benches.base import Bench
from tests.clouds.fakes.machines import Machine
from tests.clouds.fakes.vultr import FakeVultr

POWERS = ("running", "stopped")
SERVERS = ("none", "locked", "installingbooting", "ok")


def list_statuses() -> dict[str, Meaning]:
    """Return each combination of the three statuses with its meaning."""
    found: dict[str, Meaning] = {}
    for power in POWERS:
        for server in SERVERS:
            rest = f"{power}/{server}"
            found[f"pending/{rest}"] = Meaning.BOOTING
            found[f"resizing/{rest}"] = Meaning.BOOTING
            found[f"suspended/{rest}"] = Meaning.STOPPED
            # Whatever the power is: Vultr installs it.
            found[f"active/{rest}"] = Meaning.BOOTING
    found["active/running/ok"] = Meaning.RUNNING
    found["active/stopped/ok"] = Meaning.STOPPED
    found["active/running/broken"] = Meaning.UNCLEAR
    found["active/starting/ok"] = Meaning.UNCLEAR
    found["active"] = Meaning.UNCLEAR
    return found


class VultrBench(Bench):
    kind = "vultr"
    make_fake = FakeVultr
    region = "fra"
    image = "os:2284"
    size = "vc2-1c-1gb"
    bad_image = "os:999999"
    bad_size = "vc2-0c-0gb"
    credentials: ClassVar[dict[str, str]] = {"api_key": "{token}"}
    missing = ("5f3a1f0e-7c1b-4c9d-9d55-99f1d7a4ce10",)
    lacks: ClassVar[dict[str, str]] = {
        "expiry": "its API keys have no end",
        "protected": "instances have no protection",
    }
    # The description lists each of the three in words: see
    # tests/clouds/vultr/test_answers.py.
    statuses: ClassVar[dict[str, Meaning]] = list_statuses()

    def tags_of(self, spec: CreateSpec) -> dict[str, str]:
        named = {
            FLEET_TAG: spec.fleet,
            KEY_TAG: spec.key,
            SERVER_TAG: spec.server_id,
            "serverfleet-name": spec.name,
        }
        return {f"{name}:{value}": "" for name, value in named.items()}

    def labels_of(self, instance_id: str) -> dict[str, str]:
        return read_tags(self.fake.machines[instance_id])

    def user_data_of(self, instance_id: str) -> bytes:
        return base64.b64decode(self.fake.machines[instance_id].body["user_data"])

    def key_of(self, machine: Machine) -> str:
        return machine.name

    def fleet_of(self, machine: Machine) -> str:
        return read_tags(machine).get(FLEET_TAG, "")


def read_tags(machine: Machine) -> dict[str, str]:
    """Return an instance's tags by their names."""
    parts = (each.partition(":") for each in machine.tags)
    return {name: value for name, _, value in parts}
