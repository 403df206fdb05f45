"""The exact shape of the response of ``/api/leaks``: the proof."""

from typing import Final

from servers.api.schema.shapes import closed, flag, items, number, one_of, seconds, text
from servers.lifecycle.states import Event, Verdict
from servers.records.ledger import Kind

_TEXT: Final = text()
_COUNT: Final = number(0)

_FINDING: Final = closed(
    {
        "key": number(1, None, "The key for `adopt` and `destroy`."),
        "id": _TEXT,
        "name": _TEXT,
        "verdict": one_of(Verdict),
        "status": text("Its state in the cloud's own terms."),
        "age": number(0, None, "In seconds."),
        "outside": flag("Whether it is older than the bound."),
        "next": _TEXT,
        "waits": flag("Whether a person must decide."),
        "under_way": flag(
            "Whether it was decided, and its destruction is yet to be confirmed."
        ),
    }
)
_LEFTOVER: Final = closed(
    {
        "key": number(1, None, "The key for `delete`."),
        "id": _TEXT,
        "kind": _TEXT,
        "detail": _TEXT,
        "age": number(0, None, "In seconds."),
        "outside": flag(),
        "next": _TEXT,
        "waits": flag(),
    }
)
_UNCONFIRMED: Final = closed(
    {
        "name": _TEXT,
        "age": number(0, None, "In seconds."),
        "outside": flag(),
        "waiting": _TEXT,
    }
)
_COUNTS: Final = closed(
    {
        "instances": number(0, None, "Live instances that no server owns."),
        "instances_outside": number(0, None, "Of these, those older than the bound."),
        "waits": number(0, None, "Of these, those that need a decision."),
        "unconfirmed": number(0, None, "Terminated servers not yet confirmed gone."),
        "unconfirmed_outside": _COUNT,
        "leftovers": number(0, None, "Leftovers of terminated instances."),
        "leftovers_outside": _COUNT,
    },
    says="How many there are. Each list shows only the oldest hundred.",
)
_SCOPE: Final = closed(
    {
        "account": _TEXT,
        "region": _TEXT,
        "clean": flag(),
        "compared": seconds("When the cloud was last compared with the database."),
        "fresh": flag("Whether that is recent enough to prove anything."),
        "error": _TEXT,
        "bound": number(0, None, "In seconds."),
        "live": _COUNT,
        "owned": _COUNT,
        "held": number(
            0, None, "Instances that need a decision because there are so many."
        ),
        "counts": _COUNTS,
        "findings": items(_FINDING),
        "unconfirmed": items(_UNCONFIRMED),
        "leftovers": items(_LEFTOVER),
    }
)
LEAKS: Final = closed(
    {
        "clean": flag("Whether it is known that nothing is outside the bound."),
        "at": seconds("When the report was created."),
        "scopes": items(_SCOPE),
        "history": items(
            closed(
                {
                    "at": seconds("When it happened."),
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
