"""What two accounts of one identity recorded twice becomes one row, with one owner."""

from django.db import migrations, models

# What of an instance only one of its two rows may know.
EITHER = ("attempt_id", "server_uid", "listed_from", "destroy_asked_at")
CONDEMNED = ("condemned_at", "condemned_for", "next_step_at")


def write_identities(apps, schema_editor):
    for account in apps.get_model("servers", "Account").objects.exclude(identity=""):
        identity = f"{account.kind}:{account.identity}"
        for name in ("Instance", "Leftover"):
            model = apps.get_model("servers", name)
            model.objects.filter(account=account).update(identity=identity)
    fold(apps, "Instance", "instance_id")
    fold(apps, "Leftover", "resource_id")


def fold(apps, name, id_field):
    model = apps.get_model("servers", name)
    attempts = apps.get_model("servers", "Attempt").objects
    doubled = (
        model.objects.filter(identity__isnull=False)
        .order_by()
        .values_list("identity", "region", id_field)
        .annotate(rows=models.Count("pk"))
        .filter(rows__gt=1)
    )
    for identity, region, found, _ in list(doubled):
        rows = list(
            model.objects.select_related("account").filter(
                identity=identity, region=region, **{id_field: found}
            )
        )
        attempt = attempts.filter(key=rows[0].key).first()
        kept = min(rows, key=lambda row: rank(row, attempt))
        for row in rows:
            if row.pk != kept.pk:
                take(kept, row)
                row.delete()
        kept.save()


def rank(row, attempt):
    own = attempt is not None and attempt.account_id == row.account_id
    return (not own, not row.account.enabled, row.account.created_at, row.pk)


def take(kept, row):
    kept.first_seen = min(kept.first_seen, row.first_seen)
    if row.condemned_at is not None and kept.condemned_at is None:
        for name in CONDEMNED:
            if hasattr(row, name):
                setattr(kept, name, getattr(row, name))
    for name in EITHER:
        if hasattr(row, name) and getattr(kept, name) is None:
            setattr(kept, name, getattr(row, name))


class Migration(migrations.Migration):

    dependencies = [
        ('servers', '0025_saved_views'),
    ]

    operations = [
        migrations.AddField(
            model_name='instance',
            name='identity',
            field=models.CharField(blank=True, default=None, max_length=300, null=True),
        ),
        migrations.AddField(
            model_name='leftover',
            name='identity',
            field=models.CharField(blank=True, default=None, max_length=300, null=True),
        ),
        migrations.RunPython(write_identities, migrations.RunPython.noop),
    ]
