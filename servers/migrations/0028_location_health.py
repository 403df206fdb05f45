"""Each location has its own health: until now the last one listed spoke for all."""

from django.db import migrations, models

OLD = ("health", "health_note", "health_since")


def copy_health(apps, schema_editor):
    for scope in apps.get_model("servers", "Scope").objects.select_related("account"):
        if scope.failures:
            refused = scope.account.health == "refused"
            scope.health = "refused" if refused else "failing"
        elif scope.compared_at is not None:
            scope.health = "ok"
        scope.health_since = scope.account.health_since
        scope.save(update_fields=["health", "health_since"])


def drop_triggers(apps, schema_editor):
    """SQLite drops no column that a trigger names. `migrate` makes them anew."""
    if schema_editor.connection.vendor != "sqlite":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' "
            "AND tbl_name = 'servers_account' AND name LIKE 'stamp_%%'"
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f'DROP TRIGGER "{name}"')


class Migration(migrations.Migration):

    dependencies = [
        ('servers', '0027_one_row_each'),
    ]

    operations = [
        migrations.AddField(
            model_name='fleet',
            name='purge_fence',
            field=models.PositiveBigIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name='fleet',
            name='purge_lease_until',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='scope',
            name='health',
            field=models.CharField(choices=[('unknown', 'Unknown'), ('ok', 'Ok'), ('failing', 'Failing'), ('refused', 'credentials refused')], default='unknown', max_length=16),
        ),
        migrations.AddField(
            model_name='scope',
            name='health_since',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.RunPython(copy_health, migrations.RunPython.noop),
        migrations.RunPython(drop_triggers, migrations.RunPython.noop),
        *(migrations.RemoveField(model_name='account', name=name) for name in OLD),
    ]
