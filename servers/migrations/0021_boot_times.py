"""An attempt knows what its server was created from, and when that became ready."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):

    dependencies = [
        ("servers", "0020_options_that_did_nothing"),
    ]

    operations = [
        migrations.AddField(
            model_name="attempt",
            name="recipe",
            field=models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="servers.templateversion",
            ),
        ),
        migrations.AddField(
            model_name="attempt",
            name="ready_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddIndex(
            model_name="attempt",
            index=models.Index(
                condition=Q(ready_at__isnull=False),
                fields=["ready_at"],
                name="attempt_by_boot",
            ),
        ),
    ]
