"""The tick, the listing of a location, and the sweep of unowned instances.

A listing counts only if it is complete, shows the recorded account, and comes from the
process that still holds the location's lease. Then it is compared with the records,
moves the rows that wait for it by compare-and-swap, and condemns what no server owns.
"""

from servers.reconciler.observe import observe_location
from servers.reconciler.purge import purge_history
from servers.reconciler.tick import tick

__all__ = ["observe_location", "purge_history", "tick"]
