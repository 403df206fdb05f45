"""The API's description in OpenAPI 3.1, and the page that shows it.

Each view says with ``describe`` what its operations accept and return. ``generate``
builds the document from the serializers with drf-spectacular, adding ``components``,
``parameters`` and ``examples``. ``views`` serves it.
"""
