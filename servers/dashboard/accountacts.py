"""What can be done with an account: one operation each, and back to its page."""

from typing import Final

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.generic import View

from servers.dashboard.access import Page, carry_out
from servers.dashboard.accountedit import find_account
from servers.dashboard.deleting import Delete
from servers.dashboard.editing import lock_row
from servers.models import Account
from servers.operations import (
    close_breaker,
    delete_account,
    explain_kept,
    list_account_now,
    save_account,
)
from servers.probe import Finding, probe_account

_TELL: Final = {
    "works": messages.success,
    "fails": messages.error,
    "untested": messages.warning,
}


def tell(request: HttpRequest, found: Finding, text: str) -> None:
    """Say what a test learned: only what was tested, and works, is ticked."""
    _TELL[found.outcome](request, text)


class _Act(Page, View):
    """One thing done to one account, and back to its page."""

    permission_required = "servers.change_account"

    def post(self, request: HttpRequest, name: str) -> HttpResponse:
        """Do it."""
        account = find_account(name)
        carry_out(request, lambda: self.act(account))
        return redirect("account", name)

    def act(self, account: Account) -> str:
        """Do it; return what is to be said."""
        raise NotImplementedError


class TestAccount(_Act):
    """Ask the cloud whether the stored credentials work."""

    def act(self, account: Account) -> str:
        """Say what each region answered."""
        for found in probe_account(account):
            where = f"{found.region}: " if found.region else ""
            tell(self.request, found, f"{where}{found.message}")
        return ""


class ScanAccount(_Act):
    """List it now, so that orphans show."""

    def act(self, account: Account) -> str:
        """Hasten the listings."""
        list_account_now(account)
        return (
            "It is listed now. What belongs to no server shows on Leaks once two "
            "listings have seen it."
        )


class CloseBreaker(_Act):
    """Let creates through again."""

    def act(self, account: Account) -> str:
        """Close it."""
        if not close_breaker(account):
            messages.info(self.request, "The breaker is closed already.")
            return ""
        return "The breaker is closed. Creates go on."


class SwitchAccount(_Act):
    """Enable or disable it."""

    enabled = True

    def act(self, account: Account) -> str:
        """Save the switch."""
        with transaction.atomic():
            account = lock_row(account)
            if account.enabled != self.enabled:
                account.enabled = self.enabled
                save_account(account)
        said = "enabled" if self.enabled else "disabled: nothing new is made in it"
        return f"{account.name} is {said}."


class DeleteAccount(Delete):
    """Delete an account."""

    permission_required = "servers.delete_account"
    page = "account"
    listing = "accounts"
    action = "delete-account"

    def find(self, name: str) -> Account:
        """Return it."""
        return find_account(name)

    def explain_kept(self, row: Account) -> str:
        """Return what still needs it."""
        return explain_kept(row)

    def explain_cost(self, row: Account) -> str:
        """Return what goes with it."""
        return "Nothing was ever made in it. Its credentials are deleted with it."

    def delete(self, row: Account) -> None:
        """Delete it."""
        delete_account(row)
