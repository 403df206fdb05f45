"""A jump of time: everything that was written down becomes older.

The database's clock is the only one that counts, and it can't be turned. So all times
in it, and in the worlds of the sandbox, are moved into the past: to every comparison
that is the same as a clock that has moved on.
"""

from datetime import timedelta

from django.apps import apps
from django.db import connection, transaction
from django.db.models import DateTimeField, F, Model

from servers.clouds.sandbox.world import World

WORLD_TIMES = (
    "sent_at",
    "made_at",
    "visible_at",
    "active_at",
    "failed_at",
    "stopped_at",
    "deleting_at",
    "gone_at",
    "forgotten_at",
)


def jump(seconds: float, *worlds: World) -> None:
    """Let ``seconds`` pass at once, for the database and for ``worlds``."""
    passed = timedelta(seconds=seconds)
    with transaction.atomic():
        for model in apps.get_app_config("servers").get_models():
            times = [
                field.name
                for field in model._meta.fields
                if isinstance(field, DateTimeField)
            ]
            if times:
                model._default_manager.update(
                    **{name: F(name) - passed for name in times}
                )
    for world in worlds:
        moved = ", ".join(f"{name} = {name} - :passed" for name in WORLD_TIMES)
        with world.writing() as file:
            file.execute(f"UPDATE instances SET {moved}", {"passed": seconds})
            file.execute("UPDATE calls SET at = at - ?", (seconds,))


def wipe() -> None:
    """Delete every row of ours, whatever the models would say to it."""
    tables = [model._meta.db_table for model in _by_dependence()]
    with transaction.atomic(), connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"DELETE FROM {table}")


def _by_dependence() -> list[type[Model]]:
    """Return the models, those that point at others first."""
    left = list(apps.get_app_config("servers").get_models())
    found: list[type[Model]] = []
    while left:
        pointed_at = {
            field.related_model
            for model in left
            for field in model._meta.fields
            if field.is_relation and field.related_model is not model
        }
        free = [model for model in left if model not in pointed_at]
        found += free
        left = [model for model in left if model not in free]
    return found
