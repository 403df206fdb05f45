"""A spot instance that the cloud takes back: announced by a notice, or done.

A running server with a notice drains like any other that is terminated, so its builds
have the time that the cloud leaves them. A booting one is created again, at the next
placement if there is one: that this one was taken back is no fault of the account.
"""

from servers.lifecycle.decisions import Decision, Move, Replace, Wait
from servers.lifecycle.snapshot import InstanceView, Snapshot
from servers.lifecycle.states import Answer, Event, State
from servers.lifecycle.tries import follow_failure


def decide_interruption(snapshot: Snapshot, own: InstanceView) -> Decision:
    """Return the next step of a server that holds an interrupted instance."""
    has_ended = not own.live or own.halted or own.failed
    said = (
        "The cloud took its spot instance back."
        if has_ended
        else "The cloud is about to take its spot instance back."
    )
    if own.fault:
        said = f"{said} Cloud's response: {own.fault}"
    attempt = snapshot.attempt
    if snapshot.state is State.RUNNING or attempt is None:
        return _decide_running(snapshot, said, has_ended=has_ended)
    event = follow_failure(
        snapshot,
        Event.INSTANCE_FAILED,
        placement=attempt.placement,
        answer=Answer.INTERRUPTED,
    )
    if event is Event.CANDIDATES_EXHAUSTED:
        said = f"{said} No attempts are left. Retry or terminate the server."
    return Move(event, said, Answer.INTERRUPTED)


def _decide_running(snapshot: Snapshot, said: str, *, has_ended: bool) -> Decision:
    if snapshot.replaces and not snapshot.protected:
        # If it can't be replaced, its builds still have the time that the cloud leaves.
        otherwise = Event.INSTANCE_INTERRUPTED if has_ended else Event.STOP_REQUESTED
        return Replace(said, otherwise)
    if has_ended:
        return Move(
            Event.INSTANCE_INTERRUPTED, f"{said} Retry or terminate the server."
        )
    if snapshot.protected:
        kept = "The server is protected, so it takes builds until then."
        return Wait(f"{said} {kept}", None)
    return Move(Event.STOP_REQUESTED, f"{said} Its builds can finish until then.")
