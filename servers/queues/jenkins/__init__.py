"""Jenkins's build queue, and what its agents run."""

from servers.queues.jenkins.adapter import KIND

__all__ = ["KIND"]
