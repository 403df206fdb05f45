"""THE table of the lifecycle: which event moves a server from where to where.

Buttons, the messages of refused calls, the database's check constraint and the diagram
in docs/lifecycle.md derive from it, and tests check each of them against it. Nothing
else defines what is allowed, and nothing bypasses it.
"""

from types import MappingProxyType
from typing import Final

from servers.lifecycle.states import Event, State

Edge = tuple[State, Event, State]

TABLE: Final[tuple[Edge, ...]] = (
    # The attempt is in the database before the call is sent.
    (State.PENDING, Event.ATTEMPT_WRITTEN, State.CREATING),
    # The call was answered, or the instance was found by its key: both are the same.
    (State.CREATING, Event.INSTANCE_KNOWN, State.CREATED),
    # Another placement or another attempt is left.
    (State.CREATING, Event.ATTEMPT_REFUSED, State.PENDING),
    (State.CREATING, Event.ATTEMPT_ABSENT, State.PENDING),
    # None is left. From pending: no placement's account can be used at all.
    (State.CREATING, Event.CANDIDATES_EXHAUSTED, State.ERROR),
    (State.PENDING, Event.CANDIDATES_EXHAUSTED, State.ERROR),
    # The instance failed or stopped while booting. Its attempt is abandoned, so the
    # instance is an orphan, and the next attempt follows. If no attempt is left, the
    # instance is kept.
    (State.CREATED, Event.INSTANCE_FAILED, State.PENDING),
    (State.STAGING, Event.INSTANCE_FAILED, State.PENDING),
    (State.CREATED, Event.CANDIDATES_EXHAUSTED, State.ERROR),
    (State.STAGING, Event.CANDIDATES_EXHAUSTED, State.ERROR),
    (State.CREATED, Event.ADDRESS_SEEN, State.STAGING),
    (State.STAGING, Event.READY, State.RUNNING),
    # Every booting state has a deadline. A late answer is still recorded.
    (State.PENDING, Event.DEADLINE_PASSED, State.ERROR),
    (State.CREATING, Event.DEADLINE_PASSED, State.ERROR),
    (State.CREATED, Event.DEADLINE_PASSED, State.ERROR),
    (State.STAGING, Event.DEADLINE_PASSED, State.ERROR),
    # Confirmed by two complete listings and a get, or shown as ended by the cloud.
    (State.CREATED, Event.INSTANCE_VANISHED, State.ERROR),
    (State.STAGING, Event.INSTANCE_VANISHED, State.ERROR),
    (State.RUNNING, Event.INSTANCE_VANISHED, State.ERROR),
    # The cloud took the spot instance back. One that still boots counts as failed.
    (State.RUNNING, Event.INSTANCE_INTERRUPTED, State.ERROR),
    (State.RUNNING, Event.HEALTH_LOST, State.ERROR),
    # Only if no live instance and no unanswered attempt is left.
    (State.ERROR, Event.RETRY_REQUESTED, State.PENDING),
    # By a person, the ttl or the engine.
    (State.PENDING, Event.STOP_REQUESTED, State.SHUTDOWN),
    (State.CREATING, Event.STOP_REQUESTED, State.SHUTDOWN),
    (State.CREATED, Event.STOP_REQUESTED, State.SHUTDOWN),
    (State.STAGING, Event.STOP_REQUESTED, State.SHUTDOWN),
    (State.RUNNING, Event.STOP_REQUESTED, State.SHUTDOWN),
    (State.ERROR, Event.STOP_REQUESTED, State.SHUTDOWN),
    # Its builds have finished, there were none, or their time is over; or by force.
    (State.SHUTDOWN, Event.DRAINED, State.STOPPING),
    # Stopping never gives up: confirmed absence is the only way out.
    (State.STOPPING, Event.ABSENCE_CONFIRMED, State.STOPPED),
    # A copied database became its own fleet: the servers belong to the original.
    (State.PENDING, Event.DISOWNED, State.STOPPED),
    (State.CREATING, Event.DISOWNED, State.STOPPED),
    (State.CREATED, Event.DISOWNED, State.STOPPED),
    (State.STAGING, Event.DISOWNED, State.STOPPED),
    (State.RUNNING, Event.DISOWNED, State.STOPPED),
    (State.ERROR, Event.DISOWNED, State.STOPPED),
    (State.SHUTDOWN, Event.DISOWNED, State.STOPPED),
    (State.STOPPING, Event.DISOWNED, State.STOPPED),
)

_TARGETS: Final = MappingProxyType(
    {(source, event): target for source, event, target in TABLE}
)


def target_of(source: State, event: Event) -> State | None:
    """Return where ``event`` leads from ``source``, or None if it is not allowed."""
    return _TARGETS.get((source, event))


def sources_of(event: Event) -> frozenset[State]:
    """Return the states from which ``event`` is allowed."""
    return frozenset(source for source, name, _ in TABLE if name is event)


def allowed(source: State) -> frozenset[Event]:
    """Return the events that are allowed from ``source``."""
    return frozenset(event for state, event, _ in TABLE if state is source)


def render_mermaid() -> str:
    """Return the table as a Mermaid state diagram, for docs/lifecycle.md."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.PENDING}"]
    lines += [f"    {source} --> {target}: {event}" for source, event, target in TABLE]
    lines.append(f"    {State.STOPPED} --> [*]")
    return "\n".join(lines) + "\n"
