"""A jump in time: everything recorded becomes older.

Only the database's clock counts, and it can't be set. So all times in the database and
in the sandbox's worlds are moved into the past. For every comparison, this is the same
as a clock that moved forward.
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
    "moved_at",
    "off_until",
    "failed_at",
    "stopped_at",
    "deleting_at",
    "gone_at",
    "forgotten_at",
)


def jump(seconds: float, *worlds: World) -> None:
    """Make ``seconds`` pass at once, in the database and in ``worlds``."""
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
    """Delete all our rows, even if the models would refuse."""
    tables = [model._meta.db_table for model in _by_dependence()]
    with transaction.atomic(), connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"DELETE FROM {table}")


def _by_dependence() -> list[type[Model]]:
    """Return the models. Those that refer to others come first."""
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
