"""The states and events of a server, and named sets of them."""

from enum import StrEnum


class State(StrEnum):
    """The states of a server, named as in Drone Autoscaler's API."""

    PENDING = "pending"  # accepted; no attempt is in progress
    CREATING = "creating"  # an attempt is recorded; its call may have been sent
    CREATED = "created"  # the cloud has the instance of the current attempt
    STAGING = "staging"  # it has an address, but is not confirmed ready
    RUNNING = "running"  # it takes builds
    SHUTDOWN = "shutdown"  # termination requested; its builds finish
    STOPPING = "stopping"  # being destroyed, until it is confirmed gone
    STOPPED = "stopped"  # confirmed gone; nothing is billed
    ERROR = "error"  # failed; its instances are still tracked


class Event(StrEnum):
    """What moves a server from one state to another."""

    ATTEMPT_WRITTEN = "attempt_written"
    INSTANCE_KNOWN = "instance_known"
    ATTEMPT_REFUSED = "attempt_refused"
    ATTEMPT_ABSENT = "attempt_absent"
    INSTANCE_FAILED = "instance_failed"
    CANDIDATES_EXHAUSTED = "candidates_exhausted"
    ADDRESS_SEEN = "address_seen"
    READY = "ready"
    DEADLINE_PASSED = "deadline_passed"
    INSTANCE_VANISHED = "instance_vanished"
    INSTANCE_INTERRUPTED = "instance_interrupted"
    HEALTH_LOST = "health_lost"
    RETRY_REQUESTED = "retry_requested"
    STOP_REQUESTED = "stop_requested"
    DRAINED = "drained"
    ABSENCE_CONFIRMED = "absence_confirmed"
    DISOWNED = "disowned"


class Outcome(StrEnum):
    """What is known about one attempt to create an instance."""

    ASKED = "asked"  # recorded; the answer is not known
    ACCEPTED = "accepted"  # the cloud has an instance of it
    REFUSED = "refused"  # the cloud answered that nothing was created
    ABSENT = "absent"  # looked for after its settle time, and not found
    ABANDONED = "abandoned"  # its server no longer needs it


class Answer(StrEnum):
    """Why an attempt left its server without an instance.

    The values are the names of the cloud port's errors without ``Error``, and our own.
    """

    REFUSED = "Refused"
    CREDENTIALS = "Credentials"
    QUOTA = "Quota"
    NO_CAPACITY = "NoCapacity"
    THROTTLED = "Throttled"
    UNREACHABLE = "Unreachable"
    CLOCK = "Clock"
    SILENCE = "UnknownOutcome"  # no answer, and no instance was found
    REGISTRATION = "Registration"  # no CI registered its agent, so nothing was sent
    UNSENT = "Unsent"  # its worker was suspended too long to send the call
    FAILED = "Failed"  # its instance failed or stopped while booting
    INTERRUPTED = "Interrupted"  # the cloud took its spot instance back while booting


class Verdict(StrEnum):
    """How an instance with the fleet's tag relates to our records."""

    OURS = "ours"  # the instance of an open attempt
    ORPHAN = "orphan"  # its attempt is closed
    DOUBLE = "double"  # a second instance of an open attempt
    UNEXPLAINED = "unexplained"  # its attempt is not in the database; a person decides
    GONE = "gone"  # no longer live


class Want(StrEnum):
    """What was last requested for a server."""

    RUN = "run"
    GONE = "gone"
    NOW = "now"  # gone, without waiting for its builds


# States that change automatically.
MOVING = frozenset(
    {
        State.PENDING,
        State.CREATING,
        State.CREATED,
        State.STAGING,
        State.SHUTDOWN,
        State.STOPPING,
    }
)
# States that wait for a listing, so the location is listed more often. A drain, which
# can take hours, waits for looks at the machine.
LISTED_OFTEN = MOVING - {State.SHUTDOWN}
# On the way to running. Each has a deadline and the edge deadline_passed.
BOOTING = frozenset({State.PENDING, State.CREATING, State.CREATED, State.STAGING})
# The current attempt's instance is known and should exist.
HOLDING = frozenset({State.CREATED, State.STAGING, State.RUNNING})
# The server can still be terminated: by a person, its ttl or the engine.
STOPPABLE = BOOTING | {State.RUNNING, State.ERROR}
# Termination was requested. Requesting it again changes nothing.
ENDING = frozenset({State.SHUTDOWN, State.STOPPING, State.STOPPED})
# Confirmed gone, so it counts against no limit. An errored server still counts.
PROVEN_GONE = frozenset({State.STOPPED})
COUNTED = frozenset(State) - PROVEN_GONE

# A closed attempt is final: no instance of it may be adopted.
CLOSED = frozenset({Outcome.REFUSED, Outcome.ABSENT, Outcome.ABANDONED})
OPEN = frozenset({Outcome.ASKED, Outcome.ACCEPTED})

# The same call would fail again.
FINAL = frozenset({Answer.REFUSED, Answer.CREDENTIALS, Answer.QUOTA})
# The request itself may be fine, so this does not count as a try.
NO_TRY = frozenset(
    {
        Answer.NO_CAPACITY,
        Answer.THROTTLED,
        Answer.UNREACHABLE,
        Answer.CLOCK,
        Answer.REGISTRATION,
        Answer.UNSENT,
    }
)
# No create call was sent.
NOT_SENT = frozenset({Answer.UNSENT, Answer.REGISTRATION})
# Another placement may succeed right away.
ELSEWHERE = frozenset({Answer.NO_CAPACITY, Answer.FAILED, Answer.INTERRUPTED})
# The server gave its instance up, so the records are right: it is an orphan.
GIVEN_UP = frozenset({Answer.FAILED, Answer.INTERRUPTED})
