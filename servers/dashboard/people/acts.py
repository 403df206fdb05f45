"""Actions on a person. Each has a page that asks first and lists what ends."""

from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.generic import FormView

from servers.access.tokens import list_valid_tokens
from servers.dashboard.people.pages import RoleForm, find_person, show_password
from servers.dashboard.shared.access import Page, carry_out
from servers.errors import FleetError, NotFoundError
from servers.operations import people


class _Ask(Page, FormView):  # type: ignore[type-arg]
    """An action on a person, with a page that asks first and lists what ends."""

    permission_required = "auth.change_user"
    needs_recent_log_in = True
    is_kept = False
    template_name = "people/ask.html"
    form_class: Any = forms.Form
    title = action_label = text = ""
    ends_tokens = False

    def act(self, person: Any, form: Any) -> str:
        """Run the action; return the message to show."""
        raise NotImplementedError

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add the person and the tokens that will be revoked."""
        person = find_person(self.kwargs["pk"])
        return super().get_context_data(**context) | {
            "person": person,
            "title": self.title.format(person=person),
            "text": self.text,
            "tokens": list_valid_tokens(person) if self.ends_tokens else [],
            "ends_tokens": self.ends_tokens,
            "action_label": self.action_label,
            "back": reverse("person", args=[person.pk]),
        }

    def form_valid(self, form: Any) -> HttpResponse:
        """Run the action, or say why it is not possible."""
        person = find_person(self.kwargs["pk"])
        carry_out(self.request, lambda: self.act(person, form))
        if not User.objects.filter(pk=person.pk).exists():
            return redirect("people")
        return redirect("person", person.pk)


class ChangeRole(_Ask):
    """Change a person's role."""

    form_class = RoleForm
    title = "Change the role of {person}?"
    action_label = "Change role"
    text = "The new role applies from the next request, also for this person's tokens."

    def get_form_kwargs(self) -> dict[str, Any]:
        """Offer the roles that the signed-in person can give."""
        roles = people.list_roles(self.request.user)
        return super().get_form_kwargs() | {"roles": roles}

    def act(self, person: Any, form: Any) -> str:
        """Change the role."""
        people.change_role(self.request.user, person, form.cleaned_data["role"])
        return f"{person} now has the role {form.cleaned_data['role']}."


class ResetPassword(_Ask):
    """Replace a forgotten password with a one-time password."""

    title = "Reset the password of {person}?"
    action_label = "Reset password"
    text = (
        "The current password stops working, and all sessions end. You get a one-time "
        "password to hand over."
    )

    def form_valid(self, form: Any) -> HttpResponse:
        """Show the password in the response to this POST."""
        person = find_person(self.kwargs["pk"])
        try:
            password = people.reset_password(self.request.user, person)
        except NotFoundError:
            raise
        except FleetError as error:
            messages.error(self.request, error.message)
            return redirect("person", person.pk)
        return show_password(self, person, password)


class EndSessions(_Ask):
    """End all sessions of a person."""

    title = "End all sessions of {person}?"
    action_label = "End sessions"
    text = "This person must log in again in every browser."

    def act(self, person: Any, form: Any) -> str:
        """End the sessions."""
        count = people.end_persons_sessions(self.request.user, person)
        return f"{count} session{'' if count == 1 else 's'} ended."


class Deactivate(_Ask):
    """Deactivate a person, who then can't sign in."""

    title = "Deactivate {person}?"
    action_label = "Deactivate person"
    text = "This person is logged out everywhere and can't log in again."
    ends_tokens = True

    def act(self, person: Any, form: Any) -> str:
        """Deactivate the person."""
        people.deactivate_person(self.request.user, person)
        return f"{person} is deactivated."


class Activate(_Ask):
    """Activate a person again."""

    title = "Activate {person}?"
    action_label = "Activate person"
    text = "This person can log in again. Revoked tokens stay revoked."

    def act(self, person: Any, form: Any) -> str:
        """Activate the person."""
        people.activate_person(self.request.user, person)
        return f"{person} is activated."


class DeletePerson(_Ask):
    """Delete a person."""

    permission_required = "auth.delete_user"
    title = "Delete {person}?"
    action_label = "Delete person"
    text = "This person's actions stay in Activity. You can't undo this."
    ends_tokens = True

    def act(self, person: Any, form: Any) -> str:
        """Delete the person."""
        name = str(person)
        people.delete_person(self.request.user, person)
        return f"{name} is deleted."


ACTS: Final[Mapping[str, type[_Ask]]] = {
    "role": ChangeRole,
    "reset": ResetPassword,
    "end-sessions": EndSessions,
    "deactivate": Deactivate,
    "activate": Activate,
    "delete": DeletePerson,
}
