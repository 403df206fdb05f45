"""Servers whose instances call back, and what such an instance sends."""

import json
from dataclasses import dataclass
from typing import Any

from django.test import Client

from servers.machine.callback.tokens import digest, make_token
from servers.models import Host, Server, Template
from servers.operations.templates import save_template
from tests.support.fleet import Workshop, make_fleet, provision

URL = "http://127.0.0.1:8000"
SECRET = "5e" * 32


def make_callback_fleet(**fields: Any) -> Template:
    """Create a fleet whose default template's instances call back."""
    if not Template.objects.exists():
        make_fleet()
    template = Template.objects.get()
    for name, value in {"readiness": "callback", **fields}.items():
        setattr(template, name, value)
    save_template(template)
    return template


def start_server(workshop: Workshop, state: str = "staging") -> Server:
    """Create a server and run it to a state."""
    server = provision()
    workshop.run_to(state, server)
    return server


def give_token(server: Server) -> str:
    """Give the server's current attempt a known token, and return it."""
    token = make_token()
    rows = Host.objects.filter(server=server, attempt=server.attempt_number)
    assert rows.update(token_digest=digest(token))
    return token


@dataclass
class Reporter:
    """An instance that calls back."""

    token: str
    secret: str = SECRET
    address: str = "10.1.1.1"

    def send(self, kind: str, body: Any, **more: Any) -> Any:
        """Send a report, and return the response."""
        client = Client(raise_request_exception=False)
        if isinstance(body, dict):
            body = {"secret": self.secret, **body}
        data = body if isinstance(body, bytes | str) else json.dumps(body)
        headers = {
            "authorization": f"Bearer {self.token}",
            **more.pop("headers", {}),
        }
        return client.post(
            f"/api/callback/{kind}",
            data,
            content_type="application/json",
            headers=headers,
            REMOTE_ADDR=self.address,
            **more,
        )

    def boot(self, phase: str, *steps: Any, log: str = "") -> Any:
        """Report the boot. A step is a name, with or without how long it took."""
        listed = []
        for step in steps:
            name, *took = (step,) if isinstance(step, str) else step
            listed.append({"name": name, "ok": True})
            if took:
                listed[-1]["seconds"] = took[0]
        return self.send("boot", {"phase": phase, "steps": listed, "log": log})

    def beat(self, **fields: Any) -> Any:
        """Send a heartbeat."""
        return self.send("heartbeat", fields)
