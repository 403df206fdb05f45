"""Every role may look at registrations, as at the attempts that they belong to."""

from django.db import migrations


def add_right(apps, schema_editor):
    """Add the right to the groups that are there. They keep what they have."""
    ContentType = apps.get_model("contenttypes", "ContentType")
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    # Django makes the permissions after all migrations: too late for this one.
    kind, _ = ContentType.objects.get_or_create(app_label="servers", model="registration")
    right, _ = Permission.objects.get_or_create(
        content_type=kind,
        codename="view_registration",
        defaults={"name": "Can view registration"},
    )
    for group in Group.objects.filter(name__in=("viewer", "operator", "admin")):
        group.permissions.add(right)


class Migration(migrations.Migration):

    dependencies = [
        ("servers", "0060_registrations"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(add_right, migrations.RunPython.noop)]
