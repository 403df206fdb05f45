"""What a server can be, what can happen to it, and the sets that have a name."""

from enum import StrEnum


class State(StrEnum):
    """The states of a server, in the words of the wire (Drone Autoscaler's)."""

    PENDING = "pending"  # accepted; no attempt is under way
    CREATING = "creating"  # an attempt is written down; its call may be out
    CREATED = "created"  # the cloud holds the instance of the current attempt
    STAGING = "staging"  # it has an address; it is not proven ready
    RUNNING = "running"  # it takes builds
    SHUTDOWN = "shutdown"  # its termination was requested; nothing drains yet
    STOPPING = "stopping"  # it is being destroyed until its absence is proven
    STOPPED = "stopped"  # proven absent; nothing bills
    ERROR = "error"  # given up; what the cloud holds of it is still resolved


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
    HEALTH_LOST = "health_lost"
    RETRY_REQUESTED = "retry_requested"
    STOP_REQUESTED = "stop_requested"
    DRAINED = "drained"
    ABSENCE_CONFIRMED = "absence_confirmed"
    DISOWNED = "disowned"


class Outcome(StrEnum):
    """What is known of one attempt to create."""

    ASKED = "asked"  # written down; the answer is not known
    ACCEPTED = "accepted"  # the cloud holds an instance of it
    REFUSED = "refused"  # the cloud answered that nothing was made
    ABSENT = "absent"  # looked for after its settle time, and not there
    ABANDONED = "abandoned"  # its server needs it no more


class Answer(StrEnum):
    """What an attempt came to that left its server without an instance.

    The values are those of the port's errors, without their last five letters.
    """

    REFUSED = "Refused"
    CREDENTIALS = "Credentials"
    QUOTA = "Quota"
    NO_CAPACITY = "NoCapacity"
    THROTTLED = "Throttled"
    UNREACHABLE = "Unreachable"
    CLOCK = "Clock"
    SILENCE = "UnknownOutcome"  # no answer, and nothing of it was found
    UNSENT = "Unsent"  # its worker was stopped for too long before it could ask
    FAILED = "Failed"  # it made an instance that failed, or stopped, while it booted


class Verdict(StrEnum):
    """What an instance under our tag is to us."""

    OURS = "ours"  # the one of an open attempt
    ORPHAN = "orphan"  # its attempt is closed
    DOUBLE = "double"  # a second one of an open attempt
    UNEXPLAINED = "unexplained"  # its attempt is not in the database: a person decides
    GONE = "gone"  # no longer live


class Want(StrEnum):
    """What a person last asked of a server."""

    RUN = "run"
    GONE = "gone"


# States in which something moves by itself, so the scope is listed quickly.
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
# On the way to running: each has a deadline and the failure edge deadline_passed.
BOOTING = frozenset({State.PENDING, State.CREATING, State.CREATED, State.STAGING})
# The current attempt's instance is known and should be there.
HOLDING = frozenset({State.CREATED, State.STAGING, State.RUNNING})
# A person, the ttl or the reaper may still ask for the end.
STOPPABLE = BOOTING | {State.RUNNING, State.ERROR}
# The end was asked for: asking again changes nothing.
ENDING = frozenset({State.SHUTDOWN, State.STOPPING, State.STOPPED})
# Counts against no cap: proven absent. (An errored row counts until it is resolved.)
PROVEN_GONE = frozenset({State.STOPPED})
COUNTED = frozenset(State) - PROVEN_GONE

# An attempt that is closed is final: no instance of it may be adopted any more.
CLOSED = frozenset({Outcome.REFUSED, Outcome.ABSENT, Outcome.ABANDONED})
OPEN = frozenset({Outcome.ASKED, Outcome.ACCEPTED})

# The same call would be refused again.
FINAL = frozenset({Answer.REFUSED, Answer.CREDENTIALS, Answer.QUOTA})
# Says nothing against the request, so it is no try: the same call may work later.
NO_TRY = frozenset(
    {
        Answer.NO_CAPACITY,
        Answer.THROTTLED,
        Answer.UNREACHABLE,
        Answer.CLOCK,
        Answer.UNSENT,
    }
)
# Another candidate may do better at once.
ELSEWHERE = frozenset({Answer.NO_CAPACITY, Answer.FAILED})
