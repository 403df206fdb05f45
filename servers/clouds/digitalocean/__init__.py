"""DigitalOcean, through its own REST API.

libcloud's driver sends no VPC, and can't list Droplets by name or tag.

A create is one request. The Droplet's name is the attempt's key, by which the API
finds it. It has no other tag of its own: tags outlive the Droplets, so all that it has
are those that many share.
"""

from servers.clouds.digitalocean.adapter import KIND

__all__ = ["KIND"]
