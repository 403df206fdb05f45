"""Add, change, try and delete templates."""

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.generic import View

from servers.dashboard.access import Page, carry_out
from servers.dashboard.deleting import Delete
from servers.dashboard.editing import Edit, lock_row
from servers.dashboard.templateform import TemplateForm
from servers.dashboard.templaterows import is_move
from servers.dashboard.templates import find_template
from servers.errors import InvalidError, UnavailableError
from servers.models import Account, Template
from servers.operations import (
    RefusedPlaceError,
    check_places,
    delete_template,
    explain_template_kept,
    save_template,
    try_template,
)


class _Edit(Edit):
    """What adding and changing share."""

    template_name = "templates/edit.html"
    form_class = TemplateForm
    is_kept = False
    page = "template"
    listing = "templates"

    def get_form_kwargs(self) -> dict[str, Any]:
        """Give the form its template."""
        return super().get_form_kwargs() | {"template": self.find_current()}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Save, or let two fallbacks change places, which saves nothing."""
        if not is_move(request.POST):
            return super().post(request, *args, **kwargs)
        kwargs = self.get_form_kwargs()
        known = {name: kwargs.get(name) for name in ("template", "source")}
        form = TemplateForm.move(request.POST, **known)
        return self.render_to_response(self.get_context_data(form=form))

    def form_valid(self, form: TemplateForm) -> HttpResponse:
        """Ask the cloud first, outside of any transaction, then save it."""
        if not form.cleaned_data.get("unchecked"):
            try:
                check_places(
                    form.to_template(self.find_current()),
                    before=self.find_current(),
                    user_data=form.cleaned_data["user_data"] or None,
                )
            except (RefusedPlaceError, UnavailableError) as error:
                form.offer_unchecked(error.message)
                return self.form_invalid(form)
            except InvalidError as error:
                self.refuse(form, error)
                return self.form_invalid(form)
        return super().form_valid(form)

    def save(self, form: TemplateForm, current: Template | None) -> Template:
        """Save it and its next version."""
        template = form.to_template(current)
        save_template(template, user_data=form.cleaned_data["user_data"] or None)
        return template


class NewTemplate(_Edit):
    """Create a template: of an account, or like a template, that the address names."""

    permission_required = "servers.add_template"

    def get_initial(self) -> dict[str, Any]:
        """Choose the account."""
        account = self.request.GET.get("account", "")
        return super().get_initial() | ({"account": account} if account else {})

    def find_current(self) -> None:
        """None yet."""
        return

    def get_form_kwargs(self) -> dict[str, Any]:
        """Give the form the template that is cloned."""
        return super().get_form_kwargs() | {"source": self._find_source()}

    def _find_source(self) -> Template | None:
        name = self.request.GET.get("from", "")
        return find_template(name) if name else None

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Say what comes first, where there is no account."""
        source = self.request.GET.get("from", "")
        return super().get_context_data(**context) | {
            "title": f"Clone {source}" if source else "New template",
            "back": reverse("templates"),
            "has_accounts": Account.objects.exists(),
        }


class EditTemplate(_Edit):
    """Change a template."""

    permission_required = "servers.change_template"

    def find_current(self) -> Template:
        """Return it as it is now."""
        return find_template(self.kwargs["name"])

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Say which."""
        name = self.kwargs["name"]
        return super().get_context_data(**context) | {
            "title": f"Change {name}",
            "back": reverse("template", args=[name]),
            "has_accounts": True,
        }


class TryTemplate(Page, View):
    """Make one server of it that ends by itself."""

    permission_required = ("servers.change_template", "servers.add_server")  # type: ignore[assignment]

    def post(self, request: HttpRequest, name: str) -> HttpResponse:
        """Begin; while one is under way, show that."""
        template = find_template(name)

        def begin() -> str:
            try_template(template)
            return ""

        return redirect("trial" if carry_out(request, begin) else "template", name)


class DefaultTemplate(Page, View):
    """Make a template the one that is used where none is named."""

    permission_required = "servers.change_template"

    def post(self, request: HttpRequest, name: str) -> HttpResponse:
        """Switch."""
        template = find_template(name)

        def switch() -> str:
            with transaction.atomic():
                current = lock_row(template)
                if current.is_default:
                    messages.info(request, f"{name} is the default already.")
                    return ""
                current.is_default = True
                save_template(current)
            return f"{name} is the default now."

        carry_out(request, switch)
        return redirect("template", name)


class DeleteTemplate(Delete):
    """Delete a template."""

    permission_required = "servers.delete_template"
    page = "template"
    listing = "templates"
    action = "delete-template"

    def find(self, name: str) -> Template:
        """Return it."""
        return find_template(name)

    def explain_kept(self, row: Template) -> str:
        """Return what still needs it."""
        return explain_template_kept(row)

    def explain_cost(self, row: Template) -> str:
        """Return what goes with it."""
        if row.is_default:
            return (
                "It is the default: without one, each request must name its template. "
                "The history keeps its name."
            )
        return "The history keeps its name."

    def delete(self, row: Template) -> None:
        """Delete it."""
        delete_template(row)
