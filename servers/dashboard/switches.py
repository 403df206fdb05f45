"""The fleet's switches: plain forms, one operation each."""

from datetime import timedelta
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.generic import FormView, TemplateView, View

from servers.access.reach import find_account
from servers.dashboard.shared.access import Page, carry_out, go_back
from servers.operations import (
    close_breaker,
    confirm_fleet,
    freeze_destroys,
    pause_fleet,
    resume_fleet,
    scan_now,
)
from servers.operations.fleet import MOST_NOTE
from servers.records.ledger import database_now

LONGEST_PAUSE: Final = 7 * 24 * 60


class PauseForm(forms.Form):
    """Ask how long, and why."""

    minutes = forms.TypedChoiceField(
        label="Duration",
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
        label="Note for other people", max_length=MOST_NOTE, required=False
    )


class FreezeForm(forms.Form):
    """Ask why."""

    note = forms.CharField(
        label="Note for other people", max_length=MOST_NOTE, required=False
    )


class _Switch(Page, FormView):  # type: ignore[type-arg]
    """A form on its own page; with JavaScript it opens as a dialog."""

    permission_required = "servers.change_fleet"
    template_name = "overview/switch.html"
    title = action_label = text = ""

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add title, text and buttons."""
        return super().get_context_data(**context) | {
            "title": self.title,
            "action_label": self.action_label,
            "text": self.text,
            "back": reverse("overview"),
        }


class Pause(_Switch):
    """Set the pause flag, for a while or until it is cleared."""

    form_class = PauseForm
    title = "Set the pause flag?"
    action_label = "Set pause flag"
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
    action_label = "Freeze destroys"
    text = (
        "While destroys are frozen, no instance of any server is destroyed. Servers "
        "waiting to terminate keep billing."
    )

    def form_valid(self, form: FreezeForm) -> HttpResponse:
        """Freeze."""
        freeze_destroys(frozen=True, note=form.cleaned_data["note"])
        messages.success(self.request, "Destroys are frozen.")
        return redirect("overview")


class _Act(Page, View):
    """Do what one button asks for, and go back to its page."""

    permission_required = "servers.change_fleet"

    def act(self, request: HttpRequest) -> str:
        """Do it; return the message to show."""
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
    """Allow destroys again."""

    def act(self, request: HttpRequest) -> str:
        """Allow them."""
        freeze_destroys(frozen=False)
        return "Destroys are allowed again."


class Scan(_Act):
    """Have locations listed now: one, those of an account, or all."""

    permission_required = "servers.change_location"

    def act(self, request: HttpRequest) -> str:
        """Bring the listings forward."""
        name = request.POST.get("account", "")
        region = request.POST.get("region")
        if region is not None:
            region = region[:100].replace("\0", "")
        account = find_account(name) if name else None
        count = scan_now(account, region=region)
        places = "1 location is" if count == 1 else f"{count} locations are"
        return f"{places} being listed. Results appear here within seconds."


class Reclose(_Act):
    """Close the circuit breaker of an account."""

    permission_required = "servers.change_account"

    def act(self, request: HttpRequest) -> str:
        """Close it."""
        account = find_account(request.POST.get("account", ""))
        if not close_breaker(account):
            return f"The circuit breaker of {account} is already closed."
        return f"The circuit breaker of {account} is closed. Creates are sent again."


class ConfirmFleet(Page, TemplateView):
    """Confirm that this is the fleet's database, after a question."""

    permission_required = "servers.change_fleet"
    template_name = "overview/confirm_fleet.html"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Say what it means."""
        return super().get_context_data(**context) | {
            "title": "Confirm that this is the fleet's database?",
            "action_label": "Confirm fleet",
            "back": reverse("overview"),
        }

    def post(self, request: HttpRequest) -> HttpResponse:
        """Confirm."""
        if request.POST.get("sure") != "on":
            messages.error(request, "Nothing was done. Tick the box first.")
            return redirect("confirm-fleet")

        def confirm() -> str:
            confirm_fleet()
            return "Confirmed. Work resumes after a listing."

        carry_out(request, confirm)
        return redirect("overview")
