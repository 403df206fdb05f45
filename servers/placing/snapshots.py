"""Load what ``decide`` looks at. The number of queries is the same for any fleet."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from typing import Final
from uuid import UUID

from servers.lifecycle.conditions import Met, NotYet
from servers.lifecycle.ending import quiet_from
from servers.lifecycle.snapshot import (
    InstanceView,
    LocationView,
    Placement,
    PlacementView,
    Snapshot,
)
from servers.lifecycle.states import Answer, State, Want
from servers.models import Account, Attempt, Fleet, Instance, Location, Server
from servers.models.template import Recipe
from servers.placing.evidence import Evidence
from servers.placing.location_gate import explain_closed_gate, limits_in_force
from servers.placing.locations import pace_of_account
from servers.placing.machines import (
    describe_machine_of,
    has_host,
    load_hosts,
    view_host,
)
from servers.placing.order import order_all
from servers.placing.placements import LocationKey, PlacementFacts, choose_all
from servers.placing.queue_gate import load_refusing
from servers.placing.stops import Stops
from servers.placing.views import (
    find_deadline,
    jitter_of,
    location_name,
    view_attempt,
    view_instance,
)
from servers.records.hosts import record_check, record_follow, record_look
from servers.records.prepared import Prepared, among

_ATTEMPTS: Final = Prepared(
    Attempt,
    lambda slot: Attempt.objects.filter(server_uid__in=slot("servers", "server_uid")),
)
_INSTANCES: Final = Prepared(
    Instance,
    lambda slot: Instance.objects.filter(server_uid__in=slot("servers", "server_uid")),
)
_LOCATIONS: Final = Prepared(
    Location,
    lambda slot: Location.objects.filter(among("account", slot("accounts", "account"))),
)


class Loader:
    """Build snapshots of servers of one fleet at one moment, in bulk."""

    def __init__(
        self, servers: Sequence[Server], *, fleet: Fleet, now: datetime
    ) -> None:
        self.fleet = fleet
        self.now = now
        self.limits = limits_in_force()
        # A server that was never tried has no attempts, and what else carries its id is
        # of no interest before it ends.
        ids = [
            server.pk
            for server in servers
            if server.attempt_number or server.state != State.PENDING
        ]
        self.attempts: dict[UUID, list[Attempt]] = {}
        for attempt in _ATTEMPTS.read(servers=ids):
            self.attempts.setdefault(attempt.server_uid, []).append(attempt)
        self.instances: dict[UUID, list[Instance]] = {}
        for instance in _INSTANCES.read(servers=ids):
            if instance.server_uid is not None:
                self.instances.setdefault(instance.server_uid, []).append(instance)
        self.hosts = load_hosts(servers)
        self.stops = Stops(servers, self.hosts, fleet)
        self.ranked = order_all(servers, choose_all(servers), now=now)
        self.chosen = {
            key: tuple(each.placement for each in ranked)
            for key, ranked in self.ranked.items()
        }
        self.placements = {
            server.pk: self.chosen[server.pk]
            for server in servers
            if server.state == State.PENDING
        }
        self.accounts: dict[UUID, Account] = {}
        self.locations = self._load_locations(servers)
        self.evidence = Evidence(
            self.locations, self.accounts, limits=self.limits, now=now
        )
        self.views: dict[LocationKey, LocationView] = {}
        self.pending = (
            PlacementFacts(
                self.accounts,
                load_refusing(
                    [server for server in servers if server.pk in self.placements],
                    now=now,
                ),
                now=now,
            )
            if self.placements
            else None
        )

    def _load_locations(
        self, servers: Iterable[Server]
    ) -> dict[LocationKey, Location | None]:
        keys: set[LocationKey] = set()
        for server in servers:
            self.accounts.setdefault(server.account_id, server.account)
            keys.add((server.account_id, server.region))
            keys |= {
                (placement.account, placement.region)
                for placement in self.placements.get(server.pk, ())
            }
        rows: list[Attempt | Instance] = [
            *chain.from_iterable(self.attempts.values()),
            *chain.from_iterable(self.instances.values()),
        ]
        keys |= {(row.account_id, row.region) for row in rows}
        if unknown := {account for account, _ in keys} - self.accounts.keys():
            self.accounts |= Account.objects.in_bulk(unknown)
        for row in rows:
            row.account = self.accounts[row.account_id]
        found = {}
        for location in _LOCATIONS.read(accounts=list(self.accounts)):
            location.account = self.accounts[location.account_id]
            found[location.account_id, location.region] = location
        return {key: found.get(key) for key in keys}

    def set_clock(self, now: datetime) -> None:
        """Look at the same rows at a later moment."""
        self.now = now
        self.views.clear()

    def add_answer(self, attempt: Attempt, instance: Instance) -> None:
        """Add what a create call has just shown. Its location is already known."""
        assert instance.server_uid is not None
        instance.account = attempt.account
        self.attempts.setdefault(attempt.server_uid, []).append(attempt)
        self.instances.setdefault(instance.server_uid, []).append(instance)

    def note_look(self, server: Server, found: Met | NotYet) -> None:
        """Record what a look found, in the caller's transaction."""
        if has_host(server):
            known = self.hosts.get(server.pk)
            self.hosts[server.pk] = record_look(server, known, found, now=self.now)

    def note_check(self, server: Server, found: Met | NotYet) -> None:
        """Record what a check of health found, in the caller's transaction."""
        known = self.hosts.get(server.pk)
        self.hosts[server.pk] = record_check(server, known, found, now=self.now)
        self.evidence.forget_checks()

    def note_follow(self, server: Server, found: Met | NotYet) -> bool:
        """Record whether the agent follows the server's cordon by now.

        False: it does not, or somebody has changed the cordon meanwhile.
        """
        host = self.hosts[server.pk]
        return record_follow(server, host, found, now=self.now)

    def find_instances(self, views: Iterable[InstanceView]) -> list[Instance]:
        """Return the records of instances, with their accounts."""
        pks = {view.pk for view in views}
        rows = chain.from_iterable(self.instances.values())
        return [row for row in rows if row.pk in pks]

    def snapshot(self, server: Server) -> Snapshot:
        """Return the snapshot of one of the servers."""
        attempts = self.attempts.get(server.pk, [])
        instances = self.instances.get(server.pk, [])
        pending = server.state == State.PENDING
        placements = self.placements[server.pk] if pending else ()
        keys: dict[LocationKey, None] = {(server.account_id, server.region): None}
        for attempt in attempts:
            keys[attempt.account_id, attempt.region] = None
        for instance in instances:
            keys[instance.account_id, instance.region] = None
        for placement in placements:
            keys[placement.account, placement.region] = None
        views = {key: self._view_location(key) for key in keys}
        snapshot = Snapshot(
            state=State(server.state),
            state_since=server.state_since,
            created_at=server.created_at,
            attempt_number=server.attempt_number,
            tried_from=server.tried_from,
            failures=server.failures,
            jitter=jitter_of(server),
            instance_id=server.instance_id,
            deadline_at=find_deadline(server, self.now),
            ttl=timedelta(seconds=server.ttl) if server.ttl else None,
            protected=server.protected,
            cordoned=server.cordoned,
            trial_until=server.trial_until,
            want=Want(server.want),
            was_ready=server.ready_at is not None,
            failed=bool(server.error),
            waiting=server.waiting,
            drain=timedelta(seconds=server.recipe.drain_seconds),
            replaces=server.recipe.on_health_lost == Recipe.HealthLost.REPLACE,
            kept=self.stops.explain_kept(server, self.hosts.get(server.pk)),
            host=view_host(self.hosts.get(server.pk), server, attempts),
            machine=describe_machine_of(server, self.hosts.get(server.pk)),
            limits=self.limits,
            positions=tuple(each.position for each in self.chosen[server.pk]),
            placements=tuple(
                self._view_placement(server, placement) for placement in placements
            ),
            attempts=tuple(view_attempt(attempt) for attempt in attempts),
            instances=tuple(view_instance(instance) for instance in instances),
            locations=tuple(views.values()),
        )
        return self._with_looks(snapshot, views)

    def _with_looks(
        self, snapshot: Snapshot, views: dict[LocationKey, LocationView]
    ) -> Snapshot:
        """Add the listings and counts, if the state needs them."""
        own, evidence = snapshot.own_instance, self.evidence
        add: Callable[[LocationKey, LocationView], LocationView]
        if snapshot.state is State.STOPPING:
            add = partial(evidence.add_looks, quiet=quiet_from(snapshot))
        elif own is not None and own.live and own.missed_from is not None:
            add = evidence.add_missing
        elif _may_be_lost(snapshot):
            add = evidence.add_checked
        else:
            return snapshot
        told = tuple(add(key, view) for key, view in views.items())
        return replace(snapshot, locations=told)

    def _view_location(self, key: LocationKey) -> LocationView:
        if key not in self.views:
            self.views[key] = self._build_view(key)
        return self.views[key]

    def _build_view(self, key: LocationKey) -> LocationView:
        account = self.accounts[key[0]]
        location = self.locations.get(key)
        pace = pace_of_account(account)
        closed = explain_closed_gate(
            location, account, fleet=self.fleet, pace=pace, now=self.now
        )
        no_create = closed or (self.pending.no_create(key) if self.pending else "")
        frozen = (
            "Destroying is frozen for the whole fleet. An admin can allow it again."
            if self.fleet.destroys_frozen
            else ""
        )
        return LocationView(
            location=location_name(*key),
            name=f"{account.name} {key[1]}".strip(),
            pace=pace,
            no_create=no_create,
            no_destroy=frozen or closed,
            closed=closed,
            newest=location.listed_from if location else None,
        )

    def _view_placement(self, server: Server, placement: Placement) -> PlacementView:
        assert self.pending is not None
        account = self.accounts[placement.account]
        location = self.locations.get((account.pk, placement.region))
        held = self.pending.find_hold(server, account, location)
        full = self.pending.full.find(placement, account)
        return PlacementView(
            placement,
            " ".join(filter(None, (account.name, placement.region, placement.size))),
            location_name(account.pk, placement.region),
            hold=held.hold,
            because=held.because,
            until=held.until,
            rank=next(
                each.because
                for each in self.ranked[server.pk]
                if each.placement.position == placement.position
            ),
            full_in=full.region if full else "",
            quota_full=full is not None and full.answer_class == Answer.QUOTA,
            full_since=full.seen_at if full else None,
            full_until=full.until if full else None,
        )


def _may_be_lost(snapshot: Snapshot) -> bool:
    """Tell whether the server has lost its health or its instance, if not all have."""
    own = snapshot.own_instance
    ended = own is not None and (not own.live or own.halted or own.failed)
    ends = snapshot.state is State.RUNNING and ended
    return ends or snapshot.host.failures >= snapshot.limits.checks
