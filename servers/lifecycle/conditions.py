"""What must hold on an instance before its server moves on.

The kinds of condition are in servers/machine/. Each is judged from the records, and
only if they can't tell, by a look at the instance itself. Judging and looking can be
repeated at any time and by any process.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Met:
    """The condition holds, for this reason.

    ``agent_started``: the look has started the agent, or found it running.
    ``agent_behind``: the agent does not do yet what the server's cordon says, which is
    no fault of the machine. ``agent_spent``: it has had the one build that it was for,
    and has ended.
    """

    reason: str
    agent_started: bool = False
    agent_behind: bool = False
    agent_spent: bool = False


@dataclass(frozen=True, slots=True)
class NotYet:
    """It does not hold. ``until`` is when to ask again; None: at the usual pace.

    ``builds`` are the names of the builds that it waits for, as far as they are known;
    None: the look could not tell. ``agent_started`` as in ``Met``.
    """

    because: str
    until: datetime | None = None
    builds: tuple[str, ...] | None = None
    agent_started: bool = False


class Look(Protocol):
    """A call to the instance that tells whether the condition holds.

    It may also bring the condition about: start an agent, tell it to finish. It lasts
    at most ``timeout`` seconds in all, and what goes wrong is a ``NotYet``, never an
    exception.
    """

    def __call__(self, *, timeout: float) -> Met | NotYet:
        """Look once."""


class Condition(Protocol):
    """One thing that must hold on an instance."""

    def judge(self, address: str, now: datetime) -> Met | NotYet | Look:
        """Return what is known, or the look that tells. Makes no call.

        ``address`` is where the cloud says the instance is, or "".
        """


@dataclass(frozen=True, slots=True)
class Always:
    """A condition that always holds, for this reason."""

    reason: str

    def judge(self, _address: str, _now: datetime) -> Met:
        """Return that it holds."""
        return Met(self.reason)


@dataclass(frozen=True, slots=True)
class Known:
    """A look that makes no call: its answer is in the records."""

    answer: Met | NotYet

    def __call__(self, *, timeout: float) -> Met | NotYet:
        """Return the answer."""
        return self.answer


@dataclass(frozen=True, slots=True)
class Machine:
    """What must hold before a server runs, while it runs, and before it is destroyed.

    ``drained`` is asked only about a machine that may have builds. ``healthy`` is asked
    each minute while the server runs; None: nothing watches it. ``broken`` is why it
    will never be ready, or "". ``log_end`` is the end of its boot's log, if known.
    ``followed`` is that the agent does what the server's cordon says, and is asked
    after each change of that until it holds; None: ServerFleet tells no agent.
    ``cordon`` says what a cordon stops here, and what not. ``asks``: nobody can look at
    it, and it asks itself what to do. ``unready_wait`` is how long a machine that was
    never ready, and does not answer, is asked for builds; None: it can't have any.
    ``ends_itself``: its agent ends after one build, which a check of health sees.
    """

    ready: Condition = Always("It has an address. No other check is set.")
    drained: Condition = Always("Destroying it without waiting for running builds.")
    healthy: Condition | None = None
    broken: str = ""
    log_end: str = ""
    followed: Condition | None = None
    asks: bool = False
    ends_itself: bool = False
    unready_wait: timedelta | None = None
    cordon: str = (
        "ServerFleet does not know what starts builds on it, so the cordon is a mark "
        "only. Stop new builds there, too."
    )
