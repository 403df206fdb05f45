"""The people pages: who can sign in, their roles, and their sessions."""

from typing import Any, Final

from django import forms
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db.models import Count, Max, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.generic import ListView, TemplateView

from servers.access.sessions import digest_password, find_one_time, list_open_sessions
from servers.access.tokens import list_valid_tokens
from servers.dashboard.shared.editing import Once
from servers.dashboard.shared.form_idempotency import OnceForm
from servers.dashboard.shared.live import Live
from servers.models import OneTimePassword
from servers.operations import people

PER_PAGE: Final = 50
MAX_SESSIONS: Final = 50
_MEANINGS: Final = {
    "viewer": "viewer: can see everything except secrets",
    "operator": "operator: can also create, retry and terminate servers",
    "admin": "admin: can also change accounts, templates, tokens, people and switches",
}


class PersonForm(OnceForm):
    """The form for a new person."""

    name = forms.CharField(
        label="Username",
        max_length=150,
        help_text="Letters, digits and @ . + - _ only.",
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "autocapitalize": "none",
                "spellcheck": "false",
            }
        ),
    )
    role = forms.ChoiceField()

    def __init__(self, *args: Any, roles: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["role"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(role, _MEANINGS[role]) for role in roles]


class RoleForm(PersonForm):
    """The form for another role."""

    name = None  # type: ignore[assignment]


class PeopleList(Live, ListView):  # type: ignore[type-arg]
    """All people. Those who can sign in come first."""

    template_name = "people/list.html"
    permission_required = "auth.view_user"
    paginate_by = PER_PAGE
    context_object_name = "people"
    # sessions expire without a change in the database
    bucket_seconds = 60

    def get_queryset(self) -> QuerySet[User]:
        """Return the people with their groups."""
        rows = User.objects.prefetch_related("groups")
        return rows.order_by("-is_active", "username")

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add each person's sessions and last activity, in one query for all."""
        data = super().get_context_data(**context)
        pks = [person.pk for person in data["people"]]
        seen: dict[int, tuple[int, Any]] = {
            pk: (count, at)
            for pk, count, at in list_open_sessions()
            .filter(user_id__in=pks)
            .values_list("user_id")
            .annotate(Count("pk"), Max("seen_at"))
        }
        one_time = dict(
            OneTimePassword.objects.filter(user__in=pks).values_list(
                "pk", "password_digest"
            )
        )
        return data | {
            "rows": [
                {
                    "person": person,
                    "role": name_role(person),
                    "sessions": seen.get(person.pk, (0, None))[0],
                    "seen": seen.get(person.pk, (0, None))[1] or person.last_login,
                    "invited": one_time.get(person.pk) == digest_password(person),
                }
                for person in data["people"]
            ]
        }


class NewPerson(Once):
    """Create a person. The one-time password is shown only in this response."""

    listing = "people"
    template_name = "people/new.html"
    form_class = PersonForm
    permission_required = "auth.add_user"
    needs_recent_log_in = True
    is_kept = False

    def get_form_kwargs(self) -> dict[str, Any]:
        """Offer the roles that the signed-in person can give."""
        roles = people.list_roles(self.request.user)
        return super().get_form_kwargs() | {"roles": roles}

    def carry_out(self, form: PersonForm) -> HttpResponse:
        """Create the person, and show the password in the response to this POST."""
        person, password = people.create_person(
            self.request.user,
            name=form.cleaned_data["name"],
            role=form.cleaned_data["role"],
        )
        return show_password(self, person, password)


class PersonPage(Live, TemplateView):
    """One person: role, sessions, tokens and actions."""

    template_name = "people/detail.html"
    permission_required = "auth.view_user"
    bucket_seconds = 60

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Load the person, the sessions and the tokens."""
        data = super().get_context_data(**context)
        person, user = find_person(self.kwargs["pk"]), self.request.user
        may = user.has_perm("auth.change_user") and people.may_change(user, person)
        return data | {
            "person": person,
            "role": name_role(person),
            "one_time": find_one_time(person),
            "sessions": list_open_sessions()
            .filter(user_id=person.pk)
            .order_by("-seen_at")[:MAX_SESSIONS],
            "tokens": list_valid_tokens(person),
            "may_change": may,
            "may_delete": may and user.has_perm("auth.delete_user"),
            "is_own": person.pk == user.pk,
        }


def show_password(view: Any, person: Any, password: str) -> HttpResponse:
    """Return the only page that shows a one-time password."""
    context = view.get_context_data(form=None) | {
        "person": person,
        "password": password,
        "days": people.ONE_TIME_FOR.days,
    }
    return render(view.request, "people/password.html", context)


def find_person(pk: int) -> Any:
    """Return a person; raise Http404."""
    person = get_user_model().objects.filter(pk=pk).first() if pk < 2**31 else None
    if person is None:
        raise Http404("This person does not exist.")
    return person


def name_role(person: Any) -> str:
    """Return a person's role in words."""
    if person.is_superuser:
        return "superuser"
    groups = sorted(group.name for group in person.groups.all())
    return ", ".join(groups) or "no role"
