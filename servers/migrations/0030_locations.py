"""Scopes become locations. Roles keep their permissions, which get the new names."""

from django.db import migrations, models

VERBS = ("add", "change", "delete", "view")


def drop_triggers(apps, schema_editor):
    """On SQLite, a table that triggers name can't be renamed. They are created anew."""
    if schema_editor.connection.vendor != "sqlite":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in cursor.fetchall():
            cursor.execute(f'DROP TRIGGER "{name}"')


def rename_permissions(apps, schema_editor, old="scope", new="location"):
    Permission = apps.get_model("auth", "Permission")
    for verb in VERBS:
        Permission.objects.filter(
            content_type__app_label="servers", codename=f"{verb}_{old}"
        ).update(codename=f"{verb}_{new}", name=f"Can {verb} {new}")


def rename_back(apps, schema_editor):
    rename_permissions(apps, schema_editor, "location", "scope")


class Migration(migrations.Migration):

    dependencies = [
        ("servers", "0029_hot_indices"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.RunPython(drop_triggers, drop_triggers),
        migrations.RunPython(rename_permissions, rename_back),
        migrations.RemoveConstraint("Scope", "one_scope_per_account_and_region"),
        migrations.RenameModel("Scope", "Location"),
        migrations.RemoveIndex("Listing", "listing_by_start"),
        migrations.RenameField("Listing", "scope", "location"),
        migrations.AddIndex(
            "Listing",
            models.Index(fields=["location", "started_at"], name="listing_by_start"),
        ),
        migrations.AlterField(
            "Location",
            "account",
            models.ForeignKey(
                on_delete=models.PROTECT, related_name="locations", to="servers.account"
            ),
        ),
        migrations.AddConstraint(
            "Location",
            models.UniqueConstraint(
                fields=["account", "region"],
                name="one_location_per_account_and_region",
            ),
        ),
    ]
