"""An example queue: no CI, but jobs that come by the clock and run on your servers.

It is for a first look, as the sandbox is a cloud for it.
"""

from servers.queues.example.adapter import KIND

__all__ = ["KIND"]
