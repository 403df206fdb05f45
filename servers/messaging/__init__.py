"""Hints to the workers, the broker, and the heartbeats of the processes."""
