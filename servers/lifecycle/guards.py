"""The guards: what must hold, at the last moment, for a write or a call to be right.

``decide`` says what should be done as the records looked a moment ago. These say, under
the lock or just before the call, whether it may still be done. They are pure, so the
model check in tests/model drives the same ones that ledger, reconciler and engine use.
"""

from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final, Protocol

from servers.lifecycle.states import CLOSED, Outcome, Verdict

# A create call is sent only while less than this share of the lease has passed.
SEND_SHARE: Final = 0.25


class Record(Protocol):
    """What is known of one instance; times are the database's."""

    live: bool
    first_seen: datetime
    listed_from: datetime | None
    missed_from: datetime | None
    gone_at: datetime | None
    condemned_at: datetime | None
    destroy_asked_at: datetime | None
    verdict: str


class Claim(Enum):
    """Whose an instance is that an answer or a look has shown for an attempt."""

    OWN = auto()  # from now on the attempt's
    ALREADY = auto()  # it was before
    STRAY = auto()  # never: the sweep judges it


class Missed(Enum):
    """What one more listing without an instance means."""

    NOTHING = auto()
    NOTED = auto()  # for the first time
    AGAIN = auto()  # its row must ask for it by its id
    GONE = auto()  # no row holds it, or its end was asked for: this proves it


def find_send_limit(*, claimed: float, lease: float) -> float:
    """Return the uptime, in seconds, from which on no create call may be sent.

    ``claimed`` is the uptime read before the claim was sent, ``lease`` its length.
    """
    return claimed + lease * SEND_SHARE


def weigh_claim(
    outcome: Outcome, *, known_id: str, shown_id: str, condemned: bool
) -> Claim:
    """Tell whether an instance becomes its attempt's, under the lock of both.

    A closed attempt never takes one, and what is condemned stays so: hence a verdict
    *orphan* never turns false.
    """
    if outcome is Outcome.ACCEPTED:
        return Claim.ALREADY if known_id == shown_id else Claim.STRAY
    if outcome is Outcome.ASKED and not condemned:
        return Claim.OWN
    return Claim.STRAY


def judge_instance(
    outcome: Outcome | None, *, known_id: str, instance_id: str
) -> Verdict:
    """Return whose a live instance is. ``outcome`` None: its attempt is not known."""
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
    """Tell whether an orphan or double has been seen twice, and is old enough.

    ``started`` is when the listing began that was just compared.
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
    """Tell whether a listing that began at ``started`` can't speak of a record.

    Its end was seen later than the listing began.
    """
    return record.gone_at is not None and record.gone_at >= started


def note_shown(record: Record, *, live: bool, started: datetime) -> None:
    """Write down that a complete listing showed the instance."""
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
    """Write down that a complete listing did not show a live instance.

    What is new may not be visible yet. An instance that a row holds is not concluded
    gone here: its row asks for it by its id first. One whose end was asked for is, and
    one that no row holds, since nothing else is left to ask.
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
