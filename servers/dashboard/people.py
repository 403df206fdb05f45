"""The people: who may sign in, what they may, where they are, and how it ends."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final

from django import forms
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db.models import Count, Max, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.generic import FormView, ListView, TemplateView

from servers.dashboard.access import Page, carry_out
from servers.dashboard.live import Live
from servers.dashboard.messages import REPEATED
from servers.dashboard.once import OnceForm
from servers.errors import FleetError, NotFoundError
from servers.models import OneTimePassword
from servers.operations import people
from servers.sessions import digest_password, find_one_time, list_open_sessions
from servers.tokens import list_valid_tokens

PER_PAGE: Final = 50
MOST_SESSIONS: Final = 50
_MEANINGS: Final = {
    "viewer": "viewer: sees everything but secrets",
    "operator": "operator: also creates, retries and terminates servers",
    "admin": "admin: also changes accounts, templates, tokens, people and switches",
}


class PersonForm(OnceForm):
    """A new person."""

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
    """Another role."""

    name = None  # type: ignore[assignment]


class PeopleList(Live, ListView):  # type: ignore[type-arg]
    """All people, those who may sign in first."""

    template_name = "people/list.html"
    permission_required = "auth.view_user"
    paginate_by = PER_PAGE
    context_object_name = "people"
    bucket_seconds: ClassVar[float] = 60  # sessions end, and no stamp moves

    def get_queryset(self) -> QuerySet[User]:
        """Return them with their groups."""
        rows = User.objects.prefetch_related("groups")
        return rows.order_by("-is_active", "username")

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add where each is signed in, and since when not. One query for all."""
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


class NewPerson(Page, FormView):  # type: ignore[type-arg]
    """Create a person. The one-time password is in this answer, and nowhere else."""

    template_name = "people/new.html"
    form_class = PersonForm
    permission_required = "auth.add_user"
    needs_recent_log_in = True
    is_kept = False

    def get_form_kwargs(self) -> dict[str, Any]:
        """Offer the roles that may be given."""
        roles = people.list_roles(self.request.user)
        return super().get_form_kwargs() | {"roles": roles}

    def form_valid(self, form: PersonForm) -> HttpResponse:
        """Create them, and show the password, in the answer to this very POST."""
        if form.is_repeated():
            messages.info(self.request, REPEATED)
            return redirect("people")
        try:
            person, password = people.create_person(
                self.request.user,
                name=form.cleaned_data["name"],
                role=form.cleaned_data["role"],
            )
        except FleetError as error:
            form.refuse(error)
            return self.form_invalid(form)
        return show_password(self, person, password)


class PersonPage(Live, TemplateView):
    """One person: role, sessions, tokens, and what can be done."""

    template_name = "people/detail.html"
    permission_required = "auth.view_user"
    bucket_seconds: ClassVar[float] = 60

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Load them."""
        data = super().get_context_data(**context)
        person, user = find_person(self.kwargs["pk"]), self.request.user
        may = user.has_perm("auth.change_user") and people.may_change(user, person)
        return data | {
            "person": person,
            "role": name_role(person),
            "one_time": find_one_time(person),
            "sessions": list_open_sessions()
            .filter(user_id=person.pk)
            .order_by("-seen_at")[:MOST_SESSIONS],
            "tokens": list_valid_tokens(person),
            "may_change": may,
            "may_delete": may and user.has_perm("auth.delete_user"),
            "is_own": person.pk == user.pk,
        }


class _Ask(Page, FormView):  # type: ignore[type-arg]
    """An act on a person, on a page that asks first and says what ends."""

    permission_required = "auth.change_user"
    needs_recent_log_in = True
    is_kept = False
    template_name = "people/ask.html"
    form_class: Any = forms.Form
    title = action_label = text = ""
    ends_tokens = False

    def act(self, person: Any, form: Any) -> str:
        """Do it; return what is to be said."""
        raise NotImplementedError

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Say whom it is about, and which tokens end."""
        person = find_person(self.kwargs["pk"])
        return super().get_context_data(**context) | {
            "person": person,
            "title": self.title.format(person=person),
            "text": self.text,
            "tokens": list_valid_tokens(person) if self.ends_tokens else [],
            "ends_tokens": self.ends_tokens,
            "action_label": self.action_label,
            "action_url": self.request.path,
            "back": reverse("person", args=[person.pk]),
            "keep_label": "Cancel",
        }

    def form_valid(self, form: Any) -> HttpResponse:
        """Do it, or say why not."""
        person = find_person(self.kwargs["pk"])
        carry_out(self.request, lambda: self.act(person, form))
        if not User.objects.filter(pk=person.pk).exists():
            return redirect("people")
        return redirect("person", person.pk)


class ChangeRole(_Ask):
    """Another role."""

    form_class = RoleForm
    title = "Change the role of {person}?"
    action_label = "Change the role"
    text = "It counts from the next request on, for tokens too."

    def get_form_kwargs(self) -> dict[str, Any]:
        """Offer the roles that may be given."""
        roles = people.list_roles(self.request.user)
        return super().get_form_kwargs() | {"roles": roles}

    def act(self, person: Any, form: Any) -> str:
        """Change it."""
        people.change_role(self.request.user, person, form.cleaned_data["role"])
        return f"{person} has the role {form.cleaned_data['role']} now."


class ResetPassword(_Ask):
    """A one-time password in place of the one that was forgotten."""

    title = "Reset the password of {person}?"
    action_label = "Reset the password"
    text = (
        "The present password stops working, and all sessions end. You get a one-time "
        "password to hand over."
    )

    def form_valid(self, form: Any) -> HttpResponse:
        """Show it, in the answer to this very POST."""
        person = find_person(self.kwargs["pk"])
        try:
            password = people.reset_password(self.request.user, person)
        except NotFoundError as error:
            raise Http404(error.message) from None
        except FleetError as error:
            messages.error(self.request, error.message)
            return redirect("person", person.pk)
        return show_password(self, person, password)


class EndSessions(_Ask):
    """End all sessions."""

    title = "End all sessions of {person}?"
    action_label = "End the sessions"
    text = "Every browser of this person asks for the password again."

    def act(self, person: Any, form: Any) -> str:
        """End them."""
        count = people.end_persons_sessions(self.request.user, person)
        return f"{count} session{'' if count == 1 else 's'} ended."


class Deactivate(_Ask):
    """Shut a person out."""

    title = "Deactivate {person}?"
    action_label = "Deactivate"
    text = "This person can't sign in any more, and is signed out everywhere."
    ends_tokens = True

    def act(self, person: Any, form: Any) -> str:
        """Shut them out."""
        people.deactivate_person(self.request.user, person)
        return f"{person} is deactivated."


class Activate(_Ask):
    """Let a person in again."""

    title = "Activate {person}?"
    action_label = "Activate"
    text = "This person can sign in again. Tokens that ended stay so."

    def act(self, person: Any, form: Any) -> str:
        """Let them in."""
        people.activate_person(self.request.user, person)
        return f"{person} is activated."


class DeletePerson(_Ask):
    """Delete a person."""

    permission_required = "auth.delete_user"
    title = "Delete {person}?"
    action_label = "Delete"
    text = "What this person did stays in Activity. That can't be undone."
    ends_tokens = True

    def act(self, person: Any, form: Any) -> str:
        """Delete them."""
        name = str(person)
        people.delete_person(self.request.user, person)
        return f"{name} is deleted."


ACTS: Final[Mapping[str, type[_Ask]]] = MappingProxyType(
    {
        "role": ChangeRole,
        "reset": ResetPassword,
        "end-sessions": EndSessions,
        "deactivate": Deactivate,
        "activate": Activate,
        "delete": DeletePerson,
    }
)


def show_password(view: Any, person: Any, password: str) -> HttpResponse:
    """Return the one page that shows a one-time password."""
    context = view.get_context_data(form=None) | {
        "person": person,
        "password": password,
        "days": people.ONE_TIME_FOR.days,
    }
    return render(view.request, "people/password.html", context)


def find_person(pk: int) -> Any:
    """Return a person, or 404."""
    person = get_user_model().objects.filter(pk=pk).first() if pk < 2**31 else None
    if person is None:
        raise Http404("There is no such person.")
    return person


def name_role(person: Any) -> str:
    """Return what a person is, in a word or two."""
    if person.is_superuser:
        return "superuser"
    groups = sorted(group.name for group in person.groups.all())
    return ", ".join(groups) or "no role"
