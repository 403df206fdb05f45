"""What the roles may do with queues and pools: viewers look, and admins do the rest."""

from django.db import migrations

VIEWED = ("queue", "pool", "poolplan", "pooljob", "poolpolicy")
RIGHTS = {
    "viewer": [f"view_{model}" for model in VIEWED],
    "operator": [f"view_{model}" for model in VIEWED],
    "admin": [
        *(f"view_{model}" for model in VIEWED),
        *(
            f"{verb}_{model}"
            for model in ("queue", "pool")
            for verb in ("add", "change", "delete")
        ),
    ],
}


def add_rights(apps, schema_editor):
    """Add the rights to the groups that are there. They keep what they have."""
    ContentType = apps.get_model("contenttypes", "ContentType")
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    for group in Group.objects.filter(name__in=RIGHTS):
        rights = []
        for codename in RIGHTS[group.name]:
            # Django makes the permissions after all migrations: too late for this one.
            verb, _, model = codename.partition("_")
            kind, _ = ContentType.objects.get_or_create(app_label="servers", model=model)
            words = apps.get_model("servers", model)._meta.verbose_name
            right, _ = Permission.objects.get_or_create(
                content_type=kind,
                codename=codename,
                defaults={"name": f"Can {verb} {words}"},
            )
            rights.append(right)
        group.permissions.add(*rights)


class Migration(migrations.Migration):

    dependencies = [
        ("servers", "0053_pool_pages"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(add_rights, migrations.RunPython.noop)]
