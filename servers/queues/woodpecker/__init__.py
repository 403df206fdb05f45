"""Woodpecker's queue of tasks, of which each is one workflow of a pipeline."""

from servers.queues.woodpecker.adapter import KIND

__all__ = ["KIND"]
