"""What ``/api/leaks`` answers: the proof, in its exact shape."""

from typing import Final

from servers.api.schema.shapes import closed, flag, items, number, one_of, seconds, text
from servers.ledger import Kind
from servers.lifecycle.states import Event, Verdict

_TEXT: Final = text()
_COUNT: Final = number(0)

_FINDING: Final = closed(
    {
        "key": number(1, None, "What `adopt` and `destroy` take."),
        "id": _TEXT,
        "name": _TEXT,
        "verdict": one_of(Verdict),
        "status": text("The cloud's own word for its state."),
        "age": number(0, None, "Seconds."),
        "outside": flag("Older than the bound."),
        "next": _TEXT,
        "waits": flag("A person must decide."),
        "under_way": flag("It is decided: its destruction must be confirmed."),
    }
)
_LEFTOVER: Final = closed(
    {
        "key": number(1, None, "What `delete` takes."),
        "id": _TEXT,
        "kind": _TEXT,
        "detail": _TEXT,
        "age": number(0, None, "Seconds."),
        "outside": flag(),
        "next": _TEXT,
        "waits": flag(),
    }
)
_UNCONFIRMED: Final = closed(
    {
        "name": _TEXT,
        "age": number(0, None, "Seconds."),
        "outside": flag(),
        "waiting": _TEXT,
    }
)
_COUNTS: Final = closed(
    {
        "instances": number(0, None, "Live instances that no server owns."),
        "instances_outside": number(0, None, "Of these: older than the bound."),
        "waits": number(0, None, "Of these: a person must decide."),
        "unconfirmed": number(0, None, "Servers whose end is not proven."),
        "unconfirmed_outside": _COUNT,
        "leftovers": number(0, None, "Things left behind."),
        "leftovers_outside": _COUNT,
    },
    says="All there are; the lists name the oldest hundred of each.",
)
_SCOPE: Final = closed(
    {
        "account": _TEXT,
        "region": _TEXT,
        "clean": flag(),
        "compared": seconds("Last compared with the rows."),
        "fresh": flag("That is young enough to prove a thing."),
        "error": _TEXT,
        "bound": number(0, None, "Seconds."),
        "live": _COUNT,
        "owned": _COUNT,
        "held": number(0, None, "Wait for a person, since they are so many."),
        "counts": _COUNTS,
        "findings": items(_FINDING),
        "unconfirmed": items(_UNCONFIRMED),
        "leftovers": items(_LEFTOVER),
    }
)
LEAKS: Final = closed(
    {
        "clean": flag("Nothing is outside of the bound, and that is known."),
        "at": seconds("When."),
        "scopes": items(_SCOPE),
        "history": items(
            closed(
                {
                    "at": seconds("When."),
                    "kind": one_of([*Event, *Kind]),
                    "account": _TEXT,
                    "server": _TEXT,
                    "actor": _TEXT,
                    "reason": _TEXT,
                }
            )
        ),
    }
)
