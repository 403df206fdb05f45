"""Register agents at their CI, one runner for each server.

A runner's name is the key of the attempt that creates its server. It is in nobody
else's use, so after a lost answer it tells whether there is a runner, and whose it is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from servers.outgoing.errors import RefusedError
from servers.queues.base import Labels, QueueConfig

# The most bytes of a queue's URL, and of what most CIs let an agent in by.
URL_BYTES: Final = 500
TOKEN_BYTES: Final = 255


class BusyError(RefusedError):
    """The runner has a job, so it is not removed. The same call works after it."""


@dataclass(frozen=True, slots=True)
class Registered:
    """What a CI gave for the agent of one server.

    ``runner_id`` is "" if the agent itself creates the runner, once it starts: then
    only its name finds it. ``environment`` has variables of the agent. They are secret.
    """

    runner_id: str
    environment: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Runner:
    """One runner, as its CI shows it."""

    runner_id: str
    name: str


class Registrar(Protocol):
    """The runners of one CI system. Safe to call from any thread.

    Each call lasts at most ``deadline`` seconds and raises CallError.
    """

    def register(self, name: str, *, labels: Labels, deadline: float) -> Registered:
        """Create one runner, for jobs that ask for these labels of a pool.

        ``name`` has at most 63 characters of ``[a-z][a-z0-9-]*``. It has to be the name
        that the agent is started with, too. After UnknownOutcomeError there may be a
        runner of this name, whose secrets are lost. Never repeated with the same name.
        """

    def list_registered(self, prefix: str, *, deadline: float) -> list[Runner]:
        """Return all runners whose name begins with ``prefix``, each once.

        It is never a part of them: if a page can't be read, it raises. They may be
        those of another queue, whose jobs lie above or below this one's.
        """

    def unregister(self, runner: Runner, *, deadline: float) -> None:
        """Remove a runner. One that is not there is as good as removed.

        So is one of the same id with another name: the queue may have been pointed to
        another CI meanwhile, where that id is somebody else's. Raises BusyError if it
        has a job: no job ends by this.
        """


@dataclass(frozen=True, slots=True)
class Registers:
    """How a kind of queue registers the agent of one preset.

    ``agent`` is its name in the table of agents. ``credential`` is its variable that
    lets an agent in: if a template gives it, nothing is registered. ``variables`` are
    all that a template may leave out, the credential among them. What a template gives
    nevertheless counts, such as another URL of the same CI. ``lengths`` are all that
    the CI gives, and the most bytes that each can have: so much user data is reserved
    for it. ``check_options`` returns
    why a queue with these options can't register, or "". Then none of it is called.
    ``image`` is an example of what a template has to name, because what the CI gives is
    not for the preset's own image; "" if it is.
    """

    open: Callable[[QueueConfig], Registrar]
    agent: str
    credential: str
    variables: frozenset[str]
    lengths: Mapping[str, int]
    check_options: Callable[[Mapping[str, object]], str] = lambda _options: ""
    image: str = ""
