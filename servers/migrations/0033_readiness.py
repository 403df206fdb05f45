"""The kind of readiness that was called none is called what it waits for: an address."""

from django.db import migrations, models

import servers.machine.readiness


def rename(old, new):
    def copy_data(apps, schema_editor):
        for name in ("Template", "TemplateVersion"):
            rows = apps.get_model("servers", name).objects.filter(readiness=old)
            rows.update(readiness=new)

    return copy_data


class Migration(migrations.Migration):

    dependencies = [("servers", "0032_wrong_clock")]

    operations = [
        migrations.RunPython(rename("none", "address"), rename("address", "none")),
        *(
            migrations.AlterField(
                model,
                "readiness",
                models.CharField(
                    choices=servers.machine.readiness.list_readiness,
                    default="address",
                    max_length=16,
                ),
            )
            for model in ("template", "templateversion")
        ),
        migrations.AlterField(
            "server",
            "want",
            models.CharField(
                choices=[("run", "run"), ("gone", "gone"), ("now", "now")],
                default="run",
                max_length=8,
            ),
        ),
    ]
