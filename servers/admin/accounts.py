"""Accounts: a form for the operations. Credentials are write-only."""

from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from servers.access.reach import reach_accounts
from servers.admin.base import Listed, act_on_each, badge, show_badge
from servers.admin.credentials import CredentialsForm
from servers.clouds.registry import list_kinds
from servers.errors import FleetError
from servers.models import Account
from servers.operations.account_test import probe_account
from servers.operations.accounts import check_settings, close_breaker, save_account
from servers.operations.scans import scan_now
from servers.operations.secrets import resolve_credentials
from servers.reports.health import summarise_health

MAX_TESTED: Final = 3


class AccountForm(CredentialsForm):
    """An account. You can set and replace its credentials, but never read them."""

    kind = forms.ChoiceField(
        choices=lambda: [(kind.name, kind.label) for kind in list_kinds()]
    )

    class Meta:
        model = Account
        fields = (
            "name",
            "kind",
            "endpoint",
            "region",
            "new_credentials",
            "options",
            "max_servers",
            "creates_per_minute",
            "calls_at_once",
            "enabled",
        )

    def clean(self) -> dict[str, Any]:
        """Check the settings against the kind of cloud."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return data
        before = reach_accounts().filter(pk=self.instance.pk).first()
        names = ("kind", "endpoint", "region", "options")
        wanted = Account(**{name: data[name] for name in names})
        try:
            credentials = resolve_credentials(
                before, wanted, data.get("new_credentials")
            )
        except FleetError as error:
            self.add_error("new_credentials", error.fields["credentials"][0])
            return data
        for name, texts in check_settings(wanted, credentials).items():
            field = "new_credentials" if name == "credentials" else name
            for text in texts:
                self.add_error(field, text)
        return data


@admin.register(Account)
class AccountAdmin(Listed):
    """The accounts at clouds."""

    form = AccountForm
    list_display = (
        "name",
        "kind",
        "region",
        "health_badge",
        "breaker_badge",
        "enabled",
        "max_servers",
    )
    list_filter = ("enabled", "locations__health", "breaker")
    search_fields = ("name", "kind", "region")
    readonly_fields = (
        "identity",
        "health_badge",
        "health_note",
        "throttled_until",
        "breaker",
        "breaker_note",
        "breaker_until",
    )
    actions = ("test", "scan", "close_breakers")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the form's fields, then the account's state."""
        seen = [*self.readonly_fields] if obj else []
        return [*AccountForm.Meta.fields, *seen]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Load the locations, which decide the account's health."""
        return super().get_queryset(request).prefetch_related("locations")

    @admin.display(description="health")
    def health_badge(self, account: Account) -> SafeString | str:
        """Return the worst health of its locations."""
        return badge(summarise_health(account.locations.all()).health)

    @admin.display(description="health note")
    def health_note(self, account: Account) -> str:
        """Return the note of its least healthy location."""
        return summarise_health(account.locations.all()).note

    breaker_badge = show_badge("breaker")
    scan = act_on_each("Scan for orphans now", scan_now, done="Listing started")
    close_breakers = act_on_each(
        "Close breakers", close_breaker, done="Circuit breaker closed"
    )

    @admin.action(description="Test accounts", permissions=["change"])
    def test(self, request: HttpRequest, accounts: QuerySet[Account]) -> None:
        """Test the first few accounts: each can take seconds."""
        for account in accounts[:MAX_TESTED]:
            try:
                findings = probe_account(account)
            except FleetError as error:
                self.message_user(request, error.message, messages.ERROR)
                return
            for found in findings:
                tone = messages.SUCCESS if found.works else messages.ERROR
                if not found.tested:
                    tone = messages.WARNING
                where = f"{account} {found.region}".strip()
                self.message_user(request, f"{where}: {found.message}", tone)

    def save_model(
        self, request: HttpRequest, obj: Account, form: Any, change: bool
    ) -> None:
        """Save with the operation."""
        save_account(obj, credentials=form.cleaned_data["new_credentials"])

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: instances of the account must not be lost."""
        return False
