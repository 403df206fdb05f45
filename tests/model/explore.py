"""Search all worlds that the rules can reach, breadth first."""

import gc
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.model.rules import Rules, is_rest
from tests.model.world import World

Property = Callable[[World], str]


@dataclass(slots=True)
class Result:
    """A result: the property that broke, and the shortest path to it."""

    states: int
    steps: int
    broken: str = ""
    trace: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        told = f"{self.states:,} states, {self.steps:,} steps"
        if not self.broken:
            return f"{told}: nothing broken"
        lines = [f"  {number:2}. {name}" for number, name in enumerate(self.trace, 1)]
        return "\n".join([f"{told}: BROKEN: {self.broken}", *lines])


@contextmanager
def _without_collector() -> Iterator[None]:
    """Worlds are never garbage, and looking through all of them is a quarter of it."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@_without_collector()
def explore(
    start: World,
    rules: Rules,
    broken_by: Property,
    *,
    must_rest: bool = False,
    most: int = 3_000_000,
) -> Result:
    """Visit every reachable world; stop at the first that breaks the property.

    ``must_rest``: also, from each of them a good rest must be reachable by fair steps.
    """
    numbers: dict[World, int] = {start: 0}
    worlds = [start]
    parents = array("l", [-1])
    names: list[str] = [""]
    ahead: list[list[int]] = []
    steps = 0
    for number, world in enumerate(worlds):  # grows while it is read
        if broken := broken_by(world):
            trace = _trace(number, parents, names)
            return Result(len(worlds), steps, broken, trace)
        fair = []
        for name, after, is_fair in rules.steps(world):
            steps += 1
            known = numbers.get(after)
            if known is None:
                known = numbers[after] = len(worlds)
                worlds.append(after)
                parents.append(number)
                names.append(name)
                if known > most:
                    raise RuntimeError(f"more than {most:,} states")
            if is_fair and known != number:
                fair.append(known)
        if must_rest:
            ahead.append(fair)
    result = Result(len(worlds), steps)
    if must_rest:
        lost = _find_restless(worlds, ahead)
        if lost is not None:
            result.broken = "from here no good rest can be reached"
            result.trace = [*_trace(lost, parents, names), f"= {worlds[lost]}"]
    return result


def _trace(number: int, parents: "array[int]", names: list[str]) -> list[str]:
    trace = []
    while parents[number] >= 0:
        trace.append(names[number])
        number = parents[number]
    return trace[::-1]


def _find_restless(worlds: list[World], ahead: list[list[int]]) -> int | None:
    """Return the first world from which no fair path leads to a good rest, or None."""
    behind: list[list[int]] = [[] for _ in worlds]
    for number, following in enumerate(ahead):
        for known in following:
            behind[known].append(number)
    reached = bytearray(len(worlds))
    edge = [number for number, world in enumerate(worlds) if is_rest(world)]
    for number in edge:
        reached[number] = 1
    while edge:
        number = edge.pop()
        for known in behind[number]:
            if not reached[known]:
                reached[known] = 1
                edge.append(known)
    lost = reached.find(0)
    return None if lost < 0 else lost
