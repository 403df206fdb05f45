"""What can be done to a person, each on a page that asks first and says what ends."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.generic import FormView

from servers.dashboard.access import Page, carry_out
from servers.dashboard.people import RoleForm, find_person, show_password
from servers.errors import FleetError, NotFoundError
from servers.operations import people
from servers.tokens import list_valid_tokens


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
