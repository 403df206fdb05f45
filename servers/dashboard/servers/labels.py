"""Which labels there are: for who searches by one that is not there."""

from collections import Counter
from typing import Final

from servers.selectors import list_servers

LOOKED_AT: Final = 500
SHOWN: Final = 12


def list_labels() -> list[str]:
    """Return labels of the newest servers as name=value, the commonest first.

    One query. A template asks for it where nothing was found: a callable in its
    context.
    """
    rows = list_servers().order_by("-created_at").values_list("labels", flat=True)
    counts = Counter(
        f"{name}={value}"
        for labels in rows[:LOOKED_AT]
        for name, value in labels.items()
    )
    return [label for label, _ in counts.most_common(SHOWN)]
