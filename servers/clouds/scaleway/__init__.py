"""Scaleway Instances: one zone of one project, over Scaleway's own HTTP APIs.

A create call creates a server that is off, with its root volume and its tags.
``finishing`` does the rest: it tags the volume, adds what the create call can't carry,
stores the user data and switches the server on. ``ending`` destroys a server, and
``leftovers`` finds what outlives it.
"""

from servers.clouds.scaleway.adapter import KIND

__all__ = ["KIND"]
