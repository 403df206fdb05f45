"""How many jobs wait and run in Buildkite's queues."""

from servers.queues.buildkite.adapter import KIND

__all__ = ["KIND"]
