"""Add or change an account, and test it before saving."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from servers.access.reach import find_account
from servers.clouds.kind import Kind
from servers.clouds.registry import describe_kind, list_kinds
from servers.dashboard.accounts.form import CREDENTIAL, AccountForm
from servers.dashboard.shared.editing import Edit
from servers.dashboard.shared.option_fields import OPTION
from servers.errors import FleetError, InvalidError
from servers.models import Account
from servers.operations.account_test import probe_account
from servers.operations.accounts import save_account
from servers.operations.secrets import resolve_credentials


class _Edit(Edit):
    """What adding and changing share: a form, *Test account* and *Save account*."""

    template_name = "accounts/edit.html"
    form_class = AccountForm
    is_kept = False
    page = "account"
    listing = "accounts"

    def find_kind(self) -> Kind | None:
        """Return the kind, or None if it is not chosen yet."""
        raise NotImplementedError

    def get_form_kwargs(self) -> dict[str, Any]:
        """Pass the kind and the account to the form."""
        more = {"kind": self.find_kind(), "account": self.find_current()}
        return super().get_form_kwargs() | more

    def form_valid(self, form: AccountForm) -> HttpResponse:
        """Test the account as typed, or save it."""
        if self.request.POST.get("act") == "test":
            return self.test(form)
        return super().form_valid(form)

    def save(self, form: AccountForm, current: Account | None) -> Account:
        """Save the account. Credentials that were left empty keep their values."""
        account, credentials = form.to_account(current)
        return save_account(account, credentials=credentials, keep=True)

    def test(self, form: AccountForm) -> HttpResponse:
        """Test the account as typed against the cloud; save nothing."""
        current = self.find_current()
        account, typed = form.to_account(self.find_current())
        try:
            credentials = resolve_credentials(current, account, typed, keep=True)
            findings = probe_account(account, credentials=credentials)
        except FleetError as error:
            self.refuse(form, error)
            return self.form_invalid(form)
        return self.render_to_response(
            self.get_context_data(form=form, findings=findings)
        )

    def refuse(self, form: AccountForm, error: FleetError) -> None:
        """Show an error at its field if there is only one, else above the form."""
        names = {}
        for prefix, name in ((CREDENTIAL, "credentials"), (OPTION, "options")):
            fields = [field for field in form.fields if field.startswith(prefix)]
            if len(fields) == 1:
                names[name] = fields[0]
        form.refuse(error, **names)


class NewAccount(_Edit):
    """Choose a kind of cloud, then fill in what it needs."""

    permission_required = "servers.add_account"

    def find_current(self) -> Account | None:
        """Return None: there is no account yet."""
        return None

    def find_kind(self) -> Kind | None:
        """Return the kind named in the URL, or None."""
        try:
            return describe_kind(self.request.GET.get("kind", ""))
        except InvalidError:
            return None

    def get_form(self, form_class: Any = None) -> Any:
        """Return the form, or None if no kind is chosen."""
        return super().get_form(form_class) if self.find_kind() else None

    def post(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """Save or test the account; without a kind, go back to the choice of kinds."""
        if self.find_kind() is None:
            return redirect("new-account")
        return super().post(request, *args, **kwargs)

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add the kinds to choose from, the title and the way back."""
        kind = self.find_kind()
        return super().get_context_data(**context) | {
            "kind": kind,
            "kinds": list_kinds(),
            "title": f"New account: {kind.label}" if kind else "New account",
            "back": reverse("accounts"),
        }


class EditAccount(_Edit):
    """Change an account."""

    permission_required = "servers.change_account"

    def find_current(self) -> Account:
        """Return the account as it is now."""
        return find_account(self.kwargs["name"])

    def find_kind(self) -> Kind:
        """Return the account's kind."""
        return describe_kind(self.find_current().kind)

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add the kind, the title and the way back."""
        name = self.kwargs["name"]
        return super().get_context_data(**context) | {
            "kind": self.find_kind(),
            "title": f"Edit {name}",
            "back": reverse("account", args=[name]),
        }
