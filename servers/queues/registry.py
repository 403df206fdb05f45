"""All kinds of queues, and the adapter of each, in one literal dict."""

from collections.abc import Collection, Mapping
from functools import lru_cache
from importlib import import_module
from typing import Final

from servers.errors import InvalidError
from servers.queues.base import Queue, QueueConfig
from servers.queues.bounds import Bounded
from servers.queues.kind import QueueKind
from servers.queues.registrars import Registers

_ADAPTERS: Final = {
    "buildkite": "servers.queues.buildkite",
    "drone": "servers.queues.drone",
    "example": "servers.queues.example",
    "forgejo": "servers.queues.forgejo",
    "gitea": "servers.queues.gitea",
    "github": "servers.queues.github",
    "gitlab": "servers.queues.gitlab",
    "jenkins": "servers.queues.jenkins",
    "json": "servers.queues.json",
    "prometheus": "servers.queues.prometheus",
    "push": "servers.queues.push",
    "woodpecker": "servers.queues.woodpecker",
}


def list_queue_kinds() -> list[QueueKind]:
    """Return all kinds, sorted by name."""
    return [describe_queue_kind(kind) for kind in sorted(_ADAPTERS)]


@lru_cache
def describe_queue_kind(kind: str) -> QueueKind:
    """Return what a queue of ``kind`` needs. Raises InvalidError."""
    path = _ADAPTERS.get(kind)
    if path is None:
        known = ", ".join(sorted(_ADAPTERS))
        raise InvalidError(
            f"{kind[:40]!r} is not a known kind of queue. Use one of {known}.",
            fields={"kind": [f"Use one of {known}."]},
        )
    described = import_module(path).KIND
    assert isinstance(described, QueueKind)
    return described


def read_poll(kind: str, options: Mapping[str, object]) -> float:
    """Return the seconds between two reads of a queue, by its options or its kind."""
    given = options.get("poll")
    usual = describe_queue_kind(kind).poll
    return float(given) if isinstance(given, int | float) and given else usual


def open_queue(kind: str, config: QueueConfig) -> Queue:
    """Return a queue whose snapshots are within bounds, whatever its CI shows.

    Cheap: no call, no connection. Raises InvalidError.
    """
    described = describe_queue_kind(kind)
    if described.open is None:
        raise InvalidError("The jobs of this queue are pushed, so it can't be read.")
    secrets = (
        config.credentials.get(each.name, "").strip()
        for each in described.credentials
        if each.secret
    )
    return Bounded(described.open(config), tuple(filter(None, secrets)))


@lru_cache
def list_registers() -> tuple[Registers, ...]:
    """Return how each kind registers agents, of those that can."""
    return tuple(each.registers for each in list_queue_kinds() if each.registers)


def is_registrable(agent: str) -> bool:
    """Tell whether some kind of queue can register the agent of a preset."""
    return any(each.agent == agent for each in list_registers())


def list_lent(agent: str, given: Collection[str]) -> frozenset[str]:
    """Return which variables of an agent some queue gives, if a template has these."""
    return frozenset[str]().union(
        *(
            each.variables
            for each in list_registers()
            if each.agent == agent and each.credential not in given
        )
    )
