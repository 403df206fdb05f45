"""The port to the clouds and its adapters, the only code that imports libcloud.

``base`` defines the port, ``registry`` lists the kinds, ``http`` is the port's HTTP
client, ``driver`` puts libcloud's connections on it, and each folder is one cloud.
"""
