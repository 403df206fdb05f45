"""Add, change, try and delete templates."""

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from servers.access.reach import by_name, find_template, reach_accounts
from servers.dashboard.shared.acting import Act, Delete
from servers.dashboard.shared.editing import Edit, lock_row
from servers.dashboard.templates.form import TemplateForm
from servers.dashboard.templates.rows import is_move
from servers.errors import InvalidError, UnavailableError
from servers.models import Template
from servers.operations.places import RefusedPlaceError, check_places
from servers.operations.templates import (
    delete_template,
    explain_template_kept,
    save_template,
)
from servers.operations.trial import try_template


class _Edit(Edit):
    """What creating and changing share."""

    template_name = "templates/edit.html"
    form_class = TemplateForm
    is_kept = False
    page = "template"
    listing = "templates"

    def get_form_kwargs(self) -> dict[str, Any]:
        """Pass the template to the form."""
        return super().get_form_kwargs() | {"template": self.find_current()}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Save the template, or change its blocks, which saves nothing."""
        if not is_move(request.POST):
            return super().post(request, *args, **kwargs)
        kwargs = self.get_form_kwargs()
        known = {name: kwargs.get(name) for name in ("template", "source")}
        form = TemplateForm.move(request.POST, **known)
        return self.render_to_response(self.get_context_data(form=form))

    def form_valid(self, form: TemplateForm) -> HttpResponse:
        """Check with the cloud first, outside of any transaction, then save."""
        if not form.cleaned_data.get("unchecked"):
            try:
                check_places(
                    form.to_template(self.find_current()),
                    form.list_placements(),
                    before=self.find_current(),
                    entered=form.list_entered(),
                )
            except (RefusedPlaceError, UnavailableError) as error:
                form.offer_unchecked(error.message)
                return self.form_invalid(form)
            except InvalidError as error:
                self.refuse(form, error)
                return self.form_invalid(form)
        return super().form_valid(form)

    def save(self, form: TemplateForm, current: Template | None) -> Template:
        """Save the template and its next version."""
        template = form.to_template(current)
        save_template(
            template,
            form.list_placements(),
            entered=form.list_entered(),
        )
        return template


class NewTemplate(_Edit):
    """Create a template, in the account or as a clone of the template in the URL."""

    permission_required = "servers.add_template"

    def find_current(self) -> None:
        """Return None: there is no template yet."""
        return

    def get_form_kwargs(self) -> dict[str, Any]:
        """Pass the template to clone, or the account to preselect, to the form."""
        account = self.request.GET.get("account", "")
        source = self.request.GET.get("from", "")
        return super().get_form_kwargs() | {
            "source": find_template(source) if source else None,
            "account": by_name(reach_accounts(), account).first(),
        }

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add the title, the way back, and whether there is an account."""
        source = self.request.GET.get("from", "")
        return super().get_context_data(**context) | {
            "title": f"Clone {source}" if source else "New template",
            "back": reverse("templates"),
            "has_accounts": reach_accounts().exists(),
        }


class EditTemplate(_Edit):
    """Change a template."""

    permission_required = "servers.change_template"

    def find_current(self) -> Template:
        """Return the template as it is now."""
        return find_template(self.kwargs["name"])

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add the title and the way back."""
        name = self.kwargs["name"]
        return super().get_context_data(**context) | {
            "title": f"Edit {name}",
            "back": reverse("template", args=[name]),
            "has_accounts": True,
        }


class _Act(Act):
    """One action on one template."""

    permission_required = "servers.change_template"
    page = "template"
    find = staticmethod(find_template)


class TryTemplate(_Act):
    """Create one server that is terminated automatically."""

    permission_required = ("servers.change_template", "servers.add_server")  # type: ignore[assignment]

    def find_after(self) -> str:
        """Return the page of the trial run."""
        return reverse("trial", kwargs=self.kwargs)

    def act(self) -> str:
        """Start a trial run; show the current one if one is in progress."""
        try_template(self.row)
        return ""


class DefaultTemplate(_Act):
    """Set a template as the default, which is used when a request names none."""

    def act(self) -> str:
        """Set the default."""
        with transaction.atomic():
            current = lock_row(self.row)
            if current.is_default:
                said = f"{current.name} is already the default template."
                messages.info(self.request, said)
                return ""
            current.is_default = True
            save_template(current)
        return f"{current.name} is now the default template."


class DeleteTemplate(Delete):
    """Delete a template."""

    permission_required = "servers.delete_template"
    page = "template"
    listing = "templates"
    find = staticmethod(find_template)
    kept = staticmethod(explain_template_kept)
    delete = staticmethod(delete_template)

    def explain_cost(self) -> str:
        """Return what is lost with the template."""
        if self.row.is_default:
            return (
                "It is the default template. Without a default, each request must name "
                "a template. The history keeps its name."
            )
        return "The history keeps its name."
