"""Actions on an account. Each runs one operation and returns to the account's page."""

from typing import Final

from django.contrib import messages
from django.db import transaction

from servers.access.reach import find_account
from servers.dashboard.shared.acting import Act, Delete
from servers.dashboard.shared.editing import lock_row
from servers.operations.account_test import probe_account
from servers.operations.accounts import (
    close_breaker,
    delete_account,
    explain_kept,
    save_account,
)
from servers.operations.scans import scan_now

# Only results that were tested and work count as success.
_TELL: Final = {
    "works": messages.success,
    "fails": messages.error,
    "untested": messages.warning,
}


class AccountAct(Act):
    """One action on one account."""

    permission_required = "servers.change_account"
    page = "account"
    find = staticmethod(find_account)


class TestAccount(AccountAct):
    """Ask the cloud whether the stored credentials work."""

    def act(self) -> str:
        """Show the result for each region."""
        for found in probe_account(self.row):
            where = f"{found.region}: " if found.region else ""
            _TELL[found.outcome](self.request, f"{where}{found.message}")
        return ""


class ScanAccount(AccountAct):
    """List the account now to find orphans."""

    def act(self) -> str:
        """Schedule the listings immediately."""
        scan_now(self.row)
        return (
            "Listing started. Instances that belong to no server appear on Leaks once "
            "two listings have seen them."
        )


class CloseBreaker(AccountAct):
    """Allow creates in the account again."""

    def act(self) -> str:
        """Close the breaker."""
        if not close_breaker(self.row):
            messages.info(self.request, "The circuit breaker is already closed.")
            return ""
        return "The circuit breaker is closed. Creates are sent again."


class SwitchAccount(AccountAct):
    """Enable or disable an account."""

    enabled = True

    def act(self) -> str:
        """Save the new setting."""
        with transaction.atomic():
            account = lock_row(self.row)
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
    find = staticmethod(find_account)
    kept = staticmethod(explain_kept)
    delete = staticmethod(delete_account)

    def explain_cost(self) -> str:
        """Return what is deleted with the account."""
        return "No server was ever created in it. Its credentials are deleted with it."
