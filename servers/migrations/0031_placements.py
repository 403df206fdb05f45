"""Where a template creates servers becomes rows: its own location and its fallbacks."""

import django.db.models.deletion
from django.db import migrations, models

COPIED = ("image", "ssh_key", "price_per_hour")
MOVED = ("account", "region", "image", "size", "ssh_key", "options", "price_per_hour",
         "candidates")  # fmt: skip


def drop_triggers(apps, schema_editor):
    """On SQLite, a column that triggers name can't be dropped. They are made anew."""
    if schema_editor.connection.vendor != "sqlite":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in cursor.fetchall():
            cursor.execute(f'DROP TRIGGER "{name}"')


def copy_data(apps, schema_editor):
    accounts = {row.name: row for row in apps.get_model("servers", "Account").objects.all()}
    for owner, model in (("template", "Template"), ("version", "TemplateVersion")):
        rows = apps.get_model("servers", model).objects.select_related("account")
        placement = apps.get_model("servers", f"{owner.title()}Placement")
        for recipe in rows.defer("user_data").iterator(500):
            placement.objects.bulk_create(
                placement(**{owner: recipe}, **values)
                for values in list_placements(recipe, accounts)
            )
    copy_choices(apps.get_model("servers", "Server"))
    if schema_editor.connection.vendor == "postgresql":
        # Otherwise the tables can't be altered in this transaction.
        schema_editor.connection.check_constraints()


def list_placements(recipe, accounts):
    """Yield the placements of a recipe. A fallback of an unknown account is left out."""
    same = {name: getattr(recipe, name) for name in COPIED}
    yield {
        "position": 0,
        "account": recipe.account,
        "region": recipe.region,
        "size": recipe.size,
        "options": recipe.options,
        **same,
    }
    for position, entry in enumerate(recipe.candidates or (), start=1):
        if not isinstance(entry, dict):
            continue  # It could never be tried.
        account = accounts.get(entry.get("account") or recipe.account.name)
        if account is None:
            continue
        own = account.pk == recipe.account_id
        yield {
            # Attempts refer to it, so it stays the same if one before was left out.
            "position": position,
            "account": account,
            "region": entry.get("region") or (recipe.region if own else account.region),
            "size": entry.get("size") or recipe.size,
            "options": recipe.options if account.kind == recipe.account.kind else {},
            **same,
        }


def copy_choices(servers):
    """Keep of what each server was requested with only what differs from its recipe."""
    rows = servers.objects.order_by().values_list(
        "pk", "image", "first_region", "first_size",
        "recipe__image", "recipe__region", "recipe__size",
    )  # fmt: skip
    for pk, *both in rows.iterator(500):
        given, own = both[:3], both[3:]
        wanted = {
            f"wanted_{name}": value
            for name, value, usual in zip(("image", "region", "size"), given, own)
            if value and value != usual
        }
        if wanted:
            servers.objects.filter(pk=pk).update(**wanted)


def placement_fields(owner, model):
    return [
        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
        ("position", models.PositiveSmallIntegerField(default=0)),
        ("region", models.CharField(blank=True, default="", max_length=100)),
        ("image", models.CharField(max_length=255)),
        ("size", models.CharField(max_length=255)),
        ("ssh_key", models.CharField(blank=True, default="", max_length=255, verbose_name="SSH key")),
        ("options", models.JSONField(blank=True, default=dict)),
        ("spot", models.BooleanField(default=False)),
        ("price_per_hour", models.DecimalField(blank=True, decimal_places=4, max_digits=10, null=True)),
        ("account", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="servers.account")),
        (owner, models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="placements", to=model)),
    ]  # fmt: skip


class Migration(migrations.Migration):

    dependencies = [("servers", "0030_locations")]

    operations = [
        migrations.RunPython(drop_triggers, drop_triggers),
        migrations.CreateModel(
            name="TemplatePlacement",
            fields=placement_fields("template", "servers.template"),
            options={"ordering": ["position"]},
        ),
        migrations.CreateModel(
            name="VersionPlacement",
            fields=placement_fields("version", "servers.templateversion"),
            options={"ordering": ["position"]},
        ),
        migrations.AddConstraint(
            model_name="templateplacement",
            constraint=models.UniqueConstraint(
                fields=("template", "position"), name="one_template_placement"
            ),
        ),
        migrations.AddConstraint(
            model_name="versionplacement",
            constraint=models.UniqueConstraint(
                fields=("version", "position"), name="one_version_placement"
            ),
        ),
        migrations.CreateModel(
            name="NoCapacity",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("region", models.CharField(blank=True, default="", max_length=100)),
                ("size", models.CharField(max_length=255)),
                ("seen_at", models.DateTimeField()),
                ("until", models.DateTimeField(db_index=True)),
                ("account", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="servers.account")),
            ],
            options={"verbose_name_plural": "no capacity"},
        ),
        migrations.AddConstraint(
            model_name="nocapacity",
            constraint=models.UniqueConstraint(
                fields=("account", "region", "size"), name="one_row_per_size"
            ),
        ),
        migrations.RenameField("server", "candidate", "placement"),
        migrations.RenameField("attempt", "candidate", "placement"),
        *(
            migrations.AddField(
                "server",
                f"wanted_{name}",
                models.CharField(blank=True, default="", max_length=length),
            )
            for name, length in (("image", 255), ("region", 100), ("size", 255))
        ),
        migrations.RunPython(copy_data, migrations.RunPython.noop),
        migrations.RemoveField("server", "first_region"),
        migrations.RemoveField("server", "first_size"),
        *(
            migrations.RemoveField(model, name)
            for model in ("template", "templateversion")
            for name in MOVED
        ),
    ]
