"""advance(server): load, decide and act: one bounded step of one server.

The step holds the server's lease, makes at most one kind of call at a time, and holds
no transaction during a call. If the process dies at any line, it leaves rows from which
``decide`` can continue (servers/lifecycle/decide.py explains the theory).

``step`` is the loop. ``create`` has the one call that must not be sent twice,
``finish`` those that some clouds need after it, ``calls`` the others. ``moves`` applies
decisions that need no call, also for the reconciler.
"""

from servers.engine.calls import destroy_condemned
from servers.engine.moves import apply_move
from servers.engine.step import advance

__all__ = ["advance", "apply_move", "destroy_condemned"]
