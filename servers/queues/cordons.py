"""Cordon agents over the API of their CI, which gives them no more jobs at once."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Cordoned:
    """Which agents are as they were wanted: by this call, or already before it."""

    changed: frozenset[str] = frozenset()
    already: frozenset[str] = frozenset()


class Cordons(Protocol):
    """The agents of one CI system. Safe to call from any thread."""

    def cordon(self, wanted: Mapping[str, bool], *, deadline: float) -> Cordoned:
        """Cordon the agents of these names (true), or let them get jobs again (false).

        Jobs that they have go on. Those that are as wanted are left alone, so it can be
        repeated at any time. What has no agent of its name is in neither set. If it
        raises a CallError, some may be as wanted and others not. Lasts at most
        ``deadline`` seconds.
        """


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent, as its CI shows it."""

    agent_id: str
    name: str
    is_cordoned: bool


def set_cordons(
    agents: Iterable[Agent],
    wanted: Mapping[str, bool],
    change: Callable[[Agent, bool], None],
) -> Cordoned:
    """Call ``change`` for each agent that is not as wanted."""
    changed, already = set(), set()
    for agent in agents:
        if agent.name not in wanted:
            continue
        if agent.is_cordoned is wanted[agent.name]:
            already.add(agent.name)
        else:
            change(agent, wanted[agent.name])
            changed.add(agent.name)
    return Cordoned(frozenset(changed), frozenset(already - changed))
