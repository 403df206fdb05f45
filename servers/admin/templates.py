"""Templates: a form for the operation. The user data is write-only."""

from copy import copy
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest

from servers.admin.base import Listed, run_for_each
from servers.errors import FleetError, UnavailableError
from servers.models import Template, TemplateVersion
from servers.models.multiline import Multiline
from servers.operations import (
    RefusedPlaceError,
    check_places,
    save_template,
    try_template,
)
from servers.operations.setup import (
    check_candidates,
    check_template_labels,
    check_template_options,
)

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Any]
    _TabularInline = admin.TabularInline[Any, Any]
else:
    _ModelForm = forms.ModelForm
    _TabularInline = admin.TabularInline


class TemplateForm(_ModelForm):
    """A template. The user data is write-only because it often contains secrets."""

    new_user_data = forms.CharField(
        label="User data",
        required=False,
        max_length=64 * 1024,
        strip=False,
        widget=Multiline(attrs={"rows": 8}),
        help_text="Runs on the instance at first boot. Leave empty to keep the stored "
        "data, which is never shown.",
    )
    unchecked = forms.BooleanField(
        label="Save without checking with the cloud",
        required=False,
        help_text="Otherwise the cloud is asked first whether it has the image and "
        "the sizes.",
    )
    # What the cloud said before the save began.
    refusal: ClassVar[str] = ""

    class Meta:
        model = Template
        fields = (
            "name",
            "account",
            "region",
            "image",
            "size",
            "capacity",
            "new_user_data",
            "ssh_key",
            "labels",
            "options",
            "readiness",
            "readiness_port",
            "ttl",
            "price_per_hour",
            "name_prefix",
            "overrides",
            "candidates",
            "max_servers",
            "is_default",
            "unchecked",
        )

    def clean(self) -> dict[str, Any]:
        """Check options, labels and fallbacks as the operation does."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return data
        if message := check_candidates(data["candidates"]):
            self.add_error("candidates", message)
            return data
        self.instance.account = data["account"]
        self.instance.options = data["options"]
        self.instance.labels = data["labels"]
        self.instance.candidates = data["candidates"]
        for message in check_template_options(self.instance):
            self.add_error("options", message)
        if message := check_template_labels(self.instance):
            self.add_error("labels", message)
        if self.refusal:
            self.add_error(None, self.refusal)
        return data


class _VersionInline(_TabularInline):
    """The versions, newest first."""

    template = "admin/shown_inline.html"
    model = TemplateVersion
    fields = readonly_fields = (
        "number",
        "account",
        "region",
        "image",
        "size",
        "actor",
        "created_at",
    )
    extra = 0
    max_num = 0
    can_delete = False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: versions never change."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Load the accounts in the same query."""
        return super().get_queryset(request).select_related("account")


@admin.register(Template)
class TemplateAdmin(Listed):
    """The templates; each save writes a version."""

    form = TemplateForm
    list_display = ("name", "account", "image", "size", "version", "is_default")
    list_filter = ("account", "is_default")
    search_fields = ("name", "image", "size")
    list_select_related = ("account",)
    inlines = (_VersionInline,)
    actions = ("try_them", "make_default")

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Ask the cloud first, because Django saves inside a transaction."""
        if request.method == "POST":
            request.refusal = self._ask_cloud(request, object_id)  # type: ignore[attr-defined]
        return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Pass on what the cloud said. Each call returns a class of its own."""
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.refusal = getattr(request, "refusal", "")
        return form

    def _ask_cloud(self, request: HttpRequest, object_id: str | None) -> str:
        """Return why the cloud refuses what was sent or did not confirm it, or ""."""
        before = self.get_object(request, unquote(object_id)) if object_id else None
        if object_id:
            can = before is not None and self.has_change_permission(request, before)
        else:
            can = self.has_add_permission(request)
        if not can:
            return ""
        form = self.get_form(request, before)(request.POST, instance=copy(before))
        if not form.is_valid() or form.cleaned_data["unchecked"]:
            return ""
        user_data = form.cleaned_data["new_user_data"] or None
        try:
            check_places(form.instance, before=before, user_data=user_data)
        except (RefusedPlaceError, UnavailableError) as error:
            return error.message
        except FleetError:  # the save raises the same, at its place
            return ""
        return ""

    @admin.action(
        description="Try templates (servers are terminated automatically)",
        permissions=["change"],
    )
    def try_them(self, request: HttpRequest, templates: QuerySet[Template]) -> None:
        """Start a trial run of each template."""
        run_for_each(self, request, templates, try_template, done="Trial run started")

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
        """Save with the operation."""
        save_template(obj, user_data=form.cleaned_data["new_user_data"] or None)
