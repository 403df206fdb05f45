"""The pages that do something: plain forms, one operation each."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.generic import FormView, TemplateView, View

from servers.dashboard.access import Page
from servers.dashboard.forms import NewServerForm
from servers.dashboard.messages import (
    is_removal,
    say_what_force_means,
    say_what_is_lost,
)
from servers.errors import FleetError, NotFoundError
from servers.lifecycle.states import State
from servers.operations import (
    protect_server,
    provision_servers,
    retry_server,
    terminate_server,
)
from servers.selectors import find_server

REPEATED = "This form was sent before, and was carried out then. Nothing was doubled."


class NewServer(Page, FormView):  # type: ignore[type-arg]
    """Make servers from a template."""

    template_name = "servers/new.html"
    form_class = NewServerForm
    permission_required = "servers.add_server"

    def form_valid(self, form: NewServerForm) -> HttpResponse:
        """Accept them, or show what is wrong at its field."""
        if form.is_repeated():
            messages.info(self.request, REPEATED)
            return redirect("servers")
        try:
            servers = provision_servers(form.to_request())
        except FleetError as error:
            form.refuse(error)
            return self.form_invalid(form)
        messages.success(
            self.request, f"Asked for {', '.join(server.name for server in servers)}."
        )
        if len(servers) == 1:
            return redirect("server", servers[0].name)
        return redirect("servers")


class Terminate(Page, TemplateView):
    """Ask once more, then ask for the end of a server."""

    template_name = "servers/terminate.html"
    permission_required = "servers.change_server"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Say what will be lost."""
        data = super().get_context_data(**context)
        server = _find(self.kwargs["name"])
        verb = "Remove" if is_removal(server) else "Terminate"
        return data | {
            "server": server,
            "title": f"{verb} {server.name}?",
            "action_label": verb,
            "action_url": reverse("terminate", args=[server.name]),
            "back": reverse("server", args=[server.name]),
            "lost": say_what_is_lost(server),
            "force": say_what_force_means(server),
            "works": server.state == State.RUNNING,
            "hurries": server.state == State.SHUTDOWN,
        }

    def post(self, request: HttpRequest, name: str) -> HttpResponse:
        """Terminate."""
        server = _find(name)
        typed = request.POST.get("confirm", "").strip()
        if server.state == State.RUNNING and typed != server.name:
            messages.error(
                request, "Nothing was done: the name typed is not the server's name."
            )
            return redirect("terminate", name)
        try:
            left = terminate_server(name, force=request.POST.get("force") == "on")
        except FleetError as error:
            messages.error(request, error.message)
            return redirect("server", name)
        if left is None:
            messages.success(request, f"{name} was removed from the list.")
            return redirect("servers")
        messages.success(request, f"Termination of {name} was asked for.")
        return redirect("server", name)


class Retry(Page, View):
    """Begin anew with an errored server."""

    permission_required = "servers.change_server"

    def post(self, request: HttpRequest, name: str) -> HttpResponse:
        """Retry."""
        try:
            retry_server(name)
        except NotFoundError as error:
            raise Http404(error.message) from None
        except FleetError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, f"{name} begins anew.")
        return redirect("server", name)


class Protect(Page, View):
    """Protect a server from its end, or lift that."""

    permission_required = "servers.change_server"
    protected = True

    def post(self, request: HttpRequest, name: str) -> HttpResponse:
        """Protect, or lift it."""
        try:
            protect_server(name, protected=self.protected)
        except NotFoundError as error:
            raise Http404(error.message) from None
        said = "is protected now" if self.protected else "is no longer protected"
        messages.success(request, f"{name} {said}.")
        return redirect("server", name)


def _find(name: str) -> Any:
    try:
        return find_server(name)
    except NotFoundError as error:
        raise Http404(error.message) from None
