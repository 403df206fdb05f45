"""The fleet's switches: plain forms, one operation each."""

from datetime import timedelta
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.generic import FormView, TemplateView, View

from servers.dashboard.access import Page, carry_out, go_back
from servers.errors import FleetError
from servers.ledger import database_now
from servers.models import Account
from servers.operations import (
    close_breaker,
    confirm_fleet,
    freeze_destroys,
    pause_fleet,
    resume_fleet,
    scan_now,
)
from servers.operations.fleet import MOST_NOTE

LONGEST_PAUSE: Final = 7 * 24 * 60


class PauseForm(forms.Form):
    """How long, and why."""

    minutes = forms.TypedChoiceField(
        label="For how long",
        choices=[
            ("", "until someone clears it"),
            ("30", "30 minutes"),
            ("60", "1 hour"),
            ("240", "4 hours"),
            ("720", "12 hours"),
            ("1440", "1 day"),
            (str(LONGEST_PAUSE), "7 days"),
        ],
        coerce=int,
        empty_value=None,
        required=False,
    )
    note = forms.CharField(
        label="A note for the others", max_length=MOST_NOTE, required=False
    )


class FreezeForm(forms.Form):
    """Why."""

    note = forms.CharField(
        label="A note for the others", max_length=MOST_NOTE, required=False
    )


class _Switch(Page, FormView):  # type: ignore[type-arg]
    """A form on a page of its own; with JavaScript it opens over the page."""

    permission_required = "servers.change_fleet"
    template_name = "overview/switch.html"
    title = action_label = text = ""

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add the words."""
        return super().get_context_data(**context) | {
            "title": self.title,
            "action_label": self.action_label,
            # It may stand in a dialog over another page.
            "action_url": self.request.path,
            "text": self.text,
            "back": reverse("overview"),
            "keep_label": "Cancel",
        }


class Pause(_Switch):
    """Set the pause flag, for a while or until it is cleared."""

    form_class = PauseForm
    title = "Set the pause flag?"
    action_label = "Set the flag"
    text = (
        "The flag is for your scripts and clients: they can read it at /varz and stop "
        "requesting servers. ServerFleet creates nothing automatically yet, so the "
        "flag stops nothing here. Requested servers are still created, and running "
        "ones are left alone."
    )

    def form_valid(self, form: PauseForm) -> HttpResponse:
        """Set it."""
        minutes = form.cleaned_data["minutes"]
        until = database_now() + timedelta(minutes=minutes) if minutes else None
        pause_fleet(note=form.cleaned_data["note"], until=until)
        return go_back(self.request, "overview")


class Freeze(_Switch):
    """Stop every destroy."""

    form_class = FreezeForm
    title = "Freeze all destroys?"
    action_label = "Freeze"
    text = (
        "No instance of any server is destroyed while it is frozen. Servers whose end "
        "is asked for wait, and go on billing."
    )

    def form_valid(self, form: FreezeForm) -> HttpResponse:
        """Freeze."""
        freeze_destroys(frozen=True, note=form.cleaned_data["note"])
        messages.success(self.request, "Nothing is destroyed any more.")
        return redirect("overview")


class _Act(Page, View):
    """One act of one button; back to the page that has it."""

    permission_required = "servers.change_fleet"

    def act(self, request: HttpRequest) -> str:
        """Do it; return what is to be said."""
        raise NotImplementedError

    def post(self, request: HttpRequest) -> HttpResponse:
        """Do it, or say why not."""
        carry_out(request, lambda: self.act(request))
        return go_back(request, "overview")


class Resume(_Act):
    """Clear the pause flag."""

    def act(self, request: HttpRequest) -> str:
        """Clear it."""
        resume_fleet()
        return "The pause flag is cleared."


class Unfreeze(_Act):
    """Let destroys go on."""

    def act(self, request: HttpRequest) -> str:
        """Allow them."""
        freeze_destroys(frozen=False)
        return "Destroys go on."


class Scan(_Act):
    """Have clouds listed now: of an account and region, or all."""

    permission_required = "servers.change_scope"

    def act(self, request: HttpRequest) -> str:
        """Hasten the listings."""
        account = request.POST.get("account", "")[:63].replace("\0", "")
        region = request.POST.get("region")
        if region is not None:
            region = region[:100].replace("\0", "")
        count = scan_now(account=account, region=region)
        places = "One place is" if count == 1 else f"{count} places are"
        return f"{places} listed now. What is found shows here within seconds."


class Reclose(_Act):
    """Close the breaker of an account."""

    permission_required = "servers.change_account"

    def act(self, request: HttpRequest) -> str:
        """Close it."""
        name = request.POST.get("account", "")[:63].replace("\0", "")
        account = Account.objects.filter(name=name).first()
        if account is None:
            raise Http404("There is no such account.")
        if not close_breaker(account):
            return f"The breaker of {name} is closed already."
        return f"The breaker of {name} is closed: creates go on."


class ConfirmFleet(Page, TemplateView):
    """Say that this database is the fleet's own, after a question."""

    permission_required = "servers.change_fleet"
    template_name = "overview/confirm_fleet.html"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Say what it means."""
        return super().get_context_data(**context) | {
            "title": "Confirm that this is the fleet's database?",
            "action_label": "Confirm",
            "action_url": self.request.path,
            "back": reverse("overview"),
            "keep_label": "Cancel",
        }

    def post(self, request: HttpRequest) -> HttpResponse:
        """Confirm."""
        if request.POST.get("sure") != "on":
            messages.error(request, "Nothing was done: tick that the other is over.")
            return redirect("confirm-fleet")
        try:
            confirm_fleet()
        except FleetError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, "Confirmed. Clouds are listed, then all goes on.")
        return redirect("overview")
