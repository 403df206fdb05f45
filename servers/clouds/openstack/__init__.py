"""OpenStack: Keystone, Nova, Neutron, Cinder and Glance, over their own HTTP APIs.

``keystone`` signs in and keeps the token, ``session`` sends a request to a service of
its catalogue. ``launch`` builds the one create call, ``floating`` what a server needs
after it, ``convert`` and ``errors`` read the answers.
"""

from servers.clouds.openstack.adapter import KIND

__all__ = ["KIND"]
