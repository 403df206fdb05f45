"""Actions on an account. Each runs one operation and returns to the account's page."""

from typing import Final

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.generic import View

from servers.access.reach import find_account
from servers.dashboard.shared.access import Page, carry_out
from servers.dashboard.shared.deleting import Delete
from servers.dashboard.shared.editing import lock_row
from servers.models import Account
from servers.operations import (
    close_breaker,
    delete_account,
    explain_kept,
    save_account,
    scan_now,
)
from servers.operations.accounttest import probe_account
from servers.operations.visits import Finding

_TELL: Final = {
    "works": messages.success,
    "fails": messages.error,
    "untested": messages.warning,
}


def tell(request: HttpRequest, found: Finding, text: str) -> None:
    """Show a test's result. Only results that were tested and work count as success."""
    _TELL[found.outcome](request, text)


class _Act(Page, View):
    """One action on one account. It returns to the account's page."""

    permission_required = "servers.change_account"

    def post(self, request: HttpRequest, name: str) -> HttpResponse:
        """Run the action."""
        account = find_account(name)
        carry_out(request, lambda: self.act(account))
        return redirect("account", name)

    def act(self, account: Account) -> str:
        """Run the action; return the message to show."""
        raise NotImplementedError


class TestAccount(_Act):
    """Ask the cloud whether the stored credentials work."""

    def act(self, account: Account) -> str:
        """Show the result for each region."""
        for found in probe_account(account):
            where = f"{found.region}: " if found.region else ""
            tell(self.request, found, f"{where}{found.message}")
        return ""


class ScanAccount(_Act):
    """List the account now to find orphans."""

    def act(self, account: Account) -> str:
        """Schedule the listings immediately."""
        scan_now(account)
        return (
            "Listing started. Instances that belong to no server appear on Leaks once "
            "two listings have seen them."
        )


class CloseBreaker(_Act):
    """Allow creates in the account again."""

    def act(self, account: Account) -> str:
        """Close the breaker."""
        if not close_breaker(account):
            messages.info(self.request, "The circuit breaker is already closed.")
            return ""
        return "The circuit breaker is closed. Creates are sent again."


class SwitchAccount(_Act):
    """Enable or disable an account."""

    enabled = True

    def act(self, account: Account) -> str:
        """Save the new setting."""
        with transaction.atomic():
            account = lock_row(account)
            if account.enabled != self.enabled:
                account.enabled = self.enabled
                save_account(account)
        if self.enabled:
            return f"{account.name} is enabled."
        return f"{account.name} is disabled. No new servers are created in it."


class DeleteAccount(Delete):
    """Delete an account."""

    permission_required = "servers.delete_account"
    page = "account"
    listing = "accounts"

    def find(self, name: str) -> Account:
        """Return the account."""
        return find_account(name)

    def explain_kept(self, row: Account) -> str:
        """Return what still needs the account."""
        return explain_kept(row)

    def explain_cost(self, row: Account) -> str:
        """Return what is deleted with the account."""
        return "No server was ever created in it. Its credentials are deleted with it."

    def delete(self, row: Account) -> None:
        """Delete the account."""
        delete_account(row)
