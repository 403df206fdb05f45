"""Add or change an account; test it before it is saved."""

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.generic import FormView

from servers.clouds.kind import Kind
from servers.clouds.registry import describe_kind, list_kinds
from servers.dashboard.access import Page
from servers.dashboard.accountform import CREDENTIAL, OPTION, AccountForm
from servers.dashboard.acts import REPEATED
from servers.errors import FleetError, InvalidError
from servers.models import Account
from servers.operations import save_account
from servers.probe import probe_account


class _Edit(Page, FormView):  # type: ignore[type-arg]
    """What adding and changing share: a form, *Test* and *Save*."""

    template_name = "accounts/edit.html"
    form_class = AccountForm

    def find_account(self) -> Account | None:
        """Return the account that is changed."""
        raise NotImplementedError

    def find_kind(self) -> Kind | None:
        """Return the kind, where it is known by now."""
        raise NotImplementedError

    def get_form_kwargs(self) -> dict[str, Any]:
        """Give the form its kind and account."""
        account = self.find_account()
        return super().get_form_kwargs() | {
            "kind": self.find_kind(),
            "account": account,
        }

    def form_valid(self, form: AccountForm) -> HttpResponse:
        """Test what was typed, or save it."""
        if self.request.POST.get("act") == "test":
            return self.test(form)
        if form.is_repeated():
            messages.info(self.request, REPEATED)
            return redirect("accounts")
        try:
            account = self.save(form)
        except FleetError as error:
            refuse(form, error)
            return self.form_invalid(form)
        if account is None:
            form.forget()
            return self.form_invalid(form)
        messages.success(self.request, f"{account.name} was saved.")
        return redirect("account", account.name)

    def save(self, form: AccountForm) -> Account | None:
        """Save it; None where it was changed meanwhile, which the form says then."""
        with transaction.atomic():
            current = self.find_account()
            if current is not None:
                # Two people may save at once: the second is told of the first.
                current = Account.objects.select_for_update(no_key=True).get(
                    pk=current.pk
                )
                if form.is_stale(current):
                    form.see(current)
                    return None
            account, credentials = form.to_account(current)
            return save_account(account, credentials=credentials)

    def test(self, form: AccountForm) -> HttpResponse:
        """Ask the cloud with what was typed; save nothing."""
        account, credentials = form.to_account(self.find_account())
        try:
            findings = probe_account(account, credentials=credentials)
        except FleetError as error:
            refuse(form, error)
            return self.form_invalid(form)
        return self.render_to_response(
            self.get_context_data(form=form, findings=findings)
        )


class NewAccount(_Edit):
    """Choose a kind of cloud, then fill in what it needs."""

    permission_required = "servers.add_account"

    def find_account(self) -> Account | None:
        """None yet."""
        return None

    def find_kind(self) -> Kind | None:
        """Return the kind that the URL names."""
        try:
            return describe_kind(self.request.GET.get("kind", ""))
        except InvalidError:
            return None

    def get_form(self, form_class: Any = None) -> Any:
        """Return the form, once the kind is chosen."""
        return super().get_form(form_class) if self.find_kind() else None

    def post(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """Save or test; without a kind there is nothing to do."""
        if self.find_kind() is None:
            return redirect("new-account")
        return super().post(request, *args, **kwargs)

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Offer the kinds, where none is chosen."""
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

    def find_account(self) -> Account | None:
        """Return it as it is now."""
        return find_account(self.kwargs["name"])

    def find_kind(self) -> Kind:
        """Return its kind."""
        return describe_kind(find_account(self.kwargs["name"]).kind)

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Say which."""
        name = self.kwargs["name"]
        return super().get_context_data(**context) | {
            "kind": self.find_kind(),
            "title": f"Change {name}",
            "back": reverse("account", args=[name]),
        }


def find_account(name: str, *, rows: QuerySet[Account] | None = None) -> Account:
    """Return the account of a name, of all or of ``rows``; raise Http404."""
    usable = len(name) <= 63 and "\0" not in name
    rows = Account.objects.all() if rows is None else rows
    account = rows.filter(name=name).first() if usable else None
    if account is None:
        raise Http404(f"There is no account named {name[:80]!r}.")
    return account


def refuse(form: AccountForm, error: FleetError) -> None:
    """Show what was refused at the field that it is about."""
    names = {}
    for prefix, name in ((CREDENTIAL, "credentials"), (OPTION, "options")):
        fields = [field for field in form.fields if field.startswith(prefix)]
        if len(fields) == 1:
            names[name] = fields[0]
    form.refuse(error, **names)
