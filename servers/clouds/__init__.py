"""The port to the clouds and its adapters, the only code that imports libcloud.

``base`` defines the port, ``registry`` lists the kinds, ``driver`` has what all
libcloud drivers share, and each folder is one cloud.
"""
