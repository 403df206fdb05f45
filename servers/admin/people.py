"""People and groups: for superusers, since who changes them can become one."""

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
        """Superusers alone."""
        return _is_superuser(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The same."""
        return _is_superuser(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """The same."""
        return _is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The same."""
        return _is_superuser(request)


@admin.register(User)
class PersonAdmin(_ForSuperusers, _UserAdmin):
    """People. Deactivating and deleting stand on their page, which lists what ends."""

    paginator = BoundedPaginator
    show_full_result_count = False
    readonly_fields = ("is_active", "last_login", "date_joined")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not here."""
        return False

    def view_on_site(self, obj: Any) -> str:
        """Lead to the page that does."""
        return reverse("person", args=[obj.pk])


@admin.register(Group)
class RoleAdmin(_ForSuperusers, GroupAdmin):
    """The roles, and groups of one's own: with view_secrets one may read keys."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers alone."""
        return _is_superuser(request)


def _is_superuser(request: HttpRequest) -> bool:
    return bool(request.user.is_active and request.user.is_superuser)
