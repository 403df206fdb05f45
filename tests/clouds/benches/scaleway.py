"""Scaleway's bench."""

from dataclasses import replace
from typing import Any, ClassVar

from servers.clouds.base import CloudConfig, CreateSpec, Meaning
from servers.clouds.scaleway.launch import tag_beside
from tests.clouds.benches.base import Bench
from tests.clouds.fakes.scaleway import FakeScaleway
from tests.clouds.fakes.scaleway_offers import LABEL, PROJECTS, ZONE


class ScalewayBench(Bench):
    kind = "scaleway"
    make_fake = FakeScaleway
    region = ZONE
    image = LABEL
    size = "DEV1-S"
    credentials: ClassVar[dict[str, str]] = {"secret_key": "{token}"}
    missing = ("00000000-0000-4000-8000-00000000dead", "12064")
    calls_of_destroy = 2  # whether it is on decides which call ends it
    lacks: ClassVar[dict[str, str]] = {
        "tidiness": "a block volume outlives its server, as a leftover",
    }
    leftovers: ClassVar[dict[str, str]] = {
        "sbs_volume": "volume",
        "l_ssd": "volume",
        "ip": "address",
    }
    statuses: ClassVar[dict[str, Meaning]] = {
        "running": Meaning.RUNNING,
        "stopped": Meaning.STOPPED,
        "stopped_in_place": Meaning.STOPPED,
        "stopped in place": Meaning.STOPPED,
        "starting": Meaning.BOOTING,
        "stopping": Meaning.STOPPED,
        "locked": Meaning.STOPPED,
    }
    statuses_at = ("types", "ServerState", "enum")

    def config(self, account: str = "one", **options: Any) -> CloudConfig:
        made = super().config(account, **options)
        project = {"project_id": PROJECTS.get(account, PROJECTS["one"])}
        return replace(made, credentials={**made.credentials, **project})

    def user_data_of(self, instance_id: str) -> bytes:
        booted = self.fake.machines[instance_id].extra["booted_with"]
        return bytes(booted["cloud-init"])

    def list_unfinished(self, fleet: str) -> list[str]:
        """Name each server that is off, runs without its data, or has a bare volume."""
        found = []
        for machine in self.fake.machines.values():
            if self.fleet_of(machine) != fleet or machine.gone is not None:
                continue
            if not machine.extra.get("booted_with", {}).get("cloud-init"):
                found.append(f"{machine.id} has no user data")
            tags = tag_beside(fleet, self.key_of(machine))
            found += [
                f"the volume of {machine.id} has no tags"
                for thing in self.fake.things.values()
                if thing["server"] == machine.id and thing["tags"] != tags
            ]
        return found

    def leave(self, kind: str, spec: CreateSpec) -> str:
        tags = tag_beside(spec.fleet, spec.key)
        return str(self.fake.add_thing("one", kind, tags=tags)["id"])
