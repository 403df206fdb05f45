"""Saved views: named filters of the list, for each person."""

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.generic import FormView, View

from servers.dashboard.servers.targets import read_selection
from servers.dashboard.shared.access import Page
from servers.models import SavedView

MOST: Final = 20
MAX_NAME: Final = 40


class ViewForm(forms.Form):
    """The name of a view."""

    name = forms.CharField(
        max_length=MAX_NAME,
        help_text="A view with this name is replaced.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class SaveView(Page, FormView):  # type: ignore[type-arg]
    """Save the list's filters under a name."""

    template_name = "servers/view.html"
    form_class = ViewForm

    @property
    def _query(self) -> str:
        """The filters in the list's own format."""
        given = self.request.POST.get("query") or self.request.GET.urlencode()
        return read_selection(given).query

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Say what is saved."""
        query = self._query
        return super().get_context_data(**context) | {
            "title": "Save this view",
            "query": query,
            "back": place_view(query),
        }

    def form_valid(self, form: ViewForm) -> HttpResponse:
        """Save it, or replace the view with the same name."""
        user: Any = self.request.user
        mine = SavedView.objects.filter(user=user)
        name, query = form.cleaned_data["name"], self._query
        if mine.exclude(name=name).count() >= MOST:
            form.add_error("name", f"You have {MOST} views. Delete one first.")
            return self.form_invalid(form)
        mine.update_or_create(
            name=name,
            defaults={"query": query},
            create_defaults={"user": user, "query": query},
        )
        messages.success(self.request, f"View {name} was saved.")
        return redirect(place_view(query))


class DeleteView(Page, View):
    """Delete one of the person's views."""

    http_method_names = ("post",)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Delete it; it is no error if it does not exist."""
        name = request.POST.get("view", "")[:MAX_NAME].replace("\0", "")
        user: Any = request.user
        SavedView.objects.filter(user=user, name=name).delete()
        messages.success(request, f"View {name} was deleted.")
        return redirect("servers")


def place_view(query: str) -> str:
    """Return the list's URL with these filters."""
    return f"{reverse('servers')}?{query}" if query else reverse("servers")


def list_views(user: Any) -> list[SavedView]:
    """Return a person's views. One query."""
    return list(SavedView.objects.filter(user=user)[:MOST])
