"""All URLs: the API's paths have no trailing slash, the pages' have one."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from servers.dashboard.people.login import AdminLogIn
from servers.dashboard.shared.pulse import feel_pulse

urlpatterns = [
    path("", include("servers.api.urls")),
    # One log-in, with its limit on failures, for the pages and the admin.
    path("admin/login/", AdminLogIn.as_view()),
    path(
        "admin/password_change/",
        RedirectView.as_view(pattern_name="own-password"),
    ),
    path("admin/", admin.site.urls),
    path("pulse/", feel_pulse, name="pulse"),
    path("", include("servers.dashboard.urls")),
]

handler400 = "serverfleet.web.error_pages.bad_request"
handler403 = "serverfleet.web.error_pages.permission_denied"
handler404 = "serverfleet.web.error_pages.page_not_found"
handler500 = "serverfleet.web.error_pages.server_error"
