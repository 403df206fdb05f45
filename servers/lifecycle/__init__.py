"""The rules, pure: no Django, no clock, no input or output.

``states`` names what a server can be and what can happen to it, ``transitions`` is the
one table, ``keys`` ties instances to attempts, ``snapshot`` and ``decisions`` say what
one step should do.
"""
