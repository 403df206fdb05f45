"""The sandbox's benches: with one call for an instance, and with two.

It has no HTTP. Its world is a file, in which time passes by moving all times back.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar

from servers.clouds.base import FLEET_TAG, KEY_TAG, CloudConfig, CreateSpec
from servers.clouds.sandbox import World, world_path
from tests.clouds.benches.base import Bench
from tests.support.worlds import add_instance, vanish

NO_HTTP = "it is no server; its own tests have its faults"


class SandboxWorlds:
    """A world for each account. Set the times before an account is opened."""

    url = ""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="sf-worlds-")
        self.boot = 0.0
        self.visibility = 0.0
        self.destroying = 0.0

    def world(self, account: str = "one") -> World:
        """Return an account's world."""
        world = World(world_path(self.folder.name, account))
        world.ask_for_user_data()
        return world

    @property
    def now(self) -> float:
        return time.time()

    def advance(self, seconds: float) -> None:
        """Let time pass in all worlds, without waiting."""
        for account in ("one", "two"):
            with self.world(account).writing() as connection:
                rows = connection.execute("PRAGMA table_info(instances)").fetchall()
                times = [row[1] for row in rows if row[1].endswith(("_at", "_until"))]
                moved = ", ".join(f"{name} = {name} - {seconds}" for name in times)
                connection.execute(f"UPDATE instances SET {moved}")

    @contextmanager
    def running(self) -> Iterator["SandboxWorlds"]:
        """Keep the worlds for a block."""
        yield self
        for account in ("one", "two"):
            self.world(account).close()
        self.folder.cleanup()


class SandboxBench(Bench):
    kind = "sandbox"
    make_fake = SandboxWorlds
    region = ""
    image = "ubuntu-24.04"
    size = "small"
    credentials: ClassVar[dict[str, str]] = {}
    lacks: ClassVar[dict[str, str]] = {
        "http": NO_HTTP,
        "json": NO_HTTP,
        "statuses": "test_statuses has them",
        "gaps": "its catalogue has none",
        "offers": "its sizes have names only, and any text is a region",
        "limits": "its user data has no limit",
    }
    missing = ("sb-0", "sb-0123456789ab")
    leftovers: ClassVar[dict[str, str]] = {"volume": "volume"}

    def run(self) -> AbstractContextManager[Any]:
        worlds: SandboxWorlds = self.fake
        return worlds.running()

    def config(self, account: str = "one", **options: Any) -> CloudConfig:
        given = {
            "world": account,
            "latency": 0.0,
            "processing": 0.0,
            "boot": self.fake.boot,
            "visibility": self.fake.visibility,
            "destroying": self.fake.destroying,
            "timings": {"settle": 120.0},  # at least the visibility lag
            **self.options(),
            **options,
        }
        folder = self.fake.folder.name
        return CloudConfig(account, self.region, folder=folder, options=given)

    def plant(self, spec: CreateSpec, *, account: str = "one") -> str:
        return self._add(spec, account)

    def leave(self, kind: str, spec: CreateSpec) -> str:
        instance_id = self._add(spec, "one")
        world = self.fake.world()
        (row,) = world.select("id = ?", (instance_id,))
        with world.writing() as connection:
            world.leave_volume(connection, row, 0.0)
        vanish(world, instance_id, 0.0)
        return f"vol-{instance_id}"

    def vanish(self, instance_id: str) -> None:
        vanish(self.fake.world(), instance_id, time.time())

    def count_live(self, fleet: str = "ci") -> list[str]:
        return [
            row.tags[KEY_TAG]
            for account in ("one", "two")
            for row in self.fake.world(account).live(time.time())
            if row.tags.get(FLEET_TAG) == fleet
        ]

    def labels_of(self, instance_id: str) -> dict[str, str]:
        (row,) = self.fake.world().select("id = ?", (instance_id,))
        return dict(row.tags)

    def user_data_of(self, instance_id: str) -> bytes:
        text: str = self.fake.world().read_user_data(instance_id)
        return text.encode()

    def _add(self, spec: CreateSpec, account: str) -> str:
        return add_instance(
            self.fake.world(account),
            region=self.region,
            tags=self.tags_of(spec),
            now=0.0,
        )


class SandboxOfTwoCallsBench(SandboxBench):
    def options(self) -> dict[str, Any]:
        return {"power_on": True}
