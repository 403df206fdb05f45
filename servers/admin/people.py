"""People and groups. Only superusers see them: changing them can give any right."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django.urls import reverse

from servers.admin.filters import BoundedPaginator

if TYPE_CHECKING:
    _UserAdmin = UserAdmin[User]
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _UserAdmin = UserAdmin
    _ModelAdmin = admin.ModelAdmin

admin.site.unregister([User, Group])


class _ForSuperusers(_ModelAdmin):
    def has_module_permission(self, request: HttpRequest) -> bool:
        """Allow only superusers."""
        return _is_superuser(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow only superusers."""
        return _is_superuser(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Allow only superusers."""
        return _is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow only superusers."""
        return _is_superuser(request)


@admin.register(User)
class PersonAdmin(_ForSuperusers, _UserAdmin):
    """People. Deactivate and delete them on their own page, which lists what ends."""

    paginator = BoundedPaginator
    show_full_result_count = False
    readonly_fields = ("is_active", "last_login", "date_joined")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: people are deleted on their own page."""
        return False

    def view_on_site(self, obj: Any) -> str:
        """Return the person's own page."""
        return reverse("person", args=[obj.pk])


@admin.register(Group)
class RoleAdmin(_ForSuperusers, GroupAdmin):
    """The roles, and your own groups. With view_secrets, a group can read keys."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow only superusers."""
        return _is_superuser(request)


def _is_superuser(request: HttpRequest) -> bool:
    return bool(request.user.is_active and request.user.is_superuser)
