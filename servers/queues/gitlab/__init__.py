"""The jobs of GitLab CI/CD, of a group's projects or of some projects.

GitLab lists the jobs of one project at a time, so each is asked for its own.
"""

from servers.queues.gitlab.adapter import KIND

__all__ = ["KIND"]
