"""The page of the API tokens: who may call, and the one look at a new secret."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, ClassVar, Final

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.generic import FormView, ListView, TemplateView

from servers.dashboard.access import Page
from servers.dashboard.live import Live
from servers.dashboard.messages import REPEATED
from servers.dashboard.once import OnceForm
from servers.errors import FleetError
from servers.ledger import database_now
from servers.models import Token
from servers.tokens import issue_token, revoke_token, scopes_of

PER_PAGE: Final = 50
ENDS_SOON: Final = timedelta(days=7)
SCOPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        Token.Scope.SERVERS_READ: "See servers, their history and the leaks.",
        Token.Scope.SERVERS_WRITE: "Make, retry and terminate servers.",
        Token.Scope.SECRETS_READ: "Read the keys with which a client reaches a server.",
        Token.Scope.FLEET_ADMIN: "Change accounts, templates, tokens and the switches.",
    }
)
_DAYS: Final = (
    ("7", "in a week"),
    ("30", "in 30 days"),
    ("90", "in 90 days"),
    ("365", "in a year"),
    ("", "never"),
)


class TokenForm(OnceForm):
    """A new token, with at most the scopes that its maker has."""

    name = forms.CharField(
        max_length=100,
        help_text="What uses it, so that it can be told from the others: "
        "drone-autoscaler, say.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scopes = forms.MultipleChoiceField(
        label="What it may do",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Tick at least one."},
    )
    days = forms.ChoiceField(
        label="It ends", choices=_DAYS, initial="90", required=False
    )

    def __init__(self, *args: Any, may: frozenset[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        scopes = self.fields["scopes"]
        assert isinstance(scopes, forms.MultipleChoiceField)
        scopes.choices = [(name, name) for name in SCOPES if name in may]

    def explain_scopes(self) -> list[tuple[Any, str]]:
        """Return each scope's box, and what the scope is for."""
        return [(box, SCOPES[box.data["value"]]) for box in self["scopes"]]

    def read_end(self) -> datetime | None:
        """Return when the token ends."""
        days = self.cleaned_data["days"]
        return database_now() + timedelta(days=int(days)) if days else None


class TokenList(Live, ListView):  # type: ignore[type-arg]
    """All tokens, those that work first."""

    template_name = "tokens/list.html"
    permission_required = "servers.view_token"
    paginate_by = PER_PAGE
    context_object_name = "tokens"
    bucket_seconds: ClassVar[float] = 60  # one is used or ends, and no stamp moves

    def get_queryset(self) -> QuerySet[Token]:
        """Return them."""
        return Token.objects.select_related("user").order_by("revoked_at", "name")

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add what each is now."""
        data = super().get_context_data(**context)
        now = data["now"]
        return data | {
            "rows": [(token, *_judge(token, now)) for token in data["tokens"]],
            "may_revoke": self.request.user.has_perm("servers.change_token"),
        }


class NewToken(Page, FormView):  # type: ignore[type-arg]
    """Make a token. Its secret is in this one answer, and nowhere else."""

    template_name = "tokens/new.html"
    form_class = TokenForm
    permission_required = "servers.add_token"
    needs_recent_log_in = True
    is_kept = False

    def get_form_kwargs(self) -> dict[str, Any]:
        """Offer what the person has."""
        user = self.request.user
        return super().get_form_kwargs() | {"may": scopes_of(user)}  # type: ignore[arg-type]

    def form_valid(self, form: TokenForm) -> HttpResponse:
        """Make it, and show its secret, in the answer to this very POST."""
        if form.is_repeated():
            messages.info(
                self.request,
                f"{REPEATED} A secret is shown once; revoke a token whose secret is "
                "lost, and make another.",
            )
            return redirect("tokens")
        try:
            text = issue_token(
                form.cleaned_data["name"],
                scopes=form.cleaned_data["scopes"],
                expires_at=form.read_end(),
                user=self.request.user,  # type: ignore[arg-type]
            )
        except FleetError as error:
            form.refuse(error)
            return self.form_invalid(form)
        token = Token.objects.get(name=form.cleaned_data["name"])
        context = super().get_context_data(form=form) | {"token": token, "text": text}
        return render(self.request, "tokens/made.html", context)


class RevokeToken(Page, TemplateView):
    """Ask once more, then end a token at once."""

    template_name = "tokens/revoke.html"
    permission_required = "servers.change_token"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Say what ends."""
        token = _find(self.kwargs["public_id"])
        return super().get_context_data(**context) | {
            "token": token,
            "title": f"Revoke {token.name}?",
            "action_label": "Revoke",
            "action_url": reverse("revoke-token", args=[token.public_id]),
            "back": reverse("tokens"),
        }

    def post(self, request: HttpRequest, public_id: str) -> HttpResponse:
        """Revoke it."""
        token = _find(public_id)
        if revoke_token(token):
            messages.success(
                request, f"{token.name} is revoked. Who uses it is refused from now on."
            )
        else:
            messages.info(request, f"{token.name} was revoked before.")
        return redirect("tokens")


def _judge(token: Token, now: datetime) -> tuple[str, str]:
    """Return what a token is, and the tone of that."""
    if token.revoked_at is not None:
        return "revoked", "idle"
    if token.user is not None and not token.user.is_active:
        return "owner shut out", "idle"
    if token.expires_at is None:
        return "works", "good"
    if token.expires_at <= now:
        return "ended", "idle"
    return (
        ("ends soon", "warn")
        if token.expires_at - now < ENDS_SOON
        else ("works", "good")
    )


def _find(public_id: str) -> Token:
    # An id is twelve hexadecimal digits; what is none was never given out.
    token = (
        Token.objects.filter(public_id=public_id).first()
        if (public_id.isalnum() and len(public_id) <= 16)
        else None
    )
    if token is None:
        raise Http404("There is no such token.")
    return token
