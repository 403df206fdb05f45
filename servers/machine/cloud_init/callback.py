"""The report of an instance that nobody reaches: its script, token and service."""

from servers.machine.callback.script import (
    CA,
    SCRIPT,
    SERVICE,
    TOKEN,
    UNIT,
    render_script,
    render_token,
)
from servers.machine.callback.tokens import Callback
from servers.machine.cloud_init.parts import File, Part, Unit


def build_callback(callback: Callback, *, has_docker: bool, has_agent: bool) -> Part:
    """Return what reports the boot and sends heartbeats."""
    script = render_script(url=callback.url, has_docker=has_docker, has_agent=has_agent)
    files = [
        File(SCRIPT, script, 0o755),
        File(TOKEN, render_token(callback.token), 0o600, secret=True),
    ]
    if callback.ca:
        files.append(File(CA, callback.ca))
    return Part(files=tuple(files), units=(Unit(SERVICE, UNIT, enabled=True),))
