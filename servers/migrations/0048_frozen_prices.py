"""Freeze the price of attempts from before, as the pages showed it until now."""

from typing import Any

from django.db import migrations
from django.db.models import OuterRef, Subquery


def freeze_prices(apps: Any, schema_editor: Any) -> None:
    """Give each attempt the price of its placement, where that is the same place."""
    alias = schema_editor.connection.alias
    placements = apps.get_model("servers", "VersionPlacement").objects.using(alias)
    attempts = apps.get_model("servers", "Attempt").objects.using(alias)
    same = placements.filter(
        version=OuterRef("recipe"),
        position=OuterRef("placement"),
        account=OuterRef("account"),
        region=OuterRef("region"),
        size=OuterRef("size"),
    )
    attempts.filter(recipe__isnull=False).update(
        price_per_hour=Subquery(same.values("price_per_hour")[:1])
    )


class Migration(migrations.Migration):
    dependencies = [("servers", "0047_costs")]
    operations = [
        migrations.RunPython(freeze_prices, migrations.RunPython.noop, elidable=True)
    ]
