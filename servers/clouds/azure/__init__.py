"""Azure virtual machines, through Azure Resource Manager.

A create is one PUT of a virtual machine, whose name is the attempt's key. Its network
interface, public address and disk are described in it, and go with it when it is
deleted. Such a PUT is answered before Azure has found capacity, so ``finish`` looks at
the machine until it is placed. A listing has no addresses: they are looked up once for
machines that are new. decisions/0058 says why libcloud's driver is not used.
"""

from servers.clouds.azure.adapter import KIND

__all__ = ["KIND"]
