"""The rules, pure: no Django, no clock, no input or output.

``states`` names what a server can be and what can happen to it, ``transitions`` is the
one table, ``keys`` ties instances to attempts, ``decide`` says what one
step should do, as one of the ``decisions``, from a ``snapshot``; ``ending`` is its part
for the end.
"""
