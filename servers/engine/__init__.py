"""advance(server): load, decide and act: one bounded step of one server.

The step takes the lease of its server before each call, makes one at a time, and holds
no transaction during a call. If the process dies at any line, it leaves rows from which
``decide`` can continue (servers/lifecycle/decide.py explains the theory).

``advance`` finds the row, ``step`` is the loop, ``reading`` what it knows, and
``waits`` its end. ``create`` has the one call that must not be sent twice (``spec`` is
what it sends), ``finish`` those that some clouds need after it, ``looks`` those to the
instance itself, ``calls`` the others. ``moves`` applies decisions that need no call,
also for the reconciler.
"""

from servers.engine.advance import advance
from servers.engine.calls import destroy_condemned
from servers.engine.moves import adopt_instance, find_shown_columns

__all__ = ["adopt_instance", "advance", "destroy_condemned", "find_shown_columns"]
