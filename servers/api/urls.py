"""The API's paths. None has a trailing slash. A name can contain any character."""

from typing import Any, Final

from django.urls import URLPattern, path, re_path
from rest_framework.viewsets import ViewSet

from servers.api import callback, details, fleet, hooks, setup, system
from servers.api.catalogue import CatalogueView
from servers.api.costs import CostsView
from servers.api.demand import DemandViewSet
from servers.api.leaks import LeakViewSet
from servers.api.pools import PoolViewSet, QueueViewSet
from servers.api.schema.views import Docs, SchemaView
from servers.api.servers import ServerViewSet

_ONE: Final[dict[str, Any]] = {
    "get": "retrieve",
    "patch": "partial_update",
    "delete": "destroy",
}


def _routes(
    name: str, view: type[ViewSet], acts: dict[str, dict[str, Any]]
) -> list[URLPattern]:
    """Return the paths of a collection, its items, and the actions on an item."""
    one = rf"\Aapi/{name}/(?P<name>[\s\S]+)"
    methods = {method: act for method, act in _ONE.items() if hasattr(view, act)}
    return [
        path(f"api/{name}", view.as_view({"get": "list", "post": "create"})),
        *(
            re_path(rf"{one}/{act}\Z", view.as_view(doing))
            for act, doing in acts.items()
        ),
        re_path(rf"{one}\Z", view.as_view(methods)),
    ]


urlpatterns = [
    # First, because they are requested most.
    path("api/servers", ServerViewSet.as_view({"get": "list", "post": "create"})),
    *(
        re_path(
            rf"\Aapi/servers/(?P<name>[\s\S]+)/{part}\Z",
            details.ServerDetails.as_view({"get": part}),
        )
        for part in ("why", "details", "costs", "events", "attempts", "log")
    ),
    re_path(
        r"\Aapi/servers/(?P<name>[\s\S]+)/connect\Z",
        details.Connect.as_view({"get": "connect"}),
    ),
    *(
        re_path(
            rf"\Aapi/servers/(?P<name>[\s\S]+)/{act}\Z",
            ServerViewSet.as_view({"post": act}),
        )
        for act in ("retry", "cordon", "uncordon")
    ),
    re_path(
        r"\Aapi/servers/(?P<name>[\s\S]+)\Z",
        ServerViewSet.as_view(_ONE),
    ),
    path("api/callback/boot", callback.BootReport.as_view()),
    path("api/callback/heartbeat", callback.Heartbeat.as_view()),
    re_path(r"\Aapi/hooks/(?P<name>[\s\S]+)\Z", hooks.HookView.as_view()),
    path("healthz", system.Health.as_view()),
    path("varz", system.Varz.as_view()),
    path("version", system.Version.as_view()),
    path("metrics", system.metrics),
    path("api/schema", SchemaView.as_view(), name="api-schema"),
    path("api/docs", Docs.as_view(), name="api-docs"),
    path("api/pause", system.PauseViewSet.as_view({"post": "pause"})),
    path("api/resume", system.PauseViewSet.as_view({"post": "resume"})),
    path("api/me", system.Me.as_view()),
    path("api/events", details.Events.as_view()),
    path("api/fleet", fleet.FleetView.as_view()),
    path("api/costs", CostsView.as_view()),
    *_routes("tokens", fleet.TokenViewSet, {}),
    *_routes(
        "templates",
        setup.TemplateViewSet,
        {"try": {"post": "begin_try", "get": "show_try"}},
    ),
    re_path(
        r"\Aapi/accounts/(?P<name>[\s\S]+)/catalogue\Z",
        CatalogueView.as_view({"get": "show", "post": "refresh"}),
    ),
    *_routes(
        "accounts",
        setup.AccountViewSet,
        {"test": {"post": "test"}, "close-breaker": {"post": "close"}},
    ),
    *_routes(
        "queues",
        QueueViewSet,
        {
            "test": {"post": "test"},
            "hook": {"post": "create_hook", "delete": "delete_hook"},
        },
    ),
    re_path(
        r"\Aapi/pools/(?P<name>[\s\S]+)/demand\Z",
        DemandViewSet.as_view({"put": "push"}),
    ),
    *_routes(
        "pools",
        PoolViewSet,
        {name: {"get": name} for name in ("plans", "policies", "replay")},
    ),
    path("api/leaks", LeakViewSet.as_view({"get": "show"})),
    path("api/leaks/<int:pk>/adopt", LeakViewSet.as_view({"post": "adopt"})),
    path(
        "api/leaks/leftovers/<int:pk>/delete",
        LeakViewSet.as_view({"post": "delete_leftover"}),
    ),
    path("api/leaks/destroy-held", LeakViewSet.as_view({"post": "destroy_held"})),
    path("api/leaks/<int:pk>/destroy", LeakViewSet.as_view({"post": "destroy"})),
]
