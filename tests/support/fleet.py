"""A fleet on a sandbox, fast enough for tests, driven by hand.

``Workshop`` does in this process what workers and the scheduler do: it ticks, and
carries out the hints that were sent. So a test decides what runs, when, and what is
lost.
"""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connections

from servers import engine, pools, reconciler
from servers.clouds.sandbox import World, world_path
from servers.messaging import dispatch
from servers.models import Account, Server, Template, TemplatePlacement
from servers.models.placement import PLACEMENT_FIELDS
from servers.operations.accounts import save_account
from servers.operations.catalogue import follow_hint
from servers.operations.fleet import initialise_fleet
from servers.operations.provision import Request, provision_servers
from servers.operations.templates import save_template

# Fractions of a second, with settle above processing plus visibility, as required.
TIMINGS = {
    "call": 1.0,
    "lease": 5.0,  # a call is sent within a quarter of it
    "settle": 0.4,
    "grace": 0.4,
    "lag": 0.05,
    "listing_busy": 0.1,
    "listing_idle": 1.0,
    "gate": 300.0,
}
# Between two turns, if nobody waits for the next.
IDLE_SECONDS = 0.05
QUICK = {
    "boot": 0.1,
    "latency": 0.0,
    "processing": 0.02,
    "visibility": 0.02,
    "destroying": 0.05,
    "hang": 0.05,
    "timings": TIMINGS,
}


def make_fleet(*, name: str = "sandbox", **options: Any) -> Account:
    """Create the fleet, a sandbox account and its default template."""
    initialise_fleet(fleet_id="ci")
    account = save_account(
        Account(
            name=name,
            kind="sandbox",
            options={**QUICK, **options},
            max_servers=100_000,
            creates_per_minute=1_000_000,
            calls_at_once=1000,
        )
    )
    make_template(account, "default", overrides="any", is_default=True)
    return account


def make_template(
    account: Account,
    name: str,
    *,
    fallbacks: Sequence[dict[str, Any]] = (),
    user_data: str | None = None,
    **fields: Any,
) -> Template:
    """Create a template. Its fields are those of its first placement, too."""
    first = {"account": account, "image": "ubuntu-24.04", "size": "small"}
    first |= {key: fields.pop(key) for key in PLACEMENT_FIELDS if key in fields}
    template = Template(name=name, **fields)
    save_template(template, place(first, fallbacks), user_data=user_data)
    return template


def change_template(
    name: str = "default",
    *,
    fallbacks: Sequence[dict[str, Any]] | None = None,
    **first: Any,
) -> Template:
    """Change a template's first placement, and replace its fallbacks if given."""
    template = Template.objects.get(name=name)
    own, *others = template.placements.all()
    values = {each: getattr(own, each) for each in PLACEMENT_FIELDS} | first
    if fallbacks is None:
        placements = [*place(values), *others]
    else:
        placements = place(values, fallbacks)
    save_template(template, placements)
    return template


def place(
    first: dict[str, Any], fallbacks: Sequence[dict[str, Any]] = ()
) -> list[TemplatePlacement]:
    """Return placements; what a fallback does not name is as in the first one."""
    rows = [first]
    for fallback in fallbacks:
        values = dict(fallback)
        if isinstance(values.get("account"), str):
            values["account"] = Account.objects.get(name=values["account"])
        rows.append({**first, **values})
    return [TemplatePlacement(**row) for row in rows]


def list_fallbacks(template: Template, *names: str) -> list[Any]:
    """Return fields of a template's fallbacks."""
    rows = template.placements.values_list(*names, flat=len(names) == 1)
    return list(rows)[1:]


def world_of(account: Account) -> World:
    """Return the world behind a sandbox account."""
    name = str(account.options.get("world") or account.pk)
    return World(Path(world_path(settings.SANDBOX_DIR, name)))


class Workshop:
    """Carry out ticks and hints by hand. If ``deaf``, hints are lost."""

    def __init__(self, *, deaf: bool = False) -> None:
        self.deaf = deaf
        self.hints: list[tuple[str, str]] = []
        self.turns = 0

    def take_hint(self, task: str, row_id: str, _request_id: str) -> None:
        """Stand in for the broker."""
        if not self.deaf:
            self.hints.append((task, row_id))

    def turn(self) -> None:
        """Run one tick, and all hints sent so far."""
        for _ in self.step():
            pass

    def step(self) -> Iterator[None]:
        """Run one turn, and pause after each hint."""
        self.turns += 1
        reconciler.tick()
        hints, self.hints = self.hints, []
        for task, row_id in hints:
            self.carry_out(task, row_id)
            yield

    def carry_out(self, task: str, row_id: str) -> None:
        """Run one task."""
        if task == dispatch.ADVANCE:
            engine.advance(uuid.UUID(row_id))
        elif task == dispatch.OBSERVE:
            reconciler.observe_location(int(row_id))
        elif task == dispatch.CATALOGUE:
            follow_hint(row_id)
        elif task == dispatch.READ:
            pools.read_queue(uuid.UUID(row_id))
        elif task == dispatch.PLAN:
            pools.plan_pools(dispatch.read_rows(row_id))
        elif task == dispatch.CORDON:
            pools.cordon_agents(uuid.UUID(row_id))
        else:
            engine.destroy_condemned(int(row_id))

    def run_until(self, done: Callable[[], bool], *, seconds: float = 90.0) -> None:
        """Run turns until ``done``. Fail after some seconds."""
        ends = time.monotonic() + seconds
        while not done():
            if time.monotonic() > ends:
                states = list(
                    Server.objects.exclude(
                        state__in=["running", "stopped"]
                    ).values_list("name", "state", "waiting", "error")[:20]
                )
                raise AssertionError(f"not within {seconds} s: {states}")
            self.turn()
            self._rest()

    def run_to(self, state: str, *servers: Server, seconds: float = 90.0) -> None:
        """Run turns until all the servers are in a state."""
        pks = [server.pk for server in servers]

        def all_there() -> bool:
            rows = Server.objects.filter(pk__in=pks)
            return rows.filter(state=state).count() == len(pks)

        self.run_until(all_there, seconds=seconds)
        for server in servers:
            server.refresh_from_db()

    def run_for(self, seconds: float) -> None:
        """Run turns for some time."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            self.turn()
            self._rest()

    def _rest(self) -> None:
        """Leave the processor to others until there may be something to do."""
        time.sleep(0.005 if self.hints else IDLE_SECONDS)


def provision(**wishes: Any) -> Server:
    """Create one server."""
    (server,) = provision_servers(Request(**wishes))
    return server


def live_keys(account: Account) -> list[str]:
    """Return the keys of all live instances in a sandbox."""
    return [row.key for row in world_of(account).live(time.time())]


def close_connections() -> None:
    """Close the database connections of this thread, before a fork."""
    connections.close_all()
