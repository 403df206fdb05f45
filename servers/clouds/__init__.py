"""The port to the clouds and its adapters: the only importers of libcloud.

``base`` is the law, ``registry`` the list of kinds, ``driver`` what all libcloud
drivers share, and each other module is one cloud.
"""
