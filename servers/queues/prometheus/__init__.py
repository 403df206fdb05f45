"""Numbers of jobs that two PromQL queries return."""

from servers.queues.prometheus.adapter import KIND

__all__ = ["KIND"]
