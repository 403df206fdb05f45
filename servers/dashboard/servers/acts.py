"""Actions on one server, and creating servers: plain forms, one operation each."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import get_script_prefix, reverse
from django.views.generic import FormView, TemplateView

from servers.dashboard.servers.choices import list_choices
from servers.dashboard.servers.connect import write_call
from servers.dashboard.servers.forms import EditForm, NewServerForm, digest_labels
from servers.dashboard.shared.access import Page, find_next, go_back
from servers.dashboard.shared.acting import Act
from servers.dashboard.shared.editing import Once
from servers.dashboard.shared.first_step import find_first_step
from servers.dashboard.shared.form_idempotency import add_errors
from servers.dashboard.shared.termination import (
    can_be_forced,
    can_be_removed_by_force,
    is_draining,
    is_removal,
    say_force,
    say_what_is_lost,
    waits_for_builds,
)
from servers.errors import ConflictError, FleetError, NotFoundError
from servers.lifecycle.states import ENDING, State
from servers.models import Server
from servers.operations.change import revise_labels
from servers.operations.cordon import cordon_server, uncordon_server
from servers.operations.provision import provision_servers
from servers.operations.terminate import protect_server, retry_server, terminate_server
from servers.placing.machines import say_cordon
from servers.reports.selectors import find_server

_NAMES_SAID = 5


class NewServer(Once):
    """Create servers from a template."""

    listing = "servers"
    template_name = "servers/new.html"
    form_class = NewServerForm
    permission_required = "servers.add_server"

    def get_initial(self) -> dict[str, Any]:
        """Copy the values of another server, if the URL names one."""
        name = self.request.GET.get("from", "")
        if not name or self.request.method == "POST":
            return super().get_initial()
        return NewServerForm.fill_from(find_server(name))

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add the templates; the URL's is selected, otherwise the default."""
        data = super().get_context_data(**context)
        choices = list_choices(data["fleet"], now=data["now"])
        form = data["form"]
        chosen = form["template"].value() or self.request.GET.get("template", "")
        names = [choice.template.name for choice in choices]
        if chosen not in names:
            chosen = next((one.template.name for one in choices if not one.why_not), "")
        url = self.request.build_absolute_uri(f"{get_script_prefix()}api/servers")
        return data | {
            "choices": choices,
            "first_step": find_first_step,
            "chosen": chosen,
            "call": write_call("POST", url, form.write_body(chosen)),
            "call_url": url,
        }

    def carry_out(self, form: NewServerForm) -> HttpResponse:
        """Create the servers."""
        servers = provision_servers(form.to_request())
        names = [server.name for server in servers[:_NAMES_SAID]]
        if more := len(servers) - len(names):
            names.append(f"{more} more")
        messages.success(self.request, f"Creating {', '.join(names)}.")
        if back := find_next(self.request):
            return redirect(back)
        if len(servers) == 1:
            return redirect("server", servers[0].name)
        return redirect("servers")


class Terminate(Page, TemplateView):
    """Ask for confirmation, then terminate a server."""

    template_name = "servers/terminate.html"
    permission_required = "servers.change_server"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Say what will be lost."""
        server = find_server(self.kwargs["name"])
        drains = is_draining(server)
        url = self.request.build_absolute_uri(
            f"{get_script_prefix()}api/servers/{server.name}"
        )
        forces = drains or context.get("forced", False)
        label, help_text = say_force(
            removes=can_be_removed_by_force(server),
            skips_drain=waits_for_builds(server),
        )
        return super().get_context_data(**context) | {
            "server": server,
            **_name_termination(server, drains=drains),
            "back": find_next(self.request) or reverse("server", args=[server.name]),
            "next": find_next(self.request),
            "lost": say_what_is_lost(server),
            "drains": drains,
            "can_be_forced": can_be_forced(server),
            "force_label": label,
            "force_help": help_text,
            "works": server.state == State.RUNNING,
            "problem": _find_problem(server, drains=drains),
            "call": write_call("DELETE", f"{url}?force=true" if forces else url),
            "call_url": url,
        }

    def post(self, request: HttpRequest, name: str) -> HttpResponse:
        """Terminate the server, or show a wrong name at its field."""
        server = find_server(name)
        typed = request.POST.get("confirm", "").strip()
        if server.state == State.RUNNING and typed != server.name:
            error = f"Nothing was done. Type {server.name} to confirm."
            forced = request.POST.get("force") == "on"
            data = self.get_context_data(error=error, typed=typed[:63], forced=forced)
            return self.render_to_response(data)
        page = reverse("server", args=[name])
        forces = request.POST.get("force") == "on"
        try:
            left = terminate_server(name, force=forces)
        except NotFoundError:
            raise
        except FleetError as error:
            messages.error(request, error.message)
            return go_back(request, page)
        if left is None:
            messages.success(request, f"{name} was removed from the list.")
            return go_back(request, "servers")
        if forces and server.state == State.SHUTDOWN:
            messages.success(request, f"{name} no longer waits for builds.")
        elif server.state in ENDING - {State.SHUTDOWN}:
            messages.info(request, f"{name} is already terminating or stopped.")
        else:
            messages.success(request, f"Terminating {name}.")
        return go_back(request, page)


def _name_termination(server: Server, *, drains: bool) -> dict[str, str]:
    """Return the title of the page that asks, and its button."""
    if drains:
        return {
            "title": f"Terminate {server.name} now?",
            "action_label": "Terminate now",
        }
    verb = "Remove" if is_removal(server) else "Terminate"
    return {"title": f"{verb} {server.name}?", "action_label": f"{verb} server"}


def _find_problem(server: Server, *, drains: bool) -> str:
    """Return why the server can't be terminated, or ""."""
    if server.state in ENDING:
        return "" if drains else "It is already terminating or stopped."
    return "It is protected. Unprotect it first." if server.protected else ""


class Retry(Act):
    """Retry an errored server."""

    permission_required = "servers.change_server"
    page = "server"

    def act(self) -> str:
        """Retry."""
        server = retry_server(self.kwargs["name"])
        return f"Retrying {server.name}."


class Protect(Act):
    """Protect a server from termination, or unprotect it."""

    permission_required = "servers.change_server"
    page = "server"
    protected = True

    def act(self) -> str:
        """Protect or unprotect the server."""
        server = protect_server(self.kwargs["name"], protected=self.protected)
        said = "is protected" if self.protected else "is no longer protected"
        return f"{server.name} {said}."


class Cordon(Act):
    """Mark a server to get no new builds, or take the mark back."""

    permission_required = "servers.change_server"
    page = "server"
    cordoned = True

    def act(self) -> str:
        """Cordon or uncordon the server."""
        name = self.kwargs["name"]
        if not self.cordoned:
            return f"{uncordon_server(name).name} is no longer cordoned."
        server = cordon_server(name)
        if server.state in ENDING:
            return f"{server.name} is already terminating or stopped."
        return f"{server.name} is cordoned. {say_cordon(server)}"


class Edit(Page, FormView):  # type: ignore[type-arg]
    """Change labels, time to live and capacity."""

    template_name = "servers/edit.html"
    form_class = EditForm
    permission_required = "servers.change_server"

    def get_initial(self) -> dict[str, Any]:
        """Fill the form with the current values."""
        return EditForm.fill(self.server)

    def get_form(self, form_class: Any = None) -> EditForm:
        """Load the server once for the form and the page."""
        self.server: Server = find_server(self.kwargs["name"])
        form: EditForm = super().get_form(form_class)
        return form

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add title, address and buttons."""
        data = super().get_context_data(**context)
        return data | {
            "server": self.server,
            "title": f"Change {self.server.name}",
            "back": reverse("server", args=[self.server.name]),
        }

    def form_valid(self, form: EditForm) -> HttpResponse:
        """Save only what the person has changed."""
        name, given = self.server.name, form.cleaned_data
        typed: Mapping[str, str] = given["labels"]
        seen = given["seen"]

        def revise(old: Mapping[str, str]) -> Mapping[str, str]:
            if digest_labels(typed) == seen:
                return old  # not edited
            if digest_labels(old) != seen:
                raise _make_stale(form, old)
            return typed

        try:
            revise_labels(name, revise, besides=form.read_numbers())
        except NotFoundError:
            raise
        except FleetError as error:
            add_errors(form, error)
            return self.form_invalid(form)
        messages.success(self.request, f"{name} was changed.")
        return redirect("server", name)


def _make_stale(form: EditForm, labels: Mapping[str, str]) -> ConflictError:
    """Return the error, and let the form be sent again by a person who has read it."""
    form.data = {**form.data.dict(), "seen": digest_labels(labels)}  # type: ignore[attr-defined]
    now = ", ".join(f"{name}={labels[name]}" for name in sorted(labels)) or "none"
    message = (
        "Someone else has changed the labels, so nothing was saved. They are now: "
        f"{now}. Save again to replace them with yours."
    )
    return ConflictError(message, fields={"labels": [message]})
