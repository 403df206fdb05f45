"""A wrong clock is a health of its own: until now the error began with a sentence."""

from django.db import migrations, models

SAID = "This machine's clock is wrong. "
HEALTH = [
    ("unknown", "not listed yet"),
    ("ok", "ok"),
    ("failing", "failing"),
    ("refused", "refused"),
    ("wrong_clock", "wrong clock"),
]


def copy_data(apps, schema_editor):
    failing = apps.get_model("servers", "Location").objects.filter(health="failing")
    for location in failing.filter(error__startswith=SAID):
        location.health = "wrong_clock"
        location.error = location.error.removeprefix(SAID)
        location.save(update_fields=["health", "error"])


class Migration(migrations.Migration):

    dependencies = [("servers", "0031_placements")]

    operations = [
        migrations.AlterField(
            "location",
            "health",
            models.CharField(choices=HEALTH, default="unknown", max_length=16),
        ),
        migrations.RunPython(copy_data, migrations.RunPython.noop),
    ]
