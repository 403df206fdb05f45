"""Actions on a person. Each has a page that asks first and lists what ends."""

from collections.abc import Mapping
from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from servers.access.tokens import list_valid_tokens
from servers.dashboard.people.pages import RoleForm, find_person, show_password
from servers.dashboard.shared.acting import Ask
from servers.errors import FleetError, NotFoundError
from servers.operations import people
from servers.wording import count_of


class _Ask(Ask):
    """An action on a person, with a page that asks first and lists what ends."""

    permission_required = "auth.change_user"
    needs_recent_log_in = True
    is_kept = False
    template_name = "people/ask.html"
    page = "person"
    listing = "people"
    ends_tokens = False

    def find_row(self) -> Any:
        """Return the person."""
        return find_person(self.kwargs["pk"])

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add the person and the tokens that will be revoked."""
        return super().get_context_data(**context) | {
            "person": self.row,
            "tokens": list_valid_tokens(self.row) if self.ends_tokens else [],
            "ends_tokens": self.ends_tokens,
        }


class ChangeRole(_Ask):
    """Change a person's role."""

    form_class = RoleForm
    title = "Change the role of {row}?"
    action_label = "Change role"
    text = "The new role applies from the next request, also for this person's tokens."

    def get_form_kwargs(self) -> dict[str, Any]:
        """Offer the roles that the signed-in person can give."""
        roles = people.list_roles(self.request.user)
        return super().get_form_kwargs() | {"roles": roles}

    def act(self) -> str:
        """Change the role."""
        role = self.given["role"]
        people.change_role(self.request.user, self.row, role)
        return f"{self.row} now has the role {role}."


class ResetPassword(_Ask):
    """Replace a forgotten password with a one-time password."""

    title = "Reset the password of {row}?"
    action_label = "Reset password"
    text = (
        "The current password stops working, and all sessions end. You get a one-time "
        "password to hand over."
    )

    def run(self) -> HttpResponse:
        """Show the password in the response to this POST."""
        try:
            password = people.reset_password(self.request.user, self.row)
        except NotFoundError:
            raise
        except FleetError as error:
            messages.error(self.request, error.message)
            return redirect(self.find_back())
        return show_password(self, self.row, password)


class EndSessions(_Ask):
    """End all sessions of a person."""

    title = "End all sessions of {row}?"
    action_label = "End sessions"
    text = "This person must log in again in every browser."

    def act(self) -> str:
        """End the sessions."""
        count = people.end_persons_sessions(self.request.user, self.row)
        return f"{count_of(count, 'session')} ended."


class Deactivate(_Ask):
    """Deactivate a person, who then can't sign in."""

    title = "Deactivate {row}?"
    action_label = "Deactivate person"
    text = "This person is logged out everywhere and can't log in again."
    ends_tokens = True

    def act(self) -> str:
        """Deactivate the person."""
        people.deactivate_person(self.request.user, self.row)
        return f"{self.row} is deactivated."


class Activate(_Ask):
    """Activate a person again."""

    title = "Activate {row}?"
    action_label = "Activate person"
    text = "This person can log in again. Revoked tokens stay revoked."

    def act(self) -> str:
        """Activate the person."""
        people.activate_person(self.request.user, self.row)
        return f"{self.row} is activated."


class DeletePerson(_Ask):
    """Delete a person."""

    permission_required = "auth.delete_user"
    title = "Delete {row}?"
    action_label = "Delete person"
    text = "This person's actions stay in Activity. You can't undo this."
    ends_tokens = True
    removes = True

    def act(self) -> str:
        """Delete the person."""
        people.delete_person(self.request.user, self.row)
        return f"{self.row} is deleted."


ACTS: Final[Mapping[str, type[_Ask]]] = {
    "role": ChangeRole,
    "reset": ResetPassword,
    "end-sessions": EndSessions,
    "deactivate": Deactivate,
    "activate": Activate,
    "delete": DeletePerson,
}
