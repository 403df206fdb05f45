"""The boots that are in the history already; apart, since triggers wait meanwhile."""

from django.db import migrations
from django.db.models import Exists, OuterRef, Subquery


def fill_in(apps, schema_editor):
    attempts = apps.get_model("servers", "Attempt").objects
    servers = apps.get_model("servers", "Server").objects
    events = apps.get_model("servers", "Event").objects
    made = servers.filter(pk=OuterRef("server_id")).values("recipe_id")
    attempts.filter(server__isnull=False).update(recipe_id=Subquery(made))
    # Of several attempts it was the last before that.
    ready = events.filter(
        server_uid=OuterRef("server_uid"), kind="ready", at__gte=OuterRef("asked_at")
    )
    later = attempts.filter(
        server_uid=OuterRef("server_uid"), number__gt=OuterRef("number")
    )
    rows = attempts.filter(outcome__in=["accepted", "abandoned"]).exclude(token="")
    rows.exclude(pk__in=attempts.filter(Exists(later)).values("pk")).update(
        ready_at=Subquery(ready.order_by("id").values("at")[:1])
    )


class Migration(migrations.Migration):

    dependencies = [
        ("servers", "0021_boot_times"),
    ]

    operations = [
        migrations.RunPython(fill_in, migrations.RunPython.noop),
    ]
