"""Stateful fakes of clouds, over real HTTP on loopback.

``base.Fake`` has what all share: the server, the clock, faults, and the log of calls. A
cloud's own fake is a subclass in a file of its own, with one method for each call of
the API, marked by ``route``. ``specs`` holds its requests and answers to the cloud's
official description.
"""
