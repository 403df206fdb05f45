"""Which servers a bulk action is for: the selected ones, or all that match a filter.

Of those that match, only servers that the action is possible for are taken, so that
repeating it reaches the rest. The database counts how many are skipped, and why.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from django.db.models import Count, Q, QuerySet
from django.http import QueryDict

from servers.dashboard.servers.selection import Selection
from servers.dashboard.shared.messages import say_why_not_in_bulk
from servers.lifecycle.states import ENDING, State
from servers.models import Server
from servers.reports.selectors import list_servers

# The limit for a filter: some seconds of work.
MOST: Final = 1000
MAX_TICKED: Final = 200
MAX_QUERY: Final = 2000
NEWCOMERS_NAMED: Final = 5
GONE: Final = "It is no longer in the list."


@dataclass(frozen=True, slots=True)
class Targets:
    """The servers of a question: ``names`` in order, and those found, by name."""

    names: Sequence[str]
    found: dict[str, Server]
    # For a filter: how many match in all, and sentences about those skipped.
    matching: int = 0
    left_out: Sequence[str] = field(default_factory=list)


def find_servers(names: Sequence[str]) -> dict[str, Server]:
    """Return the servers that exist, by name. One query."""
    plain = [name for name in names if "\0" not in name]
    rows = _with_recipes(list_servers().filter(name__in=plain))
    return {server.name: server for server in rows}


def _with_recipes(rows: QuerySet[Server]) -> QuerySet[Server]:
    """Load with the servers what tells whether they would wait for builds."""
    return rows.select_related("account", "recipe")


def find_ticked(names: Sequence[str]) -> Targets:
    """Return the selected servers."""
    return Targets(names, find_servers(names))


def read_selection(query: str) -> Selection:
    """Return the list's filters from the query string that a form carries."""
    return Selection.read(QueryDict(query[:MAX_QUERY].encode()).dict())


def find_all(act: str, selection: Selection) -> Targets:
    """Return matching servers that an action is possible for, at most ``MOST``.

    Two queries, however many match.
    """
    able = _able(act)
    counts = (
        selection.select()
        .order_by()
        .aggregate(
            matching=Count("id"),
            able=Count("id", filter=able),
            protected=Count("id", filter=Q(protected=True) & ~Q(state__in=ENDING)),
            ending=Count("id", filter=Q(state__in=ENDING)),
        )
    )
    rows = list(_with_recipes(selection.select().filter(able))[:MOST])
    return Targets(
        [server.name for server in rows],
        {server.name: server for server in rows},
        counts["matching"],
        list(_say_left_out(act, counts)),
    )


def _able(act: str) -> Q:
    """Return the same condition as messages.say_why_not_in_bulk."""
    if act == "retry":
        return Q(state=State.ERROR)
    if act == "label":
        return ~Q(state=State.STOPPED)
    return ~Q(state__in=ENDING) & Q(protected=False)


def _say_left_out(act: str, counts: dict[str, int]) -> Iterator[str]:
    out = counts["matching"] - counts["able"]
    if act == "terminate":
        if counts["ending"]:
            yield f"{_count(counts['ending'])} already terminating or stopped."
        if counts["protected"]:
            yield f"{_count(counts['protected'])} protected."
    elif out:
        why = "not in error" if act == "retry" else "stopped"
        yield f"{_count(out)} {why}."
    if counts["able"] > MOST:
        yield (
            f"{counts['able'] - MOST} more match, but {MOST:,} is the limit for one "
            "action. Repeat it for them afterwards, or narrow the filter."
        )


def _count(number: int) -> str:
    return (
        "1 is skipped because it is"
        if number == 1
        else (f"{number} are skipped because they are")
    )


def find_still(selection: Selection, names: Sequence[str]) -> set[str]:
    """Return which of ``names`` still match, whatever their states are now."""
    rows = selection.filter_rows().filter(name__in=list(names))
    return set(rows.values_list("name", flat=True))


def find_newcomers(act: str, selection: Selection, names: Sequence[str]) -> list[str]:
    """Return some names of servers that now match and were not named."""
    rows: QuerySet[Server] = selection.select().filter(_able(act))
    others = rows.exclude(name__in=list(names)).values_list("name", flat=True)
    return list(others[: NEWCOMERS_NAMED + 1])


def explain_left_out(act: str, server: Server | None, *, known_to_work: bool) -> str:
    """Return why a server is skipped, or ""."""
    if server is None:
        return GONE
    return say_why_not_in_bulk(act, server, known_to_work=known_to_work)
