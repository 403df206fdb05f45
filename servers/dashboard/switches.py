"""The fleet's switches: plain forms, one operation each."""

from datetime import timedelta
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from servers.access.reach import find_account
from servers.dashboard.shared.acting import Act, Ask
from servers.operations.accounts import close_breaker
from servers.operations.fleet import (
    MAX_NOTE,
    confirm_fleet,
    freeze_destroys,
    pause_fleet,
    resume_fleet,
)
from servers.operations.scans import scan_now
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
        label="Note for other people", max_length=MAX_NOTE, required=False
    )


class FreezeForm(forms.Form):
    """Ask why."""

    note = forms.CharField(
        label="Note for other people", max_length=MAX_NOTE, required=False
    )


class Pause(Ask):
    """Set the pause flag, for a while or until it is cleared."""

    permission_required = "servers.change_fleet"
    template_name = "overview/switch.html"
    form_class = PauseForm
    title = "Set the pause flag?"
    action_label = "Set pause flag"
    text = (
        "While it is set, pools create no servers. Your scripts and clients can read "
        "it at /varz and stop requesting servers. Requested servers are still created, "
        "and nothing happens to running ones."
    )

    def act(self) -> str:
        """Set it."""
        minutes = self.given["minutes"]
        until = database_now() + timedelta(minutes=minutes) if minutes else None
        pause_fleet(note=self.given["note"], until=until)
        return ""


class Freeze(Ask):
    """Stop every destroy."""

    permission_required = "servers.change_fleet"
    template_name = "overview/switch.html"
    form_class = FreezeForm
    title = "Freeze all destroys?"
    action_label = "Freeze destroys"
    text = (
        "While destroys are frozen, no instance of any server is destroyed. Servers "
        "waiting to terminate keep billing."
    )

    def act(self) -> str:
        """Freeze."""
        freeze_destroys(frozen=True, note=self.given["note"])
        return "Destroys are frozen."


class Resume(Act):
    """Clear the pause flag."""

    permission_required = "servers.change_fleet"

    def act(self) -> str:
        """Clear it."""
        resume_fleet()
        return "The pause flag is cleared."


class Unfreeze(Act):
    """Allow destroys again."""

    permission_required = "servers.change_fleet"

    def act(self) -> str:
        """Allow them."""
        freeze_destroys(frozen=False)
        return "Destroys are allowed again."


class Scan(Act):
    """Have locations listed now: one, those of an account, or all."""

    permission_required = "servers.change_location"

    def act(self) -> str:
        """Bring the listings forward."""
        name = self.request.POST.get("account", "")
        region = self.request.POST.get("region")
        if region is not None:
            region = region[:100].replace("\0", "")
        account = find_account(name) if name else None
        count = scan_now(account, region=region)
        places = "1 location is" if count == 1 else f"{count} locations are"
        return f"{places} being listed. Results appear here within seconds."


class Reclose(Act):
    """Close the circuit breaker of an account."""

    permission_required = "servers.change_account"

    def act(self) -> str:
        """Close it."""
        account = find_account(self.request.POST.get("account", ""))
        if not close_breaker(account):
            return f"The circuit breaker of {account} is already closed."
        return f"The circuit breaker of {account} is closed. Creates are sent again."


class ConfirmFleet(Ask):
    """Confirm that this is the fleet's database, after a question."""

    permission_required = "servers.change_fleet"
    template_name = "overview/confirm_fleet.html"
    title = "Confirm that this is the fleet's database?"
    action_label = "Confirm fleet"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Confirm, if the box is ticked."""
        if request.POST.get("sure") != "on":
            messages.error(request, "Nothing was done. Tick the box first.")
            return redirect("confirm-fleet")
        return super().post(request, *args, **kwargs)

    def act(self) -> str:
        """Confirm."""
        confirm_fleet()
        return "Confirmed. Work resumes after a listing."
