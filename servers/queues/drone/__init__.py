"""Drone's queue of stages.

A stage is one job. Stages that wait for others are not in the queue yet.
"""

from servers.queues.drone.adapter import KIND

__all__ = ["KIND"]
