"""The API's paths. None has a trailing slash; a name may hold any character."""

from django.urls import path, re_path

from servers.api import details, leaks, system
from servers.api.servers import ServerViewSet

urlpatterns = [
    path("healthz", system.Health.as_view()),
    path("varz", system.Varz.as_view()),
    path("version", system.Version.as_view()),
    path("metrics", system.metrics),
    path("api/pause", system.Pause.as_view()),
    path("api/resume", system.Resume.as_view()),
    path("api/me", system.Me.as_view()),
    path("api/events", details.Events.as_view()),
    path("api/leaks", leaks.Leaks.as_view()),
    path("api/leaks/<int:pk>/adopt", leaks.AdoptStray.as_view()),
    path("api/leaks/leftovers/<int:pk>/delete", leaks.DeleteLeftover.as_view()),
    path("api/leaks/destroy-held", leaks.DestroyHeld.as_view()),
    path("api/leaks/<int:pk>/destroy", leaks.DestroyStray.as_view()),
    path("api/servers", ServerViewSet.as_view({"get": "list", "post": "create"})),
    *(
        re_path(rf"\Aapi/servers/(?P<name>[\s\S]+)/{part}\Z", view.as_view())
        for part, view in (
            ("why", details.Why),
            ("details", details.Details),
            ("events", details.ServerEvents),
            ("attempts", details.ServerAttempts),
        )
    ),
    re_path(
        r"\Aapi/servers/(?P<name>[\s\S]+)/retry\Z",
        ServerViewSet.as_view({"post": "retry"}),
    ),
    re_path(
        r"\Aapi/servers/(?P<name>[\s\S]+)\Z",
        ServerViewSet.as_view(
            {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}
        ),
    ),
]
