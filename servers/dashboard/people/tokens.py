"""The token pages: list, create and revoke API tokens."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.views.generic import ListView

from servers.access.reach import find_token_by_id, reach_tokens
from servers.access.tokens import issue_token, revoke_token, scopes_of
from servers.dashboard.shared.acting import Ask
from servers.dashboard.shared.editing import Once
from servers.dashboard.shared.form_idempotency import OnceForm
from servers.dashboard.shared.live import Live
from servers.dashboard.shared.messages import REPEATED
from servers.models import Token
from servers.records.ledger import database_now

PER_PAGE: Final = 50
ENDS_SOON: Final = timedelta(days=7)
SCOPES: Final[Mapping[str, str]] = {
    Token.Scope.SERVERS_READ: "See servers, their history and leaks.",
    Token.Scope.SERVERS_WRITE: "Create, retry and terminate servers.",
    Token.Scope.SECRETS_READ: "Read the keys that clients use to reach servers.",
    Token.Scope.DEMAND_WRITE: "Push the jobs that pools follow, and nothing else.",
    Token.Scope.FLEET_ADMIN: "Change accounts, templates, tokens and switches.",
}
_DAYS: Final = (
    ("7", "in a week"),
    ("30", "in 30 days"),
    ("90", "in 90 days"),
    ("365", "in a year"),
    ("", "never"),
)


class TokenForm(OnceForm):
    """A new token, with at most the scopes of the person who creates it."""

    name = forms.CharField(
        max_length=100,
        help_text="The client that will use it, such as drone-autoscaler.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scopes = forms.MultipleChoiceField(
        label="Scopes",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "No scope is selected. Select at least one."},
    )
    days = forms.ChoiceField(
        label="Expires", choices=_DAYS, initial="90", required=False
    )

    def __init__(self, *args: Any, may: frozenset[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        scopes = self.fields["scopes"]
        assert isinstance(scopes, forms.MultipleChoiceField)
        scopes.choices = [(name, name) for name in SCOPES if name in may]

    def explain_scopes(self) -> list[tuple[Any, str]]:
        """Return each scope's checkbox with its meaning."""
        return [(box, SCOPES[box.data["value"]]) for box in self["scopes"]]

    def read_end(self) -> datetime | None:
        """Return when the token expires, or None for never."""
        days = self.cleaned_data["days"]
        return database_now() + timedelta(days=int(days)) if days else None


class TokenList(Live, ListView):  # type: ignore[type-arg]
    """All tokens. Those that were not revoked come first."""

    template_name = "tokens/list.html"
    permission_required = "servers.view_token"
    paginate_by = PER_PAGE
    context_object_name = "tokens"
    # tokens are used and expire without a change that stamps count
    bucket_seconds = 60

    def get_queryset(self) -> QuerySet[Token]:
        """Return the tokens."""
        return reach_tokens().select_related("user").order_by("revoked_at", "name")

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add the state of each token."""
        data = super().get_context_data(**context)
        now = data["now"]
        return data | {
            "rows": [(token, *_judge(token, now)) for token in data["tokens"]],
            "may_revoke": self.request.user.has_perm("servers.change_token"),
        }


class NewToken(Once):
    """Create a token. Its secret is shown only in this response."""

    listing = "tokens"
    repeated = (
        f"{REPEATED} A secret is shown only once. If you lost it, revoke the token and "
        "create another."
    )
    template_name = "tokens/new.html"
    form_class = TokenForm
    permission_required = "servers.add_token"
    needs_recent_log_in = True
    is_kept = False

    def get_form_kwargs(self) -> dict[str, Any]:
        """Offer the scopes that the person has."""
        user = self.request.user
        return super().get_form_kwargs() | {"may": scopes_of(user)}  # type: ignore[arg-type]

    def carry_out(self, form: TokenForm) -> HttpResponse:
        """Create the token, and show its secret in the response to this POST."""
        text = issue_token(
            form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            expires_at=form.read_end(),
            user=self.request.user,  # type: ignore[arg-type]
        )
        token = reach_tokens().get(name=form.cleaned_data["name"])
        context = super().get_context_data(form=form) | {"token": token, "text": text}
        return render(self.request, "tokens/made.html", context)


class RevokeToken(Ask):
    """Ask for confirmation, then revoke a token immediately."""

    template_name = "tokens/revoke.html"
    permission_required = "servers.change_token"
    listing = "tokens"
    title = "Revoke {row}?"
    action_label = "Revoke token"

    def find_row(self) -> Token:
        """Return the token."""
        return find_token_by_id(self.kwargs["public_id"])

    def act(self) -> str:
        """Revoke the token."""
        if revoke_token(self.row):
            return f"{self.row} was revoked. Calls with it are now refused."
        messages.info(self.request, f"{self.row} was already revoked.")
        return ""


def _judge(token: Token, now: datetime) -> tuple[str, str]:
    """Return a token's state and its tone."""
    if token.revoked_at is not None:
        return "revoked", "idle"
    if token.user is not None and not token.user.is_active:
        return "owner deactivated", "idle"
    if token.expires_at is None:
        return "active", "good"
    if token.expires_at <= now:
        return "expired", "idle"
    if token.expires_at - now < ENDS_SOON:
        return "expires soon", "warn"
    return "active", "good"
