"""People and groups. Only superusers see them: changing them can give any right."""

from typing import Any, Final

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from servers.admin.filters import BoundedPaginator
from servers.operations.people import note_person_change

admin.site.unregister([User, Group])

# The fields of a person whose changes are recorded, and how events name them.
_RECORDED: Final = {
    "username": "name",
    "first_name": "first name",
    "last_name": "last name",
    "email": "email",
    "is_staff": "staff",
    "is_superuser": "superuser",
    "groups": "role",
    "user_permissions": "permissions",
}


def _read(value: Any) -> Any:
    """Return a form's value; rows become their names, in order."""
    if isinstance(value, list | QuerySet):
        return sorted(getattr(row, "codename", "") or str(row) for row in value)
    return value


def _is_superuser(_page: Any, request: HttpRequest, obj: Any = None) -> bool:
    return bool(request.user.is_active and request.user.is_superuser)


class _ForSuperusers(admin.ModelAdmin):  # type: ignore[type-arg]
    """Allow only superusers."""

    has_module_permission = _is_superuser
    has_view_permission = _is_superuser
    has_add_permission = _is_superuser
    has_change_permission = _is_superuser


@admin.register(User)
class PersonAdmin(_ForSuperusers, UserAdmin):  # type: ignore[type-arg]
    """People. Deactivate and delete them on their own page, which lists what ends."""

    paginator = BoundedPaginator
    show_full_result_count = False
    readonly_fields = ("is_active", "last_login", "date_joined")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: people are deleted on their own page."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> Any:
        """Save a person, and record what changed. The form knows the old values."""
        super().save_model(request, obj, form, change)
        if change and isinstance(form, self.form):
            names = [name for name in _RECORDED if name in form.changed_data]
            note_person_change(
                obj,
                {_RECORDED[name]: _read(form.initial.get(name)) for name in names},
                {_RECORDED[name]: _read(form.cleaned_data[name]) for name in names},
            )

    def view_on_site(self, obj: Any) -> str:
        """Return the person's own page."""
        return reverse("person", args=[obj.pk])


@admin.register(Group)
class RoleAdmin(_ForSuperusers, GroupAdmin):
    """The roles, and your own groups. With view_secrets, a group can read keys."""

    has_delete_permission = _is_superuser
