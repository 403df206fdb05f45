"""Numbers or lists of jobs in JSON at a URL, found by JSON pointers."""

from servers.queues.json.adapter import KIND

__all__ = ["KIND"]
