"""Operations, steps, crashes, faults and time jumps in any order, and the invariants.

Two accounts on two worlds; the second is the fallback of the first. The test does the
work of workers and scheduler, so hints can be lost, doubled and reordered as drawn.
"""

import time
import uuid
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import pairwise

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from servers import engine, reconciler
from servers.clouds.sandbox.records import Row
from servers.errors import FleetError
from servers.lifecycle.states import ENDING, HOLDING, OPEN, PROVEN_GONE, State
from servers.lifecycle.transitions import TABLE
from servers.models import Account, Attempt, Instance, Location, Server, Template
from servers.models import Event as EventRow
from servers.operations.accounts import close_breaker, save_account
from servers.operations.cordon import cordon_server, uncordon_server
from servers.operations.fleet import freeze_destroys
from servers.operations.templates import save_template
from servers.operations.terminate import protect_server, retry_server, terminate_server
from servers.operations.unowned import adopt_unowned, destroy_unowned
from servers.records import ledger
from servers.reports.leaks.load import report_leaks
from tests.support.ageing import jump, wipe
from tests.support.crash import kill_at, run_in_child, was_killed
from tests.support.fleet import (
    QUICK,
    Workshop,
    change_template,
    make_fleet,
    provision,
    world_of,
)
from tests.support.worlds import add_instance, vanish

CAP = 3  # servers of the first account
BUILD = 2.0  # seconds that a build goes on in a drain
MAX_LATE = 4
FAULTS = (
    "timeout_before",
    "timeout_after",
    "server_error",
    "throttled",
    "unreachable",
    "partial_listing",
    "stale_listing",
    "never_boots",
    "fails",
    "stops",
    "slow_destroy",
    "unhealthy",
)
# From shorter than a call to longer than every deadline and retention.
JUMPS = (0.3, 1.0, 3.0, 20.0, 700.0, 4000.0)
# Why a drain ends before the simulated build does.
NO_BUILD = ("Terminated with force", "It was never ready", "It has no instance",
            "The cloud shows its instance", "The drain timeout has passed")  # fmt: skip
MOVES = frozenset((source, target) for source, _, target in TABLE)


class FleetMachine(RuleBasedStateMachine):
    """One fleet. ``sent`` is set by the test: where the hints go."""

    hand: Workshop
    # Checked at the end of the whole run, to notice a machine that does nothing.
    seen: Counter[str] = Counter()

    @initialize(two_calls=st.booleans(), replaces=st.booleans())
    def begin(self, two_calls: bool, replaces: bool) -> None:
        wipe()
        self.hand.hints = []
        self.late: set[str] = set()
        self.lost: set[str] = set()
        world = uuid.uuid4().hex
        make_fleet(name="first", world=world, power_on=two_calls, build=BUILD)
        self.seen["two calls"] += two_calls
        template = Template.objects.get()
        template.on_health_lost = "replace" if replaces else "error"
        save_template(template)
        Account.objects.update(max_servers=CAP)
        spare = save_account(
            Account(
                name="spare",
                kind="sandbox",
                options={**QUICK, "world": uuid.uuid4().hex, "build": BUILD},
                max_servers=100,
                creates_per_minute=1_000_000,
                calls_at_once=1000,
            )
        )
        change_template(fallbacks=[{"account": spare.name}])
        self.worlds = [world_of(account) for account in Account.objects.all()]

    # What people do

    @rule()
    def ask_for_a_server(self) -> None:
        self._try(provision)

    @rule(pick=st.integers(0, 9), force=st.booleans())
    def ask_for_an_end(self, pick: int, force: bool) -> None:
        self._with_server(pick, lambda row: terminate_server(row.name, force=force))

    @rule(pick=st.integers(0, 9))
    def ask_for_a_retry(self, pick: int) -> None:
        self._with_server(pick, lambda row: retry_server(row.name))

    @rule(pick=st.integers(0, 9), protected=st.booleans())
    def protect(self, pick: int, protected: bool) -> None:
        self._with_server(
            pick, lambda row: protect_server(row.name, protected=protected)
        )

    @rule(pick=st.integers(0, 9), cordoned=st.booleans())
    def cordon(self, pick: int, cordoned: bool) -> None:
        act = cordon_server if cordoned else uncordon_server
        self._with_server(pick, lambda row: act(row.name))

    @rule(frozen=st.booleans())
    def freeze(self, frozen: bool) -> None:
        freeze_destroys(frozen=frozen)

    @rule(pick=st.integers(0, 9), adopt=st.booleans())
    def decide_on_what_is_unexplained(self, pick: int, adopt: bool) -> None:
        found = list(Instance.objects.filter(verdict="unexplained").order_by("pk"))
        if found:
            act: Callable[[int], object] = adopt_unowned if adopt else destroy_unowned
            self._try(partial(act, found[pick % len(found)].pk))

    # What processes do, or fail to do

    @rule()
    def tick(self) -> None:
        reconciler.tick()

    @rule(pick=st.integers(0, 9), keep=st.booleans())
    def carry_out_a_hint(self, pick: int, keep: bool) -> None:
        if self.hand.hints:
            task = self.hand.hints[pick % len(self.hand.hints)]
            if not keep:
                self.hand.hints.remove(task)
            self.hand.carry_out(*task)

    @rule()
    def lose_the_hints(self) -> None:
        self.hand.hints = []

    @rule(turns=st.integers(1, 6))
    def work_on(self, turns: int) -> None:
        for _ in range(turns):
            self.hand.turn()

    @rule(pick=st.integers(0, 9), boundary=st.integers(1, 35))
    def step_and_be_killed(self, pick: int, boundary: int) -> None:
        self._with_server(
            pick, lambda row: self._kill(partial(engine.advance, row.pk), boundary)
        )

    @rule(pick=st.integers(0, 1), boundary=st.integers(1, 25))
    def list_and_be_killed(self, pick: int, boundary: int) -> None:
        locations = list(Location.objects.order_by("pk"))
        location = locations[pick % len(locations)]
        self._kill(partial(reconciler.observe_location, location.pk), boundary)

    # What clouds and time do

    @rule(
        fault=st.sampled_from(FAULTS),
        first=st.booleans(),
        rate=st.sampled_from((0.0, 0.5, 1.0)),
    )
    def meet_a_fault(self, fault: str, first: bool, rate: float) -> None:
        account = Account.objects.get(name="first" if first else "spare")
        faults = {**account.options.get("faults", {}), fault: rate}
        Account.objects.filter(pk=account.pk).update(
            options={**account.options, "faults": faults}
        )
        self.seen[fault] += rate > 0

    @rule(pick=st.integers(0, 9))
    def lose_an_instance(self, pick: int) -> None:
        live = self._live()
        if live:
            row = live[pick % len(live)]
            self.lost.add(row.id)
            now = time.time()
            for world in self.worlds:
                if row.id in {each.id for each in world.live(now)}:
                    vanish(world, row.id, now)
            self.seen["lost"] += 1

    @rule(pick=st.integers(0, 9))
    def have_a_call_take_effect_late(self, pick: int) -> None:
        attempts = list(Attempt.objects.order_by("asked_at", "pk"))
        # More at once would wait for a person, which another test covers.
        if attempts and len(self.late) < MAX_LATE:
            attempt = attempts[pick % len(attempts)]
            tags = {
                "serverfleet-fleet": "ci",
                "serverfleet-server": attempt.server_uid.hex,
                "serverfleet-key": attempt.key,
            }
            world = world_of(attempt.account)
            self.late.add(add_instance(world, region="", tags=tags, now=time.time()))
            self.seen["late"] += 1

    @rule(seconds=st.sampled_from(JUMPS))
    def let_time_pass(self, seconds: float) -> None:
        jump(seconds, *self.worlds)

    # What must hold, always

    @invariant()
    def a_server_has_one_instance_at_most(self) -> None:
        now = time.time()
        owned = Counter(
            row.tags["serverfleet-server"]
            for row in self._live()
            if row.id not in self.late
            and row.deleting_at is None
            # An instance that failed while booting is given up; the next is created.
            and (row.status(now) not in {"failed", "stopped"} or row.is_off(now))
        )
        assert not [uid for uid, count in owned.items() if count > 1], owned

    @invariant()
    def nothing_that_a_server_holds_is_destroyed(self) -> None:
        ends = {
            row.id
            for world in self.worlds
            for row in world.instances()
            if row.deleting_at is not None and row.id not in self.lost
        }
        holding = Server.objects.filter(state__in=(*HOLDING, State.SHUTDOWN))
        assert not ends & set(holding.values_list("instance_id", flat=True))

    @invariant()
    def what_ends_gets_no_builds_and_finishes_those_it_has(self) -> None:
        assert not Server.objects.filter(state__in=ENDING, cordoned=False).exists()
        asked = {
            event.server_uid: event.at
            for event in EventRow.objects.filter(kind="stop_requested")
        }
        for event in EventRow.objects.filter(kind="drained"):
            self.seen[event.reason] += 1
            if event.reason == "The simulated build has finished.":
                lasted = (event.at - asked[event.server_uid]).total_seconds()
                assert lasted >= BUILD, event.reason
            else:
                assert event.reason.startswith(NO_BUILD), event.reason

    @invariant()
    def what_lost_its_health_is_replaced_once(self) -> None:
        said = EventRow.objects.filter(reason__startswith="It replaces")
        counts = Counter(said.values_list("reason", flat=True))
        self.seen["replaced"] += len(counts)
        assert all(count == 1 for count in counts.values()), counts

    @invariant()
    def what_is_stopped_owns_nothing(self) -> None:
        stopped = Server.objects.filter(state=State.STOPPED)
        uids = {uid.hex for uid in stopped.values_list("pk", flat=True)}
        left = {
            row.id for row in self._live() if row.tags["serverfleet-server"] in uids
        }
        assert left <= self.late
        assert not Attempt.objects.filter(
            server_uid__in=stopped.values("pk"), outcome__in=OPEN
        ).exists()

    @invariant()
    def one_attempt_at_most_is_open(self) -> None:
        rows = Attempt.objects.filter(outcome__in=OPEN)
        counts = Counter(rows.values_list("server_uid", flat=True))
        assert all(count == 1 for count in counts.values())

    @invariant()
    def the_history_is_whole_and_follows_the_table(self) -> None:
        moves: dict[uuid.UUID | None, list[tuple[str, str]]] = {}
        for uid, source, target in (
            EventRow.objects.exclude(to_state="")
            .order_by("id")
            .values_list("server_uid", "from_state", "to_state")
        ):
            moves.setdefault(uid, []).append((source, target))
        for server in Server.objects.all():
            walked = moves[server.pk]
            assert walked[-1][1] == server.state
            assert all(one[1] == two[0] for one, two in pairwise(walked))
            assert all((State(a), State(b)) in MOVES for a, b in walked[1:])

    @invariant()
    def the_cap_holds(self) -> None:
        counted = Server.objects.exclude(state__in=PROVEN_GONE).exclude(
            pk__in=EventRow.objects.filter(kind="adopted").values("server_uid")
        )
        assert counted.filter(account__name="first").count() <= CAP

    # The end

    def teardown(self) -> None:
        if not hasattr(self, "worlds"):
            return
        self._heal()
        self._come_to_rest()
        self._drain_one()
        rows = Server.objects.filter(state=State.RUNNING)
        assert {row.id for row in self._live()} == set(
            rows.values_list("instance_id", flat=True)
        )
        for state in Server.objects.values_list("state", flat=True):
            self.seen[state] += 1

    def _drain_one(self) -> None:
        """Terminate a server that runs, so that each run has a drain."""
        running = Server.objects.filter(state=State.RUNNING).order_by("pk").first()
        if running is not None:
            terminate_server(running.name)
            self._come_to_rest()
        self.what_ends_gets_no_builds_and_finishes_those_it_has()

    def _heal(self) -> None:
        freeze_destroys(frozen=False)
        Server.objects.update(protected=False)
        for account in Account.objects.all():
            options = {**account.options, "faults": {}}
            Account.objects.filter(pk=account.pk).update(options=options)
            self._try(partial(close_breaker, account))

    def _come_to_rest(self) -> None:
        """Work and let time pass until nothing changes any more."""
        for number in range(400):
            self.hand.turn()
            time.sleep(0.005)
            if number % 4 == 3:
                jump(0.3, *self.worlds)
            for instance in Instance.objects.filter(verdict="unexplained"):
                self._try(partial(destroy_unowned, instance.pk))
            for row in Server.objects.filter(state=State.ERROR, want="run"):
                self._try(partial(terminate_server, row.name, force=True))
            moving = Server.objects.exclude(state__in=(State.RUNNING, State.STOPPED))
            unowned = Instance.objects.filter(live=True).exclude(verdict="ours")
            at_rest = not moving.exists() and not unowned.exists()
            if at_rest and self._all_owned() and self._is_proven():
                return
        rows = moving.values_list("name", "state", "waiting", "error")
        raise AssertionError(f"no rest: {list(rows)}, {list(unowned.values())}")

    def _is_proven(self) -> bool:
        return report_leaks(now=ledger.database_now()).is_clean

    def _all_owned(self) -> bool:
        known = Server.objects.filter(state=State.RUNNING).values_list(
            "instance_id", flat=True
        )
        return {row.id for row in self._live()} == set(known)

    # Helpers

    def _live(self) -> list[Row]:
        return [row for world in self.worlds for row in world.live(time.time())]

    def _with_server(self, pick: int, act: Callable[[Server], object]) -> None:
        rows = list(Server.objects.order_by("created_at", "pk"))
        if rows:
            self._try(partial(act, rows[pick % len(rows)]))

    def _try(self, act: Callable[[], object]) -> None:
        try:
            act()
        except FleetError as refused:
            self.seen[type(refused).__name__] += 1

    def _kill(self, act: Callable[[], object], boundary: int) -> None:
        child = run_in_child(lambda: (act(), None)[1], kill_at(boundary))
        self.seen["killed"] += was_killed(child)
