"""Forgejo's queue of Actions jobs.

Jobs that wait for others are not in it yet.
"""

from servers.queues.forgejo.adapter import KIND

__all__ = ["KIND"]
