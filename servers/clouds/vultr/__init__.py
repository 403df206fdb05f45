"""Vultr, through its own REST API.

libcloud's driver sends no tags, lists one page, and loses what an error says.

A create is one request. Nothing at Vultr is unique and there is no token against a
second create, so what protects is the look-up by the label, which is the key, and
the settle time.
"""

from servers.clouds.vultr.adapter import KIND

__all__ = ["KIND"]
