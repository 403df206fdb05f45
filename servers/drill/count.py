"""Count what a drill did, and what the cloud and the records have at its end."""

import time
from collections import Counter

from servers.clouds.sandbox import World
from servers.drill.callers import Callers
from servers.drill.ends import read_ends
from servers.drill.killer import IN_FLIGHT, Killer
from servers.drill.plan import BUILD_SECONDS, Wishes
from servers.drill.verdict import Held, Row, Verdict, compare
from servers.lifecycle.states import Verdict as InstanceVerdict
from servers.models import Attempt, Fleet, Instance, Server


def count_up(
    world: World, wishes: Wishes, killer: Killer, callers: Callers, *, bound: float
) -> Verdict:
    """Return the verdict, which nobody has judged yet.

    ``bound`` is how many seconds a leak may live.
    """
    now = time.time()
    held, rows = list_held(world, now), list_rows()
    owned = Attempt.objects.exclude(instance_id="").values_list(
        "instance_id", flat=True
    )
    return Verdict(
        seed=wishes.seed,
        database=wishes.database,
        seconds=0.0,
        kills=dict(killer.kills),
        steps=dict(killer.steps),
        between_intent_and_answer=killer.steps[IN_FLIGHT],
        stops=killer.stops,
        stops_for_good=killer.stops_for_good,
        flushes=killer.flushes,
        requests=dict(sorted(callers.statuses.items())),
        accepted=len(callers.accepted),
        creates=sum(operation == "create" for operation, _, _ in world.calls()),
        made=len(held),
        live=sum(entry.gone_at is None for entry in held),
        states=dict(Counter(row.state for row in rows)),
        held_for_a_person=Instance.objects.filter(
            live=True, verdict=InstanceVerdict.UNEXPLAINED
        ).count(),
        bound_seconds=bound,
        rest_after_seconds=0.0,
        ends=read_ends(BUILD_SECONDS),
        findings=compare(held, rows, owned, callers.accepted, now=now),
    )


def list_held(world: World, now: float) -> list[Held]:
    """Return all instances that were ever created for the fleet."""
    fleet_id = Fleet.objects.get().fleet_id
    return [
        Held(
            row.id,
            row.tags["serverfleet-server"],
            row.made_at,
            row.gone_at if row.gone_at and row.gone_at <= now else None,
        )
        for row in world.instances()
        if row.tags.get("serverfleet-fleet") == fleet_id
    ]


def list_rows() -> list[Row]:
    """Return all servers, as they are recorded."""
    return [
        Row(
            server.pk.hex,
            server.name,
            server.state,
            server.instance_id,
            server.stopped_at.timestamp() if server.stopped_at else None,
        )
        for server in Server.objects.all()
    ]
