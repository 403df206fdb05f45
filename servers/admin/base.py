"""What the admin's pages share."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import BadRequest
from django.db import models
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.shortcuts import redirect
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from servers.access.reach import reach_rows
from servers.admin.filters import BoundedPaginator
from servers.admin.json_field import JSONText
from servers.errors import FleetError
from servers.models.fields import EncryptedTextField
from servers.models.multiline import Multiline

_LINES = Multiline(attrs={"class": "vLargeTextField", "rows": 5})


class Listed(admin.ModelAdmin):  # type: ignore[type-arg]
    """A model whose list costs the same for any number of rows."""

    list_per_page = 50
    show_full_result_count = False
    actions_selection_counter = True
    paginator = BoundedPaginator
    show_facets = admin.ShowFacets.NEVER  # facets would count all rows
    formfield_overrides = {
        models.TextField: {"widget": _LINES},
        models.JSONField: {"form_class": JSONText, "widget": _LINES},
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows that the caller can reach, in the page's order."""
        rows = reach_rows(self.model)
        ordering = self.get_ordering(request)
        return rows.order_by(*ordering) if ordering else rows

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Reject filters that a database can't search for."""
        if any("\0" in text for texts in request.GET.lists() for text in texts[1]):
            raise BadRequest("A filter contains a null character. Remove it.")
        return super().changelist_view(request, extra_context)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Show an operation's error if the form itself was valid."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except FleetError as error:
            self.message_user(request, error.message, messages.ERROR)
            return redirect(request.get_full_path())


class Shown(Listed):
    """A read-only model: only operations write it."""

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Hide the save buttons."""
        context |= {"show_save": False, "show_save_and_continue": False}
        return super().render_change_form(request, context, *args, **kwargs)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: nothing is created here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: deleting a row could lose track of its instance."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Return all fields except encrypted ones, which are never shown."""
        return [
            field.name
            for field in self.model._meta.fields
            if not isinstance(field, EncryptedTextField)
        ]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the read-only fields."""
        return self.get_readonly_fields(request, obj)


class ShownInline(admin.TabularInline):  # type: ignore[type-arg]
    """Read-only rows below the row that they belong to."""

    template = "admin/shown_inline.html"
    extra = 0
    max_num = 0
    can_delete = False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: they never change."""
        return False


def badge(word: str) -> SafeString | str:
    """Return a state as a badge, with its word and a class for the colour."""
    if not word:
        return "–"
    return format_html(
        '<span class="sf-badge sf-{}">{}</span>', word, word.replace("_", " ")
    )


def show_badge(field: str, description: str = "", *, sorts: bool = True) -> Any:
    """Return a column that shows a field as a badge."""

    @admin.display(description=description or field, ordering=field if sorts else None)
    def show(_page: Listed, row: Model) -> SafeString | str:
        return badge(getattr(row, field))

    return show


def show_in_short(field: str) -> Any:
    """Return a column that shows the beginning of a field."""

    @admin.display(description=field)
    def show(_page: Listed, row: Model) -> str:
        return Truncator(getattr(row, field)).chars(120) or "–"

    return show


def act_once(description: str, act: Callable[[], object], *, said: str) -> Any:
    """Return an action that runs an operation once, whatever was selected."""

    @admin.action(description=description, permissions=["change"])
    def run(page: Listed, request: HttpRequest, _rows: QuerySet[Any]) -> None:
        act()
        page.message_user(request, said, messages.SUCCESS)

    return run


def act_on_each(description: str, act: Callable[[Any], object], *, done: str) -> Any:
    """Return an action that runs an operation for each row, as ``run_for_each``."""

    @admin.action(description=description, permissions=["change"])
    def run(page: Listed, request: HttpRequest, rows: QuerySet[Any]) -> None:
        run_for_each(page, request, rows, act, done=done)

    return run


def add_errors(
    form: forms.BaseForm,
    error: FleetError,
    *,
    name_field: Callable[[str], str] = str,
) -> None:
    """Show an operation's errors, each at its field.

    ``name_field`` returns the form's other name of a field.
    """
    for name, texts in (error.fields or {"": [error.message]}).items():
        names = [each for each in (name, name_field(name)) if each in form.fields]
        form.add_error(names[0] if names else None, texts)


def run_for_each(
    page: Listed,
    request: HttpRequest,
    rows: QuerySet[Any],
    act: Callable[[Any], object],
    *,
    done: str,
) -> None:
    """Run one operation per row, and report each outcome."""
    names = []
    for row in rows:
        try:
            act(row)
        except FleetError as error:
            page.message_user(request, error.message, messages.ERROR)
        else:
            names.append(str(row))
    if names:
        page.message_user(request, f"{done}: {', '.join(names)}.", messages.SUCCESS)
