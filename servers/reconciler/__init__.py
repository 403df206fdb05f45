"""The tick, the listing of a scope, and the sweep of what no row owns.

A listing counts only if it is complete, of the recorded account, and still the newest
lister's: then it is compared with the records, moves the rows that wait for it by
compare-and-swap, and condemns what is nobody's.
"""

from servers.reconciler.observe import observe_scope
from servers.reconciler.purge import purge_history
from servers.reconciler.tick import tick

__all__ = ["observe_scope", "purge_history", "tick"]
