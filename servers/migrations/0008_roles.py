"""The roles: groups with permissions. A viewer looks, an operator also acts on servers,
an admin also on all else. People may make groups of their own beside them."""

from django.db import migrations

VIEWER = [
    f"view_{model}"
    for model in (
        "account", "attempt", "event", "fleet", "instance", "leftover", "listing",
        "scope", "server", "template", "templateversion",
    )
]
OPERATOR = [*VIEWER, "add_server", "change_server"]
ADMIN = [
    *OPERATOR,
    "change_fleet", "change_instance", "change_leftover", "change_scope",
    *(
        f"{verb}_{model}"
        for model in ("account", "template")
        for verb in ("add", "change", "delete")
    ),
    *(f"{verb}_token" for verb in ("view", "add", "change", "delete")),
]
ROLES = {"viewer": VIEWER, "operator": OPERATOR, "admin": ADMIN}


def make_roles(apps, schema_editor, roles=ROLES):
    ContentType = apps.get_model("contenttypes", "ContentType")
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    for name, codenames in roles.items():
        group, _ = Group.objects.get_or_create(name=name)
        rights = []
        for codename in codenames:
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
        # Added, not set: a group of that name that was there keeps what it has.
        group.permissions.add(*rights)


class Migration(migrations.Migration):

    dependencies = [
        ("servers", "0007_stamps"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(make_roles, migrations.RunPython.noop)]
