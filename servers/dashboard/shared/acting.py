"""Pages that do one thing: a button's POST, or a page that asks first."""

from functools import cached_property
from typing import Any, ClassVar

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.generic import FormView, View

from servers.dashboard.shared.access import Page, carry_out, go_back


class _Acting(Page):
    """It leads back to ``page``, the row's in the URL, otherwise to ``listing``.

    Both are the names of URLs. A form can name another page of ours in ``next``.
    """

    page: ClassVar[str] = ""
    listing: ClassVar[str] = "overview"
    # Finds the row by the name in the URL, or raises NotFoundError.
    find: "ClassVar[staticmethod[[str], Any] | None]" = None
    removes = False  # whether the row's page is gone afterwards
    kwargs: dict[str, Any]

    def find_row(self) -> Any:
        """Return the row that it is about, if any; raise NotFoundError or Http404."""
        return self.find(self.kwargs["name"]) if self.find else None

    @cached_property
    def row(self) -> Any:
        """The row that it is about, if any."""
        return self.find_row()

    def act(self) -> str:
        """Do it; return the message to show, or "" if it has shown its own."""
        raise NotImplementedError

    def find_back(self) -> str:
        """Return the URL of the page where it was asked for."""
        if self.page:
            return reverse(self.page, kwargs=self.kwargs)
        return reverse(self.listing)

    def find_after(self) -> str:
        """Return the URL of the page that shows the result."""
        return reverse(self.listing) if self.removes else self.find_back()

    def run(self) -> HttpResponse:
        """Do it, or say why not."""
        done = carry_out(self.request, self.act)
        return go_back(self.request, self.find_after() if done else self.find_back())


class Act(_Acting, View):
    """What a button does at once."""

    def post(self, request: HttpRequest, **_: Any) -> HttpResponse:
        """Do it."""
        return self.run()


class Ask(_Acting, FormView):  # type: ignore[type-arg]
    """A page that asks first; with JavaScript it opens as a dialog.

    ``title`` and ``text`` may contain ``{row}``. ``form_class`` has what it asks for.
    """

    form_class: Any = forms.Form
    title = text = action_label = ""

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add the row, the question and the way back."""
        return super().get_context_data(**context) | {
            "row": self.row,
            "title": self.title.format(row=self.row),
            "text": self.text.format(row=self.row),
            "action_label": self.action_label,
            "back": self.find_back(),
        }

    def form_valid(self, form: Any) -> HttpResponse:
        """Do it."""
        self.given: dict[str, Any] = form.cleaned_data
        return self.run()


class Delete(Ask):
    """Ask before a row with a name is deleted, or say why it can't be.

    ``kept`` returns why it can't be deleted now, or "". ``delete`` deletes it, or
    raises a FleetError.
    """

    kept: "ClassVar[staticmethod[[Any], str]]"
    delete: "ClassVar[staticmethod[[Any], None]]"
    template_name = "delete.html"
    title = "Delete {row}?"
    action_label = "Delete"
    removes = True

    def explain_cost(self) -> str:
        """Return what is lost with it, as a sentence."""
        raise NotImplementedError

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Say what is lost, or why it can't be deleted."""
        kept = self.kept(self.row)
        return super().get_context_data(**context) | {
            "kept": kept,
            "cost": self.explain_cost(),
            "keep_label": "Back" if kept else "",
        }

    def act(self) -> str:
        """Delete the row."""
        self.delete(self.row)
        return f"{self.kwargs['name']} was deleted."
