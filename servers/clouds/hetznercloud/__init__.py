"""Hetzner Cloud, through its own REST API: libcloud has no driver for it.

A create is one request: labels, user data, SSH key, networks and firewalls go with it.
The server's name at the cloud is the attempt's key, since names are unique in a project
there: should a second create call of one attempt ever be sent, the cloud refuses it.
"""

from servers.clouds.hetznercloud.adapter import KIND

__all__ = ["KIND"]
