"""Linode (Akamai), through its own REST API.

libcloud's driver sends no filter, always asks for pages of 25, and keeps the status of
a refusal only in a text, without Retry-After.

A create is one request. The Linode's label is the attempt's key: labels are unique in
an account, so the cloud itself refuses a second Linode of one attempt. Tags are too
short for a key, and outlive the Linode, so all that it has are those that many share.
"""

from servers.clouds.linode.adapter import KIND

__all__ = ["KIND"]
