"""The Django admin: every model, without secrets. Changes go through operations."""

from django.contrib import admin

from servers.admin import (  # noqa: F401 - each registers
    accounts,
    fleet,
    history,
    people,
    pools,
    servers,
    templates,
)

admin.site.site_header = "ServerFleet"
admin.site.site_title = "ServerFleet"
admin.site.index_title = "Fleet"
