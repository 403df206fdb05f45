"""Gitea's queue of Actions jobs.

Jobs that wait for others, for a limit or for an approval are not in it yet.
"""

from servers.queues.gitea.adapter import KIND

__all__ = ["KIND"]
