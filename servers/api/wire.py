"""The API's shapes lie below it, since the pages show them, too."""

from servers.wire import render_server, to_seconds

__all__ = ["render_server", "to_seconds"]
