"""The API's description, OpenAPI 3.1, and the page that shows it.

``shapes`` builds JSON Schema; ``bodies`` and ``answers`` describe what goes in and
comes out (``proof`` of ``/api/leaks``), from the limits that the operations hold;
``parameters`` the rest of a request; ``examples`` has one of each. ``operations`` is
the table: one entry per method and path. ``generate`` puts it together through
drf-spectacular, ``views`` serves it.
"""
