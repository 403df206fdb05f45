"""The jobs of GitHub Actions, of an organisation or of some repositories.

GitHub has no list of waiting jobs. They are found run by run: the runs of each
repository that are queued or in progress, and the latest jobs of each.
"""

from servers.queues.github.adapter import KIND

__all__ = ["KIND"]
