"""The clouds of these tests: a sandbox, EC2's API on a moto server, and fakes.

Any bench of the conformance suite can be enumerated. CI does so for the clouds in
``IN_CI``, and ``make chaos`` for all that have a fake.
"""

import os
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from servers.clouds.port import Cloud
from servers.models import Account, Fleet
from servers.operations.accounts import save_account
from servers.operations.fleet import initialise_fleet
from servers.placing.locations import open_location
from tests.clouds.benches import BENCHES
from tests.clouds.benches.base import Bench as CloudBench
from tests.support.crash import ON_THE_WIRE
from tests.support.fleet import TIMINGS, make_fleet, make_template, world_of

REGION = "eu-central-1"
# The cloud whose instances need the most calls.
IN_CI = frozenset({"scaleway"})
# No listing runs while hundreds of steps are killed, and a call is sent only within a
# quarter of the lease: both leave room for a busy machine.
SANDBOX_TIMINGS = {**TIMINGS, "gate": 3600.0, "lease": 8.0}
# moto answers within milliseconds, and shows a created instance at once.
MOTO_TIMINGS = {**SANDBOX_TIMINGS, "call": 1.8, "settle": 1.0}


class Bench(Protocol):
    """A cloud for the instances of a test."""

    account: Account
    # The boundaries to kill at, and how many of them each step has at least, to
    # notice a missing hook.
    kinds: ClassVar[Collection[str]]
    least_create: ClassVar[int]
    least_destroy: ClassVar[int]

    def live(self) -> Counter[str]:
        """Return the number of live instances by server (32 hex digits)."""
        ...

    def unfinished(self) -> list[str]:
        """Return what the cloud's own calls after a create have not done yet."""
        ...


@dataclass
class SandboxBench:
    """A sandbox. Every boundary counts."""

    account: Account
    kinds: ClassVar[Collection[str]] = ()
    least_create: ClassVar[int] = 30
    least_destroy: ClassVar[int] = 20

    def live(self) -> Counter[str]:
        return Counter(
            row.tags["serverfleet-server"]
            for row in world_of(self.account).live(time.time())
        )

    def unfinished(self) -> list[str]:
        return [
            row.tags["serverfleet-server"]
            for row in world_of(self.account).live(time.time())
            if row.is_off(time.time())
        ]


@dataclass
class MotoBench:
    """EC2's API over HTTP. The sandbox's tests kill between the statements."""

    account: Account
    kinds: ClassVar[Collection[str]] = ON_THE_WIRE
    least_create: ClassVar[int] = 12
    least_destroy: ClassVar[int] = 10

    def live(self) -> Counter[str]:
        cloud: Cloud = open_location(self.account, REGION)
        listing = cloud.list_instances(Fleet.objects.get().fleet_id, deadline=30)
        return Counter(
            shown.key.split("-")[1] for shown in listing.instances if shown.live
        )

    def unfinished(self) -> list[str]:
        return []  # the create call does it all


@dataclass
class FakeBench:
    """A cloud's fake over HTTP, as the conformance suite has it."""

    account: Account
    bench: CloudBench
    kinds: ClassVar[Collection[str]] = ON_THE_WIRE
    least_create: ClassVar[int] = 12
    least_destroy: ClassVar[int] = 8

    def live(self) -> Counter[str]:
        keys = self.bench.count_live("ci")
        return Counter(key.rsplit("-", 3)[1] for key in keys)

    def unfinished(self) -> list[str]:
        return self.bench.list_unfinished("ci")


def list_fakes() -> list[str]:
    """Return the benches with fakes of their own to enumerate in this run."""
    fakes = [name for name, bench in BENCHES.items() if "http" not in bench.lacks]
    return fakes if os.environ.get("CHAOS") else [n for n in fakes if n in IN_CI]


def make_fake(bench: CloudBench) -> FakeBench:
    """Make a fleet on a bench that runs."""
    initialise_fleet(fleet_id="ci")
    bench.fake.processing, bench.fake.visibility = 0.1, 0.1
    config = bench.config()
    account = save_account(
        Account(
            name=bench.kind,
            kind=bench.kind,
            region=bench.region,
            endpoint=config.endpoint,
            options={**config.options, "timings": MOTO_TIMINGS},
            max_servers=100_000,
            creates_per_minute=1_000_000,
            calls_at_once=1000,
        ),
        credentials=dict(config.credentials),
    )
    make_template(
        account,
        "default",
        region=bench.region,
        image=bench.image,
        size=bench.size,
        user_data="#!/bin/sh\ntrue\n",
        is_default=True,
    )
    return FakeBench(account, bench)


def make_sandbox(**options: Any) -> SandboxBench:
    """Make a fleet on a sandbox."""
    return SandboxBench(make_fleet(timings=SANDBOX_TIMINGS, **options))


def make_moto(url: str) -> MotoBench:
    """Make a fleet on a moto server."""
    initialise_fleet(fleet_id="ci")
    account = save_account(
        Account(
            name="amazon",
            kind="amazon",
            region=REGION,
            endpoint=url,
            options={"timings": MOTO_TIMINGS},
            max_servers=100_000,
            creates_per_minute=1_000_000,
            calls_at_once=1000,
        ),
        credentials={"access_key_id": "AKIATEST", "secret_access_key": "made-up"},
    )
    make_template(
        account,
        "default",
        region=REGION,
        image="ami-12c6146b",
        size="t3.micro",
        user_data="#!/bin/sh\ntrue\n",
        is_default=True,
    )
    return MotoBench(account)
