"""All URLs: the API's paths have no trailing slash, the pages' have one."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("servers.api.urls")),
    path("admin/", admin.site.urls),
    path("", include("servers.dashboard.urls")),
]

handler400 = "servers.dashboard.errors.bad_request"
handler403 = "servers.dashboard.errors.permission_denied"
handler404 = "servers.dashboard.errors.page_not_found"
handler500 = "servers.dashboard.errors.server_error"
