"""What follows a failure: another placement, a retry, a wait, or ``error``."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servers.clouds import base
from servers.lifecycle.conditions import Machine
from servers.lifecycle.decide import decide
from servers.lifecycle.decisions import Decision, Move, Wait, WriteIntent
from servers.lifecycle.snapshot import (
    AttemptView,
    Hold,
    InstanceView,
    Limits,
    LocationView,
    Placement,
    PlacementView,
    Snapshot,
)
from servers.lifecycle.states import FINAL, NO_TRY, Answer, Event, Outcome, State
from servers.lifecycle.transitions import target_of
from servers.lifecycle.tries import count_most_calls, follow_failure, longest_wait
from servers.machine.tcp import OpenPort
from servers.outgoing import errors as calls
from tests.lifecycle.deciding import NOW, PACE, ago

pytestmark = pytest.mark.pure

OUTCOMES = {Answer.SILENCE: Outcome.ABSENT, Answer.UNSENT: Outcome.ABSENT,
            Answer.FAILED: Outcome.ABANDONED,
            Answer.INTERRUPTED: Outcome.ABANDONED}  # fmt: skip
GATE = "Waiting for a complete listing."


def tried(*answers: tuple[int, Answer, float]) -> tuple[AttemptView, ...]:
    """Return closed attempts, given as placement, answer and age."""
    return tuple(
        AttemptView(
            number=number,
            outcome=OUTCOMES.get(answer, Outcome.REFUSED),
            location=f"s{placement}",
            lease_end=ago(since),
            placement=placement,
            answer=f"The words of {answer}.",
            answer_class=answer,
            closed_at=ago(since),
        )
        for number, (placement, answer, since) in enumerate(answers, start=1)
    )


def pending(
    *answers: tuple[int, Answer, float],
    placements: int = 2,
    holds: dict[int, Hold] | None = None,
    closed: tuple[int, ...] = (),
    **more: Any,
) -> Snapshot:
    views = tuple(
        PlacementView(
            Placement(number),
            f"account-{number}",
            f"s{number}",
            hold=(holds or {}).get(number, Hold.NONE),
            because=f"hold {number}",
        )
        for number in range(placements)
    )
    locations = tuple(
        LocationView(
            f"s{number}", f"s{number}", PACE, no_create=GATE if number in closed else ""
        )
        for number in range(placements)
    )
    return Snapshot(
        state=State.PENDING,
        state_since=ago(1),
        created_at=ago(600),
        attempt_number=len(answers),
        positions=tuple(range(placements)),
        placements=views,
        locations=locations,
        attempts=tried(*answers),
        **more,
    )


A, B = 0, 1
NO, THROTTLED, GONE = Answer.NO_CAPACITY, Answer.THROTTLED, Answer.UNREACHABLE
LATE = 0.01  # seconds ago: it still backs off
LONG = 500.0

INTENT_A, INTENT_B = WriteIntent(Placement(A)), WriteIntent(Placement(B))


@pytest.mark.parametrize(
    ("given_", "wanted"),
    [
        ("the first comes first", (pending(), INTENT_A)),
        ("no capacity: the next at once", (pending((A, NO, LATE)), INTENT_B)),
        ("none anywhere: from the first", (pending((A, NO, LONG), (B, NO, LATE)),
                                           INTENT_A)),
        ("a refusal is final", (pending((A, Answer.QUOTA, LONG)), INTENT_B)),
        ("so is each of all others", (pending((A, Answer.CREDENTIALS, LONG),
                                              (B, NO, LONG)), INTENT_B)),
        ("throttled: the same again", (pending((A, THROTTLED, LONG)), INTENT_A)),
        ("throttled again and again: another",
         (pending(*[(A, THROTTLED, LATE)] * 3), INTENT_B)),
        ("failed while it booted: another", (pending((A, Answer.FAILED, LATE)),
                                             INTENT_B)),
        ("taken back while it booted: another",
         (pending((A, Answer.INTERRUPTED, LATE)), INTENT_B)),
        ("three times silent: another", (pending(*[(A, Answer.SILENCE, LONG)] * 3),
                                         INTENT_B)),
        ("a full account is passed by", (pending(holds={A: Hold.FULL}), INTENT_B)),
        ("an open breaker, too", (pending(holds={A: Hold.BROKEN}), INTENT_B)),
        ("a disabled account, too", (pending(holds={A: Hold.UNUSABLE}), INTENT_B)),
        ("a retry forgets", (pending((A, Answer.QUOTA, LONG), tried_from=1), INTENT_A)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_tried_next(given_: str, wanted: tuple[Snapshot, Decision]) -> None:
    snapshot, decision = wanted
    assert decide(snapshot, NOW) == decision, given_


@pytest.mark.parametrize(
    ("snapshot", "held", "words"),
    [
        (pending((A, THROTTLED, LATE)), False, "The words of Throttled."),
        (pending((A, GONE, LATE)), False, "The words of Unreachable."),
        (pending((A, Answer.CLOCK, LATE)), False, "The words of Clock."),
        (pending((A, NO, LATE), (B, NO, LATE)), False, "Retrying automatically."),
        (pending(holds={A: Hold.THROTTLED}), False, "hold 0"),
        (pending(holds={A: Hold.BROKEN, B: Hold.BROKEN}), False, "hold 1"),
        (pending(holds={A: Hold.OURS}), True, "hold 0"),
        (pending(holds={A: Hold.FULL, B: Hold.FULL}), True, "hold 1"),
        (pending(closed=(A,)), True, GATE),
        (pending((A, NO, LATE), holds={B: Hold.FULL}), False, "hold 1"),
        (pending((A, Answer.QUOTA, LONG), closed=(B,)), True, GATE),
    ],
)
def test_a_wait_says_why_and_only_our_own_holds_stop_the_deadline(
    snapshot: Snapshot, held: bool, words: str
) -> None:
    decision = decide(snapshot, NOW)
    assert isinstance(decision, Wait)
    assert decision.held is held
    assert words in decision.because
    assert decision.until is not None
    assert decision.until > NOW
    # At its deadline it fails, unless ServerFleet itself holds it.
    late = decide(replace(snapshot, deadline_at=NOW), NOW)
    if held:
        assert isinstance(late, Wait)
    else:
        assert isinstance(late, Move)
        assert late.event is Event.DEADLINE_PASSED


def test_without_a_usable_placement_it_fails_with_all_reasons() -> None:
    given_ = pending((A, Answer.REFUSED, LONG), holds={B: Hold.UNUSABLE})
    decision = decide(given_, NOW)
    assert isinstance(decision, Move)
    assert decision.event is Event.CANDIDATES_EXHAUSTED
    assert decision.reason == "The words of Refused. hold 1"


@pytest.mark.parametrize("answer", list(Answer))
@pytest.mark.parametrize("before", range(4))
def test_a_failure_leads_to_error_only_if_nothing_is_left_to_try(
    answer: Answer, before: int
) -> None:
    given_ = pending(*[(A, answer, LONG)] * before, placements=1)
    event = follow_failure(given_, Event.ATTEMPT_REFUSED, placement=A, answer=answer)
    if answer in NO_TRY:
        assert event is Event.ATTEMPT_REFUSED
    elif answer in FINAL or before + 1 >= given_.limits.tries:
        assert event is Event.CANDIDATES_EXHAUSTED
    else:
        assert event is Event.ATTEMPT_REFUSED
    # Never as long as another placement is left.
    more = replace(given_, positions=(0, 1))
    event = follow_failure(more, Event.ATTEMPT_REFUSED, placement=A, answer=answer)
    assert event is Event.ATTEMPT_REFUSED


def test_each_answer_of_the_port_has_its_name_here() -> None:
    errors = {
        name.removesuffix("Error")
        for module in (base, calls)
        for name, found in vars(module).items()
        if isinstance(found, type) and issubclass(found, calls.CallError)
    }
    ours = {
        Answer.REGISTRATION,
        Answer.UNSENT,
        Answer.FAILED,
        Answer.INTERRUPTED,
    }
    # A create never answers with these three.
    assert errors - {"Call", "Missing", "Unfinished"} == set(Answer) - ours


@given(
    outage=st.floats(0.0, 300.0),
    jitter=st.floats(0.0, 1.0),
    answer=st.sampled_from(sorted(NO_TRY)),
)
def test_an_outage_of_half_the_deadline_takes_at_most_16_calls(
    outage: float, jitter: float, answer: Answer
) -> None:
    limits = Limits()
    assert limits.pending == timedelta(minutes=10)
    began = NOW
    now, calls = began, 0
    answers: list[datetime] = []
    while True:
        snapshot = pending(placements=1, jitter=jitter, limits=limits)
        attempts = tuple(
            replace(view, closed_at=at)
            for view, at in zip(
                tried(*[(A, answer, 0)] * len(answers)), answers, strict=True
            )
        )
        snapshot = replace(
            snapshot, attempts=attempts, deadline_at=began + limits.pending
        )
        decision = decide(snapshot, now)
        if isinstance(decision, Wait):
            assert decision.until is not None
            now = decision.until
            continue
        assert decision == WriteIntent(Placement(A)), decision
        calls += 1
        if (now - began).total_seconds() > outage:
            break
        answers.append(now)
    assert calls <= count_most_calls(outage, limits) <= 16
    # It succeeded soon after the outage had ended.
    waited = (now - began).total_seconds() - outage
    assert waited <= longest_wait(limits) + 1


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """Draw a server with one attempt and one instance, as records may show them."""
    state = draw(st.sampled_from(sorted(State)))
    outcome = draw(st.sampled_from(sorted(Outcome)))
    attempt = AttemptView(
        number=1,
        outcome=outcome,
        location="s0",
        lease_end=ago(draw(st.sampled_from((0.0, 1000.0)))),
        looked_at=draw(st.sampled_from((None, ago(900), ago(1)))),
        answered_at=ago(500),
        answer_class=draw(st.sampled_from(("", *sorted(Answer)))),
        closed_at=ago(draw(st.sampled_from((0.1, 500.0)))),
    )
    instance = InstanceView(
        pk=1,
        instance_id="i-1",
        attempt_number=1,
        location="s0",
        first_seen=ago(900),
        live=draw(st.booleans()),
        failed=draw(st.booleans()),
        halted=draw(st.booleans()),
        unclear=draw(st.booleans()),
        condemned=draw(st.booleans()),
        address=draw(st.sampled_from(("", "10.0.0.1"))),
        missed_from=draw(st.sampled_from((None, ago(60)))),
    )
    plain = pending(
        placements=1,
        holds={A: draw(st.sampled_from(list(Hold)))},
        limits=Limits(tries=draw(st.integers(1, 2))),
        deadline_at=draw(st.sampled_from((None, ago(1)))),
    )
    location = replace(plain.locations[0], newest=draw(st.sampled_from((None, NOW))))
    return replace(
        plain,
        state=state,
        attempt_number=1,
        instance_id="i-1" if draw(st.booleans()) else "",
        attempts=(attempt,),
        instances=(instance,),
        locations=(location,),
        machine=draw(st.sampled_from([Machine(), Machine(ready=OpenPort(22))])),
        failures=draw(st.integers(0, 1)),
    )


@given(snapshots())
def test_every_decided_move_is_in_the_table(snapshot: Snapshot) -> None:
    decision = decide(snapshot, NOW)
    if isinstance(decision, Move):
        assert target_of(snapshot.state, decision.event) is not None, decision
