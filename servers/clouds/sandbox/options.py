"""The options of a sandbox's account, which say how the simulated cloud behaves."""

import re
from collections.abc import Mapping
from typing import Any, Final

from servers.clouds.sandbox.behaviour import (
    FAULTS,
    LISTS,
    NUMBERS,
    WORDS,
    Behaviour,
    read_behaviour,
)
from servers.clouds.timings import Timings
from servers.outgoing.fields import Field

WORLD_NAME: Final = re.compile(r"[a-z0-9-]{1,63}")


def check_options(options: Mapping[str, Any]) -> str:
    """Return what is wrong with options whose fields are valid one by one, or ""."""
    try:
        read_behaviour(options)
    except (TypeError, ValueError) as error:
        return f"The sandbox's options are wrong: {error}."
    world = options.get("world", "")
    if not isinstance(world, str) or (world and not WORLD_NAME.fullmatch(world)):
        return "The world's name must be 1 to 63 lowercase letters, digits or hyphens."
    return ""


def check_timings(options: Mapping[str, Any], timings: Timings) -> str:
    """Return what is wrong with timings for a sandbox with these options, or ""."""
    try:
        behaviour = read_behaviour(options)
    except (TypeError, ValueError):
        return ""  # the options themselves are reported as wrong
    shows = behaviour.processing + behaviour.visibility
    if timings.settle < shows:
        return (
            f"settle ({timings.settle:g} s) must be at least the processing time plus "
            f"the visibility lag ({shows:g} s)."
        )
    longest = behaviour.latency + behaviour.processing
    if behaviour.faults:
        longest += behaviour.hang
    if timings.call < longest:
        return (
            f"call ({timings.call:g} s) must be at least {longest:g} s, the longest "
            "that a call can take: latency, processing time and, with faults, hang."
        )
    return ""


def _describe(name: str, **how: Any) -> Field:
    label, words = WORDS[name]
    usual: Any = getattr(Behaviour(), name)
    said = f"{usual:g}" if isinstance(usual, float) else ", ".join(usual) or "none"
    return Field(name, label, f"{words} (default {said}).", **how)


_TEXTS: Final = {"type": "array", "items": {"type": "string"}}
_RATES: Final = {
    "type": "object",
    "properties": {
        name: {"type": "number", "minimum": 0, "maximum": 1, "description": words}
        for name, words in FAULTS.items()
    },
    "additionalProperties": False,
}
OPTIONS: Final = (
    *(_describe(name, number=True) for name in NUMBERS),
    *(_describe(name, shape=_TEXTS) for name in LISTS),
    Field("power_on", *WORDS["power_on"], flag=True),
    Field("faults", "Faults", "The rate of each fault, from 0 to 1.", shape=_RATES),
    Field(
        "world",
        "World",
        "Accounts with the same world share one cloud.",
        shape={"type": "string", "pattern": f"^(?:{WORLD_NAME.pattern})?$"},
    ),
    Field("expected_token", "Expected token", "If set, any other token is refused."),
)
