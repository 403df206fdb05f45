"""Add or change an account, and test it before saving."""

from typing import Any

from servers.access.reach import find_account
from servers.clouds.registry import describe_kind, list_kinds
from servers.dashboard.accounts.form import AccountForm
from servers.dashboard.shared.kinds import ChangeOfKind, EditOfKind, NewOfKind
from servers.models import Account
from servers.operations.account_test import probe_account
from servers.operations.accounts import save_account
from servers.operations.secrets import resolve_credentials


class _Edit(EditOfKind):
    """What adding and changing share: a form, *Test account* and *Save account*."""

    template_name = "accounts/edit.html"
    form_class = AccountForm
    page = noun = "account"
    listing = "accounts"
    describe = staticmethod(describe_kind)

    def save(self, form: AccountForm, current: Account | None) -> Account:
        """Save the account. Credentials that were left empty keep their values."""
        account, credentials = form.to_account(current)
        return save_account(account, credentials=credentials, keep=True)

    def test(self, form: AccountForm) -> dict[str, Any]:
        """Test the account as typed against the cloud; save nothing."""
        current = self.find_current()
        account, typed = form.to_account(self.find_current())
        credentials = resolve_credentials(current, account, typed, keep=True)
        return {"findings": probe_account(account, credentials=credentials)}


class NewAccount(NewOfKind, _Edit):
    """Choose a kind of cloud, then fill in what it needs."""

    permission_required = "servers.add_account"
    list_kinds = staticmethod(list_kinds)


class EditAccount(ChangeOfKind, _Edit):
    """Change an account."""

    permission_required = "servers.change_account"
    find = staticmethod(find_account)
