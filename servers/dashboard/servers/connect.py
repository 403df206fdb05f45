"""The equivalent API calls of a server's page, and its files to download."""

import shlex
from collections.abc import Iterator

from servers.dashboard.shared.termination import is_draining
from servers.lifecycle.states import BOOTING, ENDING, State
from servers.models import Server
from servers.reports.connections import FILES, Line


def list_files(server: Server, *, with_secrets: bool) -> list[str]:
    """Return the certificates that exist and that the person can download."""
    return [
        name
        for name, (column, is_secret) in FILES.items()
        if getattr(server, column) and (with_secrets or not is_secret)
    ]


def list_calls(server: Server, *, origin: str, may_act: bool) -> Iterator[Line]:
    """Yield the equivalent API calls for what the page shows and does."""
    url = f"{origin}/api/servers/{server.name}"
    yield Line("api-show", "Show server", write_call("GET", url))
    yield Line("api-why", "Explain server", write_call("GET", f"{url}/why"))
    if not may_act:
        return
    if server.state in BOOTING | {State.RUNNING}:
        verb = "uncordon" if server.cordoned else "cordon"
        call = write_call("POST", f"{url}/{verb}")
        yield Line("api-cordon", f"{verb.capitalize()} server", call)
    if server.state not in ENDING:
        yield Line("api-terminate", "Terminate server", write_call("DELETE", url))
    elif is_draining(server):
        call = write_call("DELETE", f"{url}?force=true")
        yield Line("api-terminate", "Terminate server now", call)
    if server.state == State.ERROR:
        yield Line("api-retry", "Retry server", write_call("POST", f"{url}/retry"))
    if server.state != State.STOPPED:
        body = '{"labels": {"team": "builds"}, "protected": true}'
        yield Line(
            "api-change", "Label and protect server", write_call("PATCH", url, body)
        )


def write_call(method: str, url: str, body: str = "") -> str:
    """Return a call as a shell command; the token comes from the environment."""
    parts = ["curl"]
    if method != "GET":
        parts.append(f"-X {method}")
    parts.append('-H "Authorization: Bearer $TOKEN"')
    if body:
        parts.append(f"-H 'Content-Type: application/json' -d {shlex.quote(body)}")
    return " ".join([*parts, shlex.quote(url)])
