"""The placements of a template in the form of the Django admin."""

from typing import Any

from servers.models import Template
from servers.models.placement import PLACEMENT_FIELDS


def fill_inline(
    template: Template, *more: dict[str, Any], **first: Any
) -> dict[str, Any]:
    """Return the fields of a template's placements, with changes to the first.

    Each of ``more`` is a new placement; what it does not name is as in the first.
    """
    rows = list(template.placements.all())
    filled = []
    for number, row in enumerate(rows):
        values = {name: getattr(row, name) for name in PLACEMENT_FIELDS}
        values |= {"account": row.account_id, "options": "{}"}
        filled.append(values | (first if number == 0 else {}) | {"id": row.pk})
    filled += [{**filled[0], "id": "", **each} for each in more]
    found: dict[str, Any] = {
        "placements-TOTAL_FORMS": len(filled),
        "placements-INITIAL_FORMS": len(rows),
    }
    for number, values in enumerate(filled):
        values |= {"order": number + 1}
        for name, value in values.items():
            if value is not None and value is not False:
                found[f"placements-{number}-{name}"] = value
    return found
