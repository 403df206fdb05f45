"""The port to the clouds and its adapters, the only code that imports libcloud.

``port`` is the law, ``base`` what its calls take, return and raise, ``timings`` a
cloud's times and ``capabilities`` what it can do. ``registry`` lists the kinds, each of
which ``kind`` describes. ``driver`` puts libcloud's connections on the HTTP client of
``servers.outgoing``, ``lent`` keeps temporary credentials, ``metadata`` asks the
machine's own metadata service, and each folder is one cloud.
"""
