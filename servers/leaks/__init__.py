"""The proof: what the clouds hold under our tag against what the rows account for.

For each location the last complete listing, what is live, whose it is, and how long it
has been so; outside of the bound is what should have been destroyed by now. The
database counts, whatever there is; only what is named is cut, in each location.
"""

from servers.leaks.bounds import LEFTOVERS_EVERY, bound_of
from servers.leaks.load import list_history, report_leaks
from servers.leaks.shapes import (
    DECIDED,
    NONE,
    UNOWNED,
    Counted,
    Finding,
    Remainder,
    Report,
    ScopeReport,
    Unconfirmed,
)

__all__ = [
    "DECIDED",
    "LEFTOVERS_EVERY",
    "NONE",
    "UNOWNED",
    "Counted",
    "Finding",
    "Remainder",
    "Report",
    "ScopeReport",
    "Unconfirmed",
    "bound_of",
    "list_history",
    "report_leaks",
]
