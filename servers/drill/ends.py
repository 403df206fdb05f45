"""What the drill concludes about drains and health from the history."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from servers.models import Event

# The beginning of the reason of a drain's end, and what it is called in the verdict.
REASONS: Final = {
    "The simulated build has finished": "after its build",
    "Terminated with force": "by force",
    "It was never ready": "never ready",
    "It has no instance": "no instance",
    "The cloud shows its instance": "instance ended",
}
OTHER: Final = "otherwise"


@dataclass(frozen=True, slots=True)
class Ends:
    """How servers ended. A build is cut off if its drain ends early, unasked."""

    drained: dict[str, int] = field(default_factory=dict)
    cut_off: tuple[str, ...] = ()
    lost: int = 0  # their health
    replaced: int = 0
    doubly_replaced: tuple[str, ...] = ()
    half_replaced: tuple[str, ...] = ()  # ended without the other, or the reverse


def read_ends(build: float) -> Ends:
    """Return how the servers ended whose builds go on for ``build`` seconds."""
    rows = Event.objects.filter(kind__in=["stop_requested", "drained"]).order_by("id")
    asked, drained, cut = {}, Counter[str](), []
    for event in rows:
        if event.kind == "stop_requested":
            asked[event.server_uid] = event.at
            continue
        reasons = (REASONS[each] for each in REASONS if event.reason.startswith(each))
        reason = next(reasons, OTHER)
        drained[reason] += 1
        lasted = (event.at - asked[event.server_uid]).total_seconds()
        early = reason == REASONS["The simulated build has finished"] and lasted < build
        if early or reason == OTHER:
            cut.append(event.server_name)
    said = Event.objects.filter(kind="requested", reason__startswith="It replaces ")
    replaced = Counter(
        reason.removeprefix("It replaces ").removesuffix(".")
        for reason in said.values_list("reason", flat=True)
    )
    gone = rows.filter(kind="stop_requested", reason__endswith=" replaces it.")
    left = set(gone.values_list("server_name", flat=True))
    return Ends(
        drained=dict(drained),
        cut_off=tuple(cut),
        lost=Event.objects.filter(kind="health_lost").count(),
        replaced=len(replaced),
        doubly_replaced=tuple(each for each, count in replaced.items() if count > 1),
        half_replaced=tuple(sorted(left ^ replaced.keys())),
    )
