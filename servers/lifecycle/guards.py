"""The guards: last-moment checks that a write or a call is still right.

``decide`` says what to do according to the records of a moment ago. The guards say,
under the lock or just before the call, whether that is still allowed. They are pure, so
the model check in tests/model uses the same guards as ledger, reconciler and engine.
"""

from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final, Protocol

from servers.lifecycle.states import CLOSED, Outcome, Verdict

# A create call is sent only while less than this share of the lease has passed.
SEND_SHARE: Final = 0.25


class Record(Protocol):
    """What is known about one instance. Times are the database's."""

    live: bool
    first_seen: datetime
    listed_from: datetime | None
    missed_from: datetime | None
    gone_at: datetime | None
    condemned_at: datetime | None
    destroy_asked_at: datetime | None
    verdict: str


class Claim(Enum):
    """Whether an instance found for an attempt belongs to it."""

    OWN = auto()  # it does from now on
    ALREADY = auto()  # it did before
    NEVER = auto()  # it never will: the sweep judges it


class Missed(Enum):
    """What it means that another listing did not show an instance."""

    NOTHING = auto()
    NOTED = auto()  # the first miss
    AGAIN = auto()  # its server must ask for it by id
    GONE = auto()  # confirmed: it has no server, or was asked to end


def find_send_limit(*, claimed: float, lease: float) -> float:
    """Return the uptime, in seconds, from which no create call may be sent.

    ``claimed`` is the uptime read before the claim was sent, ``lease`` its length.
    """
    return claimed + lease * SEND_SHARE


def weigh_claim(
    outcome: Outcome, *, known_id: str, shown_id: str, condemned: bool
) -> Claim:
    """Tell whether an instance becomes its attempt's. Both must be locked.

    A closed attempt never takes an instance, and a condemned instance stays condemned.
    So the verdict *orphan* never becomes wrong.
    """
    if outcome is Outcome.ACCEPTED:
        return Claim.ALREADY if known_id == shown_id else Claim.NEVER
    if outcome is Outcome.ASKED and not condemned:
        return Claim.OWN
    return Claim.NEVER


def judge_instance(
    outcome: Outcome | None, *, known_id: str, instance_id: str
) -> Verdict:
    """Return the verdict on a live instance. ``outcome`` None: unknown attempt."""
    if outcome is None:
        return Verdict.UNEXPLAINED
    if outcome in CLOSED:
        return Verdict.ORPHAN
    if outcome is Outcome.ACCEPTED and known_id != instance_id:
        return Verdict.DOUBLE
    return Verdict.OURS


def is_condemnable(
    record: Record, *, started: datetime, now: datetime, grace: timedelta
) -> bool:
    """Tell whether an orphan or double was seen twice and is old enough to condemn.

    ``started`` is when the listing that was just compared began.
    """
    return (
        record.live
        and record.condemned_at is None
        and record.missed_from is None
        and record.listed_from is not None
        and record.listed_from < started
        and record.first_seen <= now - grace
    )


def is_outdated(record: Record, *, started: datetime) -> bool:
    """Tell whether a listing that began at ``started`` is too old for a record.

    It is if the instance was seen to end after the listing began.
    """
    return record.gone_at is not None and record.gone_at >= started


def note_shown(record: Record, *, live: bool, started: datetime) -> None:
    """Record that a complete listing showed the instance."""
    if live:
        record.live = True
        record.listed_from = record.listed_from or started
        record.missed_from = None
        record.gone_at = None
        if record.verdict == Verdict.GONE:
            record.verdict = Verdict.OURS
    else:
        record.live = False
        record.gone_at = started
        record.verdict = Verdict.GONE


def note_missed(
    record: Record, *, started: datetime, settle: timedelta, lag: timedelta
) -> Missed:
    """Record that a complete listing did not show a live instance.

    A new instance may not be visible yet. An instance that a server owns is not
    marked gone here: the server asks for it by id first. An instance that was asked to
    end, or that no server owns, is marked gone after two listings a lag apart.
    """
    if not record.live or started < record.first_seen + settle:
        return Missed.NOTHING
    if record.missed_from is None:
        record.missed_from = started
        return Missed.NOTED
    ending = record.destroy_asked_at is not None or record.verdict != Verdict.OURS
    if ending and started >= record.missed_from + lag:
        record.live = False
        record.gone_at = started
        record.verdict = Verdict.GONE
        return Missed.GONE
    return Missed.AGAIN if record.verdict == Verdict.OURS else Missed.NOTHING


def exceeds_share(count: int, total: int, *, share: float, floor: int) -> bool:
    """Tell whether ``count`` of ``total`` at once is so many that a person decides."""
    return count > max(floor, int(total * share))
