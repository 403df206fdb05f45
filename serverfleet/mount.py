"""The application below a path of its host, whether or not the proxy takes it away."""

from collections.abc import Iterable
from typing import Any

from serverfleet.chunks import Application


def mount(application: Application, path: str) -> Application:
    """Serve ``path`` and what is below it as if it was the root; "" is the root.

    What comes without the path is served, too: some proxies take it away, and probes
    of the machine itself never had it.
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
