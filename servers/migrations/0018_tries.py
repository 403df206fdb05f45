from django.db import migrations, models


def keep_places(apps, schema_editor):
    """Keep where the servers were asked for that have not been tried yet."""
    fresh = apps.get_model("servers", "Server").objects.filter(attempt_number=0)
    fresh.update(
        first_region=models.F("region"), first_size=models.F("size")
    )


def name_meanings(apps, schema_editor):
    """Say in the new column what the old ones said; the next listing tells the rest."""
    instances = apps.get_model("servers", "Instance").objects
    instances.filter(failed=True).update(meaning="failed")
    instances.filter(live=False).update(meaning="gone")


class Migration(migrations.Migration):

    dependencies = [
        ('servers', '0017_heartbeat_trouble'),
    ]

    operations = [
        migrations.RemoveField(
            model_name='server',
            name='tries',
        ),
        migrations.AddField(
            model_name='account',
            name='breaker_failed_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='instance',
            name='meaning',
            field=models.CharField(default='running', max_length=16),
        ),
        migrations.AddField(
            model_name='server',
            name='first_region',
            field=models.CharField(blank=True, default='', max_length=100),
        ),
        migrations.AddField(
            model_name='server',
            name='first_size',
            field=models.CharField(blank=True, default='', max_length=255),
        ),
        migrations.AddField(
            model_name='server',
            name='pending_left',
            field=models.DurationField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='server',
            name='planned_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='server',
            name='tried_from',
            field=models.PositiveIntegerField(default=0),
        ),
        # Last: PostgreSQL alters no table whose rows were changed in the transaction.
        migrations.RunPython(keep_places, migrations.RunPython.noop, elidable=True),
        migrations.RunPython(name_meanings, migrations.RunPython.noop, elidable=True),
    ]
