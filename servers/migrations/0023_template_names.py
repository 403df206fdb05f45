"""A version keeps its template's name, and outlives it."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("servers", "0022_boot_times_of_old"),
    ]

    operations = [
        migrations.AddField(
            model_name="templateversion",
            name="template_name",
            field=models.CharField(blank=True, default="", max_length=63),
        ),
        migrations.AlterField(
            model_name="templateversion",
            name="template",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="versions",
                to="servers.template",
            ),
        ),
    ]
