"""The lifecycle rules as pure code: no Django, no clock, no I/O.

``states`` names the states and events, ``transitions`` is the one table of allowed
moves, and ``keys`` ties instances to attempts. ``decide`` takes a ``snapshot`` and
returns the next step as one of the ``decisions``. ``pending``, ``health``, ``drain``
and ``ending`` are its parts for pending, running and stopping servers. ``conditions``
are what must hold on an instance, which ``machine`` decides by. ``pools`` plans how
many servers a pool has, and ``replay`` runs such plans over a record of jobs.
"""
