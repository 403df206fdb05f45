"""The page of one server."""

import json
from datetime import datetime, timedelta
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import get_script_prefix
from django.views.generic import TemplateView, View

from servers.access.tokens import scopes_of
from servers.dashboard.servers.connect import list_calls, list_files
from servers.dashboard.servers.machine import CHECKED_LATELY, read_machine
from servers.dashboard.servers.steps import draw_boot, draw_end, find_usual, list_moves
from servers.dashboard.shared.access import Page
from servers.dashboard.shared.live import Live
from servers.lifecycle.states import MOVING, State
from servers.models import Server, Token
from servers.operations.connect import record_read
from servers.operations.terminate import find_leftovers
from servers.placing.prices import price_of
from servers.placing.snapshots import Loader
from servers.records.registrations import find_registration
from servers.reports.connections import (
    FILES,
    explain_unreal,
    list_connections,
)
from servers.reports.costs import cost_instances
from servers.reports.selectors import find_server
from servers.reports.server_json import render_server
from servers.reports.why import explain_server

EVENTS_SHOWN: Final = 100
ATTEMPTS_SHOWN: Final = 20


class ServerPage(Live, TemplateView):
    """Show one server: details, why it waits, its history, how to connect."""

    template_name = "servers/detail.html"
    # No stamp moves when the time of the next step comes, nor with a health check.
    busy_bucket_seconds = 5
    ticking_bucket_seconds = 60

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Load the server and its history."""
        server = find_server(self.kwargs["name"])
        data = super().get_context_data(**context)
        now, user = data["now"], self.request.user
        loader = Loader([server], fleet=data["fleet"], now=now)
        attempts = sorted(
            loader.attempts.get(server.pk, []), key=lambda one: -one.number
        )
        machine = read_machine(server, loader.hosts.get(server.pk))
        history = list(server.events.order_by("-id")[:EVENTS_SHOWN])
        moves = list_moves(reversed(history))
        origin = self.request.build_absolute_uri(get_script_prefix()).rstrip("/")
        may_act = user.has_perm("servers.change_server")
        raw = render_server(server, with_secrets=False)
        return (
            data
            | self.tag_as(
                busy=server.state in MOVING,
                ticking=machine is not None and machine.is_watched,
            )
            | {
                "server": server,
                "why": explain_server(server, now=now, loader=loader),
                "leftovers": find_leftovers(server)
                if server.state == State.ERROR
                else "",
                "boot": draw_boot(moves, find_usual(server, now=now), now=now),
                "end": draw_end(moves, now=now),
                "history": history,
                "attempts": attempts[:ATTEMPTS_SHOWN],
                "machine": machine,
                "checked_lately": CHECKED_LATELY,
                "registration": find_registration(server),
                "ends_at": find_end(server),
                "price": price_of(server, attempts),
                "costs": cost_instances(
                    loader.instances.get(server.pk, ()), attempts, now=now
                ),
                "connections": list(list_connections(server, origin=origin)),
                "unreal": explain_unreal(server),
                "files": list_files(server, with_secrets=may_see_secrets(user)),
                "calls": list(list_calls(server, origin=origin, may_act=may_act)),
                "raw": json.dumps(raw, indent=2, ensure_ascii=False),
                "may_act": may_act,
            }
        )


class CertificateFile(Page, View):
    """Download one of a server's certificates, or its key if permitted."""

    def get(self, request: HttpRequest, name: str, file: str) -> HttpResponse:
        """Return the file."""
        server = find_server(name)
        may = may_see_secrets(request.user)
        if file not in list_files(server, with_secrets=may):
            raise Http404("This server has no such file, or you can't download it.")
        column, is_secret = FILES[file]
        if is_secret:
            record_read(server)
        text = getattr(server, column)
        response = HttpResponse(text, content_type="application/x-pem-file")
        response["Content-Disposition"] = f'attachment; filename="{file}"'
        response["Cache-Control"] = "no-store"
        return response


def may_see_secrets(user: Any) -> bool:
    """Tell whether the API would show this person a server's keys."""
    return Token.Scope.SECRETS_READ in scopes_of(user)


def find_end(server: Server) -> datetime | None:
    """Return when its time to live is over, or None if it has none."""
    if not server.ttl or server.stopped_at:
        return None
    return server.created_at + timedelta(seconds=server.ttl)
