"""The API's description in OpenAPI 3.1, and the page that shows it.

``shapes`` builds JSON Schema. ``bodies`` and ``answers`` describe request and response
bodies (``proof`` that of ``/api/leaks``) with the limits that the operations enforce.
``parameters`` describes the rest of a request, and ``examples`` has one example of
each. ``operations`` is a table with one entry per method and path. ``generate`` builds
the document with drf-spectacular, and ``views`` serves it.
"""
