"""A server's name in a URL."""

from typing import Final

from django.urls.converters import StringConverter

# Other pages under /servers/. A server can have one of these names, too.
TAKEN: Final = frozenset({"new", "act"})


class ServerName(StringConverter):
    """A name; a taken one gets a ``~``, which no name can contain."""

    def to_python(self, value: str) -> str:
        """Return the name."""
        return value.removesuffix("~")

    def to_url(self, value: str) -> str:
        """Return the part of the URL."""
        return f"{value}~" if value in TAKEN else value
