"""All URLs: the API's paths have no trailing slash, the pages' have one."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("servers.api.urls")),
    path("admin/", admin.site.urls),
    path("", include("servers.dashboard.urls")),
]

handler400 = "serverfleet.errorpages.bad_request"
handler403 = "serverfleet.errorpages.permission_denied"
handler404 = "serverfleet.errorpages.page_not_found"
handler500 = "serverfleet.errorpages.server_error"
