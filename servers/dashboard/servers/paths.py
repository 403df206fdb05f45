"""A server's name in an address."""

from typing import Final

from django.urls.converters import StringConverter

# Pages of their own beside /servers/<name>/. A server may have such a name as well.
TAKEN: Final = frozenset({"new", "act"})


class ServerName(StringConverter):
    """A name; a taken one is written with a ``~``, which no name can hold."""

    def to_python(self, value: str) -> str:
        """Return the name."""
        return value.removesuffix("~")

    def to_url(self, value: str) -> str:
        """Return what stands in the address."""
        return f"{value}~" if value in TAKEN else value
