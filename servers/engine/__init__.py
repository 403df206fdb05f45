"""advance(server): load, observe, decide, act, let go: one bounded step of one server.

The step holds the server's lease, makes at most one kind of call, and holds no
transaction while it does. Whatever dies in it, at any line, leaves rows from which
``decide`` finds the way on (servers/lifecycle/decide.py has the theory).

``step`` is the loop, ``create`` the one call that must not be doubled, ``calls`` the
others, ``moves`` what needs no call and serves the reconciler too.
"""

from servers.engine.calls import destroy_condemned
from servers.engine.moves import apply_move
from servers.engine.step import advance

__all__ = ["advance", "apply_move", "destroy_condemned"]
