"""Google Compute Engine, through its own REST API.

A create is one insert: labels, metadata and the disk go with it. The instance's name is
the attempt's key, and names are unique in a zone, so a second insert of one attempt
could create nothing. The answer to an insert is an operation, which can still fail for
a lack of capacity or quota, so ``finish`` looks at it until the instance has its
resources. decisions/0057 says why libcloud's driver is not used.
"""

from servers.clouds.google.adapter import KIND

__all__ = ["KIND"]
