"""Templates: a form for the operation. The user data is write-only."""

import math
from copy import copy
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest

from servers.access.reach import reach_templates
from servers.admin.base import (
    Listed,
    ShownInline,
    act_on_each,
    add_errors,
    run_for_each,
)
from servers.admin.template_form import FIELDSETS, STALE, TemplateForm
from servers.errors import ConflictError, FleetError, InvalidError
from servers.models import Template, TemplatePlacement, TemplateVersion
from servers.models.placement import PLACEMENT_FIELDS
from servers.operations.places import check_places
from servers.operations.templates import (
    MAX_PLACEMENTS,
    check_placement,
    check_template,
    save_template,
)
from servers.operations.trial import try_template


class _PlacementForm(forms.ModelForm):  # type: ignore[type-arg]
    """A placement, checked as the operation does."""

    # Not the column, whose values are unique, so two rows could not be swapped.
    order = forms.IntegerField(
        min_value=1,
        max_value=1000,
        required=False,
        help_text="Placements are tried from 1 on. Leave empty to be the last.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["order"].initial = self.instance.position + 1

    def clean(self) -> dict[str, Any]:
        """Show what is wrong at its field."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        values = {name: data[name] for name in PLACEMENT_FIELDS if name in data}
        if len(values) < len(PLACEMENT_FIELDS):
            return data
        try:
            check_placement(TemplatePlacement(**values))
        except InvalidError as error:
            add_errors(self, error)
        return data


class _PlacementInline(admin.StackedInline):  # type: ignore[type-arg]
    """The placements, in the order tried."""

    model = TemplatePlacement
    form = _PlacementForm
    verbose_name = "placement"
    fields = ("order", *PLACEMENT_FIELDS)
    extra = 0
    min_num = 1
    max_num = MAX_PLACEMENTS
    formfield_overrides = Listed.formfield_overrides

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the template can be changed."""
        return self.has_change_permission(request, obj)


class _VersionInline(ShownInline):
    """The versions, newest first."""

    model = TemplateVersion
    fields = readonly_fields = (
        "number",
        "placed",
        "actor",
        "created_at",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Load all placements in one query."""
        return super().get_queryset(request).prefetch_related("placements")

    @admin.display(description="placements")
    def placed(self, version: TemplateVersion) -> str:
        """Return the placements with their images."""
        rows = version.placements.all()
        return "; ".join(f"{row}, {row.image}" for row in rows)


@admin.register(Template)
class TemplateAdmin(Listed):
    """The templates; each save writes a version."""

    form = TemplateForm
    fieldsets = FIELDSETS
    list_display = ("name", "first", "version", "is_default")
    list_filter = ("placements__account", "is_default")
    search_fields = ("name", "placements__image", "placements__size")
    inlines = (_PlacementInline, _VersionInline)
    actions = ("try_them", "make_default")
    try_them = act_on_each(
        "Try templates (servers are terminated automatically)",
        try_template,
        done="Trial run started",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Load all placements in one query."""
        return super().get_queryset(request).prefetch_related("placements")

    @admin.display(description="first placement")
    def first(self, template: Template) -> str:
        """Return the first placement with its image."""
        # None: the template was deleted after the list was read.
        placement = next(iter(template.placements.all()), None)
        return f"{placement}, {placement.image}" if placement else ""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """Ask the cloud first, because Django saves inside a transaction."""
        if request.method == "POST":
            request.refusal = self._ask_cloud(request, object_id)  # type: ignore[attr-defined]
        return super().changeform_view(request, object_id, *args, **kwargs)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Pass on what the cloud said. Each call returns a class of its own."""
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.refusal = getattr(request, "refusal", None)
        return form

    def _ask_cloud(
        self, request: HttpRequest, object_id: str | None
    ) -> FleetError | None:
        """Return why the cloud refuses what was sent or did not confirm it."""
        before = self.get_object(request, unquote(object_id)) if object_id else None
        if object_id:
            can = before is not None and self.has_change_permission(request, before)
        else:
            can = self.has_add_permission(request)
        if not can:
            return None
        form = self.get_form(request, before)(request.POST, instance=copy(before))
        # The first inline is that of the placements.
        kind, inline = next(iter(self.get_formsets_with_inlines(request, before)))
        prefix = kind.get_default_prefix()
        given = self.get_formset_kwargs(request, form.instance, inline, prefix)
        formset = kind(**given)
        if not (form.is_valid() and formset.is_valid()):
            return None
        placements = _read_placements(formset)
        entered = form.list_entered()
        try:
            check_template(form.instance, placements)
            if not form.cleaned_data["unchecked"]:
                check_places(form.instance, placements, before=before, entered=entered)
        except FleetError as error:
            return error
        return None

    @admin.action(description="Set as default", permissions=["change"])
    def make_default(self, request: HttpRequest, templates: QuerySet[Template]) -> None:
        """Set the selected template as the default."""
        if len(templates) != 1:
            self.message_user(request, "Select exactly one template.", messages.ERROR)
            return
        for template in templates:
            template.is_default = True
        run_for_each(self, request, templates, save_template, done="Default template")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: delete it on its page, which says whether servers need it."""
        return False

    def save_model(
        self, request: HttpRequest, obj: Template, form: Any, change: bool
    ) -> None:
        """Save nothing yet: the operation saves the placements too."""

    def save_related(
        self, request: HttpRequest, form: Any, formsets: Any, change: bool
    ) -> None:
        """Save with the operation."""
        rows = (
            reach_templates().select_for_update(no_key=True).filter(pk=form.instance.pk)
        )
        if change and rows.get().version != form.cleaned_data["seen"]:
            raise ConflictError(STALE)  # saved since the form was checked
        for formset in formsets:
            formset.save(commit=False)  # notes what changed, for the admin's log
        save_template(
            form.instance,
            _read_placements(formsets[0]),
            entered=form.list_entered(),
        )


def _read_placements(formset: Any) -> list[TemplatePlacement]:
    """Return the placements of a valid formset in order, unsaved."""
    kept = [
        form
        for form in formset.forms
        if form not in formset.deleted_forms
        and (form.instance.pk or form.has_changed())
    ]
    kept.sort(key=lambda form: form.cleaned_data["order"] or math.inf)
    return [form.instance for form in kept]
