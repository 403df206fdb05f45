"""Serve the application below a path, whether or not the proxy strips it."""

from collections.abc import Iterable
from typing import Any

from serverfleet.web.chunks import Application


def mount(application: Application, path: str) -> Application:
    """Serve ``path`` and everything below it as if it were the root; "" is the root.

    Requests without the path are served, too: some proxies strip it, and probes of the
    machine itself never have it.
    """
    if not path:
        return application

    def mounted(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        asked = environ.get("PATH_INFO", "")
        if asked == path or asked.startswith(f"{path}/"):
            environ["PATH_INFO"] = asked.removeprefix(path) or "/"
        environ["SCRIPT_NAME"] = path
        return application(environ, start_response)

    return mounted
