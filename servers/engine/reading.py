"""What a step has read about its server, and what it decides from that.

A step reads everything once. Then each of its transactions keeps what it knows up to
date where that is simple, and reads again where it is not.
"""

import logging
from datetime import timedelta
from typing import Final

from servers.engine import uptime
from servers.engine.waits import Rest, plan_wait, stop_clock
from servers.lifecycle.decide import decide
from servers.lifecycle.decisions import Call, Change, Wait
from servers.lifecycle.snapshot import Pace
from servers.lifecycle.states import State
from servers.models import Account, Attempt, Instance, Server
from servers.placing.locations import hasten_listing
from servers.placing.snapshots import Loader
from servers.records import ledger
from servers.records.counters import count_fault

logger = logging.getLogger(__name__)

AFTER_FAULT: Final = timedelta(seconds=10)
FAULT: Final = "A step failed because of a bug in ServerFleet. See the worker's log."


class Reading:
    """What one step knows about its server, and when it read that.

    ``now`` is the database's time, and ``read_at`` the uptime, in seconds, from before
    the database told it. ``snapshot`` is what the last decision was made from.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.read()

    def read(self) -> None:
        """Read everything that the next decision looks at, but the server itself."""
        self.read_at = uptime.read()
        self.fleet, self.now = ledger.read_fleet()
        self.loader = Loader([self.server], fleet=self.fleet, now=self.now)
        self._loaded_at = self.now
        self._home = (self.server.account_id, self.server.region)

    def read_again(self) -> None:
        """Read again what others may have changed, the account too."""
        self.server.account = Account.objects.get(pk=self.server.account_id)
        self.read()

    def read_clock(self) -> None:
        """Read only the time: all else is known to be as it was."""
        self.read_at = uptime.read()
        self.now = ledger.database_now()
        self.loader.set_clock(self.now)

    def decide(self) -> Call | Change | Rest:
        """Decide. An error can't take what the transaction has recorded before it."""
        self.snapshot = self.loader.snapshot(self.server)
        if self.snapshot.state is State.PENDING:
            # The deadline did not run while no worker took the server.
            self.server.deadline_at = self.snapshot.deadline_at
            self.server.planned_at = self.now
        try:
            decision = decide(self.snapshot, self.now)
        except Exception:
            logger.exception("A step of %s failed.", self.server.name)
            count_fault()
            stop_clock(self.server, now=self.now)
            return Rest(self.now + AFTER_FAULT, FAULT)
        if isinstance(decision, Wait):
            return plan_wait(self.server, self.snapshot, decision, now=self.now)
        return decision

    def find_lease(self) -> timedelta:
        """Return how long a lease must be for a call in any location of the server."""
        return max(location.pace.lease for location in self.snapshot.locations)

    def hasten_listing(self, shown: Attempt | Instance, pace: Pace) -> None:
        """Have what a call changed listed soon, if that is not planned already.

        The location of a moving server is listed often. So if the listing that was
        planned before the call is soon, it will see the change, or another follows.
        """
        key = (shown.account_id, shown.region)
        known = self.loader.locations.get(key)
        if (
            known is None
            or key != self._home
            or known.lease_until is not None  # its listing may be from before
            or known.next_listing_at > self._loaded_at + pace.listing
        ):
            hasten_listing(*key, within=pace.listing)
