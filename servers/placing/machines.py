"""The machines of servers: what is known of them, and what must hold on them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final
from uuid import UUID

from django.db.models import Count, F, Q

from servers.clouds.registry import describe_kind
from servers.lifecycle.conditions import Machine
from servers.lifecycle.snapshot import HostView, Limits
from servers.lifecycle.states import BOOTING, State
from servers.machine.agents.cordon import explain_order
from servers.machine.agents.plan import AgentPlan
from servers.machine.callback.conditions import Report
from servers.machine.certificates import name_server
from servers.machine.docker.connection import Endpoint
from servers.machine.readiness import Target, describe_machine
from servers.machine.simulated import Simulation, read_simulation
from servers.models import Attempt, Host, Server
from servers.models.user_data import plan_agent_of
from servers.placing.placements import LocationKey
from servers.records.keys import ClientKeys, find_client_keys
from servers.records.registrations import find_runner

# Keys and logs, which are long and which no decision reads.
_UNREAD: Final = ("daemon_key", "daemon_cert", "boot_log")


def load_hosts(servers: Iterable[Server]) -> dict[UUID, Host]:
    """Return what is known of the servers' machines. No query if nothing can be."""
    ids = [server.pk for server in servers if has_host(server)]
    if not ids:
        return {}
    rows = Host.objects.filter(server__in=ids).defer(*_UNREAD)
    return {row.server_id: row for row in rows}


def has_host(server: Server) -> bool:
    """Tell whether there can be a record of the server's machine."""
    return server.recipe.has_host or simulate_machine(server) is not None


def simulate_machine(server: Server) -> Simulation | None:
    """Return what is simulated of the machine; None unless its cloud is simulated."""
    if not describe_kind(server.account.kind).is_simulated:
        return None
    return read_simulation(server.account.options, server.pk.hex, server.state_since)


def describe_machine_of(server: Server, host: Host | None = None) -> Machine:
    """Return what must hold on the instance of a server. Makes no query.

    ``host`` is what is known of its machine; who only describes it needs none.
    """
    recipe = server.recipe
    loopback = describe_kind(server.account.kind).is_simulated
    return describe_machine(
        recipe.readiness,
        Target(
            port=recipe.readiness_port,
            loopback=loopback,
            simulation=simulate_machine(server),
            since=server.state_since,
            images=tuple(recipe.pull_images),
            agent=recipe.agent_kind,
            agent_behind=host is not None and host.agent_behind_since is not None,
            cordoned=server.cordoned,
            has_builds=bool(recipe.build_labels),
            find_daemon=partial(_find_daemon, server.pk, loopback=loopback),
            find_agent=partial(plan_agent_for, server),
            report=read_report(host, server.attempt_number),
        ),
    )


def plan_agent_for(server: Server) -> AgentPlan:
    """Return a server's agent. One query if its CI may have registered it."""
    return plan_agent_of(
        server.recipe,
        server_id=server.pk,
        name=server.name,
        capacity=server.capacity,
        runner=find_runner(server),
    )


def read_report(host: Host | None, attempt: int) -> Report:
    """Return what the instance of the current attempt has reported.

    A step that has just sent a create call still has the record of the one before.
    """
    if host is None or not attempt or host.attempt != attempt:
        return Report()
    last = host.boot_steps[-1] if host.boot_steps else {}
    began, seconds = last.get("at"), last.get("seconds")
    at = None if began is None else datetime.fromtimestamp(began + (seconds or 0), UTC)
    return Report(
        heard_at=host.heartbeat_at,
        step=last.get("name", ""),
        step_at=at,
        step_ended=seconds is not None,
        booted_at=host.booted_at,
        failed=host.boot_failed,
        log_end=host.log_end,
        builds=tuple(host.builds),
        told_at=host.drain_told_at,
        drained_at=host.drained_at,
        agent_missing=host.agent_missing,
        docker_silent=host.docker_silent,
    )


def say_cordon(server: Server) -> str:
    """Return what cordoning a server does about new builds, in its present state."""
    recipe = server.recipe
    machine = describe_machine_of(server)
    if not recipe.has_agent or machine.followed is None:
        return machine.cordon
    if server.state in BOOTING:
        return "Its agent is not started before it is uncordoned."
    if server.state != State.RUNNING:
        return "Its agent is not told, because the server does not run."
    return explain_order(recipe.agent)


def find_daemon_of(server: Server) -> Endpoint:
    """Return where a server's Docker daemon is, and the keys for it. One query."""
    loopback = describe_kind(server.account.kind).is_simulated
    return _find_daemon(server.pk, server.address, loopback=loopback)


def _find_daemon(server_id: UUID, address: str, *, loopback: bool) -> Endpoint:
    """Return where a server's Docker daemon is, and the keys for it. One query.

    A server without keys, such as one that was adopted, gets an endpoint whose
    connection fails with a sentence about that.
    """
    keys = find_client_keys(server_id) or ClientKeys("", "", "")
    return Endpoint(
        address=address,
        name=name_server(server_id),
        ca_cert=keys.ca_cert,
        client_cert=keys.client_cert,
        client_key=keys.client_key,
        loopback=loopback,
    )


@dataclass(frozen=True, slots=True)
class Checked:
    """How the checks of a location's running servers went, and what was lost lately."""

    running: int = 0
    checked: int = 0
    failing: int = 0  # the last one failed
    failed: int = 0  # so many in a row that the health is lost
    lost: int = 0  # were lost by that lately, and run no more
    ended: int = 0  # lost their instances lately, and run no more


def count_checked(limits: Limits, now: datetime) -> dict[LocationKey, Checked]:
    """Return the checks of each location where servers run or did lately. One query.

    Only those since the server became ready count. A heartbeat that comes is a check,
    too, although it is not recorded as one.
    """
    runs, since = Q(state=State.RUNNING), now - limits.lately
    looked = runs & Q(host__checked_at__gte=F("state_since"))
    heard = runs & Q(host__heartbeat_at__gte=F("state_since"))
    gone = ~runs & Q(lost_at__gte=since)
    # The failures stay on the record of a server that no longer runs.
    failed = Q(host__failures__gte=limits.checks)
    rows = Server.objects.filter(runs | Q(lost_at__gte=since))
    counted = rows.values_list("account", "region").annotate(
        running=Count("pk", filter=runs),
        checked=Count("pk", filter=looked | heard),
        failing=Count("pk", filter=looked & Q(host__failures__gt=0)),
        failed=Count("pk", filter=looked & failed),
        lost=Count("pk", filter=gone & failed),
        ended=Count("pk", filter=gone & (Q(host=None) | ~failed)),
    )
    return {
        (account, region): Checked(*counts)
        for account, region, *counts in counted.order_by()
    }


def view_host(
    host: Host | None, server: Server, attempts: Iterable[Attempt]
) -> HostView:
    """Return what was found since the server entered its state.

    Looks before that were at another instance, or for another purpose. The agent counts
    if it was on the current attempt's instance.
    """
    if host is None:
        return HostView()
    attempts = tuple(attempts)
    has_agent = _is_of_attempt(host.agent_started_at, server, attempts)
    is_spent = _is_of_attempt(host.agent_spent_at, server, attempts)
    behind = host.agent_behind_since
    told = host.drain_told_at
    if told is not None and told < server.state_since:
        told = None
    if host.checked_at is None or host.checked_at < server.state_since:
        return HostView(
            has_agent=has_agent,
            agent_spent=is_spent,
            behind_since=behind,
            told_at=told,
        )
    return HostView(
        checked_at=host.checked_at,
        failures=host.failures,
        problem=host.problem,
        builds=tuple(host.builds),
        has_agent=has_agent,
        agent_spent=is_spent,
        behind_since=behind,
        told_at=told,
    )


def _is_of_attempt(
    seen: datetime | None, server: Server, attempts: Iterable[Attempt]
) -> bool:
    """Tell whether what was seen then was on the current attempt's instance."""
    return seen is not None and any(
        attempt.number == server.attempt_number and attempt.asked_at <= seen
        for attempt in attempts
    )
