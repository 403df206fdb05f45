"""The labels in use, for people whose search by label found nothing."""

from collections import Counter
from typing import Final

from servers.reports.selectors import list_servers

LOOKED_AT: Final = 500
SHOWN: Final = 12


def list_labels() -> list[str]:
    """Return labels of the newest servers as name=value, most common first.

    One query. It is a callable in the context, so that it runs only if the template
    needs it.
    """
    rows = list_servers().order_by("-created_at").values_list("labels", flat=True)
    counts = Counter(
        f"{name}={value}"
        for labels in rows[:LOOKED_AT]
        for name, value in labels.items()
    )
    return [label for label, _ in counts.most_common(SHOWN)]
