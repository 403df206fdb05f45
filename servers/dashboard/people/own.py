"""Your own password: change it, or confirm it before sensitive actions."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.generic import FormView

from servers.access.rate_limits import find_address
from servers.access.sessions import MUST_CHANGE, digest_key
from servers.dashboard.people.login import TOO_MANY, Reservation, answer_later
from servers.dashboard.shared.access import Page, find_next, go_back
from servers.operations.people import change_own_password


class _Own(LoginRequiredMixin, Page, FormView):  # type: ignore[type-arg]
    """A page for every signed-in person, with a limit on wrong passwords."""

    is_kept = False

    def has_permission(self) -> bool:
        """Return True: every signed-in person can open the page."""
        return True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Check the password, unless there were too many failures recently."""
        self.reservation = Reservation(
            request.user.get_username(), find_address(request)
        )
        if self.reservation.wait:
            messages.error(request, TOO_MANY)
            answer = self.render_to_response(
                self.get_context_data(form=self.get_form_class()(self.request.user))
            )
            return answer_later(answer, self.reservation.wait)
        form = self.get_form()
        valid = form.is_valid()
        if not form.has_error("old_password"):
            self.reservation.give_back()
        return self.form_valid(form) if valid else self.form_invalid(form)

    def get_form_kwargs(self) -> dict[str, Any]:
        """Pass the person to the form."""
        return super().get_form_kwargs() | {"user": self.request.user}


class ConfirmForm(forms.Form):
    """A form that asks for your password again."""

    old_password = forms.CharField(
        label="Password",
        max_length=4096,
        strip=False,
        widget=forms.PasswordInput(
            attrs={"autocomplete": "current-password", "autofocus": True}
        ),
    )

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        self.user = user
        super().__init__(*args, **kwargs)

    def clean_old_password(self) -> str:
        """Reject a wrong password."""
        password: str = self.cleaned_data["old_password"]
        if not self.user.check_password(password):
            raise forms.ValidationError("The password is wrong. Try again.")
        return password


class OwnPassword(_Own):
    """Change your password and end all your other sessions."""

    template_name = "account/password.html"
    form_class = PasswordChangeForm

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add whether the person must change the password."""
        must = bool(self.request.session.get(MUST_CHANGE))
        return super().get_context_data(**context) | {"must": must}

    def form_valid(self, form: Any) -> HttpResponse:
        """Save the password; keep this session under a new key."""
        user, session = self.request.user, self.request.session
        change_own_password(
            user,
            form.cleaned_data["new_password1"],
            session_pk=digest_key(session.session_key),
        )
        session.pop(MUST_CHANGE, None)
        update_session_auth_hash(self.request, user)  # type: ignore[arg-type]
        messages.success(
            self.request, "Your password was changed. Your other sessions have ended."
        )
        return redirect("overview")


class ConfirmPassword(_Own):
    """Enter your password again to allow sensitive actions for a while."""

    template_name = "account/confirm.html"
    form_class = ConfirmForm

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add the page to return to."""
        return super().get_context_data(**context) | {"next": find_next(self.request)}

    def form_valid(self, form: ConfirmForm) -> HttpResponse:
        """Restart the session under a new key."""
        self.request.session.cycle_key()
        return go_back(self.request, "overview")
