"""Tallies are called what everyone calls them: counters."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("servers", "0035_finishing")]

    operations = [
        migrations.RemoveConstraint("tally", "one_tally_each"),
        migrations.RenameModel("Tally", "Counter"),
        migrations.AlterModelOptions("counter", {}),
        migrations.AddConstraint(
            "counter",
            models.UniqueConstraint(fields=("name", "label"), name="one_counter_each"),
        ),
    ]
