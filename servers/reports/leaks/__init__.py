"""The leak report: what the clouds run with the fleet's tag against the records.

For each location it says which instances are live, which of them a server owns, and
since when. Instances outside the bound should have been destroyed by now. The database
counts everything; only the rows listed by name are limited, per location.
"""

from servers.reports.leaks.bounds import LEFTOVERS_EVERY, bound_of
from servers.reports.leaks.load import list_history, report_leaks
from servers.reports.leaks.shapes import (
    DECIDED,
    NONE,
    UNOWNED,
    Counted,
    Finding,
    LocationReport,
    Remainder,
    Report,
    Unconfirmed,
)

__all__ = [
    "DECIDED",
    "LEFTOVERS_EVERY",
    "NONE",
    "UNOWNED",
    "Counted",
    "Finding",
    "LocationReport",
    "Remainder",
    "Report",
    "Unconfirmed",
    "bound_of",
    "list_history",
    "report_leaks",
]
