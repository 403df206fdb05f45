"""Fields that did nothing go; readiness ``docker`` only ever tried the port.

So a template that named it goes on as it did: with ``tcp`` and the same port.
"""

from django.db import migrations, models

TABLES = ("servers_server", "servers_template", "servers_templateversion")
CHOICES = [("none", "an address is enough"), ("tcp", "a port accepts connections (tcp)")]


def drop_triggers(apps, schema_editor):
    """They name the columns. ``migrate`` installs today's at its end."""
    connection = schema_editor.connection
    if connection.vendor == "postgresql":
        find = (
            "SELECT t.tgname, c.relname FROM pg_trigger t "
            "JOIN pg_class c ON c.oid = t.tgrelid "
            "JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE t.tgname LIKE 'stamp_%%' AND n.nspname = current_schema()"
        )
    else:
        find = (
            "SELECT name, tbl_name FROM sqlite_master "
            "WHERE type = 'trigger' AND name LIKE 'stamp_%%'"
        )
    with connection.cursor() as cursor:
        cursor.execute(find.replace("%%", "%"))
        for name, table in cursor.fetchall():
            if table in TABLES:
                on = f' ON "{table}"' if connection.vendor == "postgresql" else ""
                cursor.execute(f'DROP TRIGGER "{name}"{on}')


def name_the_port(apps, schema_editor):
    for model in ("Template", "TemplateVersion"):
        rows = apps.get_model("servers", model).objects.filter(readiness="docker")
        rows.update(readiness="tcp")


class Migration(migrations.Migration):

    dependencies = [
        ("servers", "0019_meanings"),
    ]

    operations = [
        migrations.RunPython(drop_triggers, drop_triggers),
        migrations.RunPython(name_the_port, migrations.RunPython.noop),
        migrations.RemoveField(model_name="server", name="force"),
        *(
            operation
            for model in ("template", "templateversion")
            for operation in (
                migrations.RemoveField(model_name=model, name="agent_image"),
                migrations.RemoveField(model_name=model, name="drain_timeout"),
                migrations.AlterField(
                    model_name=model,
                    name="readiness",
                    field=models.CharField(
                        choices=CHOICES, default="none", max_length=16
                    ),
                ),
            )
        ),
    ]
