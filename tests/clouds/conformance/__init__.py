"""The law of the port, tested over every cloud: the same tests, one bench each.

``tests.clouds.benches`` tells how a cloud plugs in.
"""
