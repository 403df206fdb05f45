"""All tables as of migration 0035, for new databases. It replaces those up to there."""

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
import servers.lifecycle.states
import servers.machine.readiness
import servers.models.fields
import uuid
from decimal import Decimal
from importlib import import_module

from django.conf import settings
from django.db import migrations, models


# What the replaced migrations did besides creating tables.
_horizon = import_module("servers.migrations.0010_event_horizon")
_roles = import_module("servers.migrations.0008_roles")
ROLES = {
    role: [("servers", name.replace("_scope", "_location")) for name in names]
    for role, names in _roles.ROLES.items()
}
ROLES["admin"] += [("auth", f"{verb}_user") for verb in ("view", "add", "change", "delete")]


def make_roles(apps, schema_editor):
    """Create the groups viewer, operator and admin with their permissions.

    What is there already stays as it is.
    """
    ContentType = apps.get_model("contenttypes", "ContentType")
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    rights = {
        (app, codename): (app, codename.partition("_")[2])
        for names in ROLES.values()
        for app, codename in names
    }
    ContentType.objects.bulk_create(
        (
            ContentType(app_label=app, model=model)
            for app, model in sorted(set(rights.values()))
        ),
        ignore_conflicts=True,
    )
    kinds = {
        (kind.app_label, kind.model): kind.pk for kind in ContentType.objects.all()
    }
    # Django creates the permissions after all migrations: too late for this one.
    Permission.objects.bulk_create(
        (
            Permission(
                content_type_id=kinds[kind],
                codename=codename,
                name=f"Can {codename.partition('_')[0]} "
                f"{apps.get_model(*kind)._meta.verbose_name}",
            )
            for (_, codename), kind in rights.items()
        ),
        ignore_conflicts=True,
    )
    Group.objects.bulk_create([Group(name=role) for role in ROLES], ignore_conflicts=True)
    groups = dict(Group.objects.values_list("name", "pk"))
    found = {
        (app, codename): pk
        for app, codename, pk in Permission.objects.values_list(
            "content_type__app_label", "codename", "pk"
        )
    }
    held = Group.permissions.through
    held.objects.bulk_create(
        (
            held(group_id=groups[role], permission_id=found[right])
            for role, names in ROLES.items()
            for right in names
        ),
        ignore_conflicts=True,
    )


class Migration(migrations.Migration):

    initial = True

    replaces = [
        ("servers", "0001_initial"),
        ("servers", "0002_lease_holders"),
        ("servers", "0003_tallies"),
        ("servers", "0004_held_orphans"),
        ("servers", "0005_leftovers"),
        ("servers", "0006_idempotency"),
        ("servers", "0007_stamps"),
        ("servers", "0008_roles"),
        ("servers", "0009_sessions"),
        ("servers", "0010_event_horizon"),
        ("servers", "0011_trials"),
        ("servers", "0012_heartbeats"),
        ("servers", "0013_words"),
        ("servers", "0014_overrides"),
        ("servers", "0015_people"),
        ("servers", "0016_one_time_digest"),
        ("servers", "0017_heartbeat_trouble"),
        ("servers", "0018_tries"),
        ("servers", "0019_meanings"),
        ("servers", "0020_options_that_did_nothing"),
        ("servers", "0021_boot_times"),
        ("servers", "0022_boot_times_of_old"),
        ("servers", "0023_template_names"),
        ("servers", "0024_template_names_of_old"),
        ("servers", "0025_saved_views"),
        ("servers", "0026_identities"),
        ("servers", "0027_one_row_each"),
        ("servers", "0028_location_health"),
        ("servers", "0029_hot_indices"),
        ("servers", "0030_locations"),
        ("servers", "0031_placements"),
        ("servers", "0032_wrong_clock"),
        ("servers", "0033_readiness"),
        ("servers", "0034_described_fields"),
        ("servers", "0035_finishing"),
    ]

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('contenttypes', '0002_remove_content_type_name'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Account',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(error_messages={'unique': 'This name is already taken. Choose another name.'}, help_text="Lower-case letters, digits and hyphens. You can't change it later.", max_length=63, unique=True, validators=[django.core.validators.RegexValidator('\\A[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\Z', 'Use 1 to 63 lower-case letters, digits and hyphens, with a letter or digit at each end.')])),
                ('kind', models.CharField(max_length=32)),
                ('credentials', servers.models.fields.EncryptedTextField(blank=True, default='', editable=False)),
                ('endpoint', models.CharField(blank=True, default='', help_text="Leave empty to use the cloud's default.", max_length=500)),
                ('region', models.CharField(blank=True, default='', max_length=100)),
                ('options', models.JSONField(blank=True, default=dict)),
                ('identity', models.CharField(blank=True, default='', max_length=255)),
                ('generation', models.PositiveIntegerField(default=1)),
                ('max_servers', models.PositiveIntegerField(default=20, help_text='Every server counts until it is confirmed gone.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000)], verbose_name='server limit')),
                ('creates_per_minute', models.PositiveIntegerField(default=60, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000)])),
                ('calls_at_once', models.PositiveIntegerField(default=8, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000)], verbose_name='concurrent calls')),
                ('enabled', models.BooleanField(default=True, help_text='When disabled, no new servers are created. Existing servers are still tracked.')),
                ('throttled_until', models.DateTimeField(blank=True, null=True)),
                ('breaker', models.CharField(choices=[('closed', 'Closed'), ('open', 'Open'), ('half-open', 'Half Open')], default='closed', max_length=16)),
                ('breaker_note', models.TextField(blank=True, default='')),
                ('breaker_failures', models.PositiveIntegerField(default=0)),
                ('breaker_until', models.DateTimeField(blank=True, null=True)),
                ('breaker_failed_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='Heartbeat',
            fields=[
                ('name', models.CharField(max_length=100, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('worker', 'Worker'), ('beat', 'Beat')], max_length=16)),
                ('version', models.CharField(blank=True, default='', max_length=63)),
                ('started_at', models.DateTimeField()),
                ('seen_at', models.DateTimeField()),
                ('slot', models.CharField(blank=True, default='', max_length=100)),
                ('trouble', models.CharField(blank=True, default='', max_length=200)),
                ('database_seconds', models.FloatField(default=0.0)),
                ('broker_error', models.CharField(blank=True, default='', max_length=200)),
            ],
            options={
                'ordering': ['kind', 'name'],
            },
        ),
        migrations.CreateModel(
            name='OneTimePassword',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('expires_at', models.DateTimeField()),
                ('password_digest', models.CharField(default='', max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name='Session',
            fields=[
                ('session_data', models.TextField(verbose_name='session data')),
                ('expire_date', models.DateTimeField(db_index=True, verbose_name='expire date')),
                ('session_key', models.CharField(max_length=64, primary_key=True, serialize=False, verbose_name='session key')),
                ('user_id', models.BigIntegerField(db_index=True, editable=False, null=True)),
                ('began_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('seen_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'verbose_name': 'session',
                'verbose_name_plural': 'sessions',
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Stamp',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                ('servers', models.BigIntegerField(default=0)),
                ('pages', models.BigIntegerField(default=0)),
                ('listings', models.BigIntegerField(default=0)),
                ('tokens', models.BigIntegerField(default=0)),
                ('recipes', models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name='Fleet',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                ('fleet_id', models.CharField(max_length=16)),
                ('fingerprint', models.CharField(max_length=255)),
                ('key_check', servers.models.fields.EncryptedTextField(blank=True, default='', editable=False)),
                ('max_servers', models.PositiveIntegerField(blank=True, null=True)),
                ('paused', models.BooleanField(default=False)),
                ('paused_by', models.CharField(blank=True, default='', max_length=150)),
                ('paused_note', models.TextField(blank=True, default='')),
                ('paused_until', models.DateTimeField(blank=True, null=True)),
                ('destroys_frozen', models.BooleanField(default=False)),
                ('destroys_frozen_note', models.TextField(blank=True, default='')),
                ('ticked_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('purge_fence', models.PositiveBigIntegerField(default=0, editable=False)),
                ('purge_lease_until', models.DateTimeField(blank=True, editable=False, null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='one_fleet')],
            },
        ),
        migrations.CreateModel(
            name='IdempotentRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('caller', models.CharField(max_length=150)),
                ('key', models.CharField(max_length=255)),
                ('digest', models.CharField(max_length=64)),
                ('servers', models.JSONField(default=list)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), db_index=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('caller', 'key'), name='one_request_per_idempotency_key')],
            },
        ),
        migrations.CreateModel(
            name='Location',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('region', models.CharField(blank=True, max_length=100)),
                ('fence', models.PositiveBigIntegerField(default=0)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('lease_by', models.CharField(blank=True, default='', max_length=100)),
                ('next_listing_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), db_index=True)),
                ('listed_from', models.DateTimeField(blank=True, null=True)),
                ('compared_at', models.DateTimeField(blank=True, null=True)),
                ('compared_generation', models.PositiveIntegerField(default=0)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('error', models.TextField(blank=True, default='')),
                ('health', models.CharField(choices=[('unknown', 'not listed yet'), ('ok', 'ok'), ('failing', 'failing'), ('refused', 'refused'), ('wrong_clock', 'wrong clock')], default='unknown', max_length=16)),
                ('health_since', models.DateTimeField(blank=True, null=True)),
                ('held', models.PositiveIntegerField(default=0)),
                ('leftovers_at', models.DateTimeField(blank=True, null=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='locations', to='servers.account')),
            ],
        ),
        migrations.CreateModel(
            name='Listing',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('started_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField()),
                ('instances', models.PositiveIntegerField(default=0)),
                ('live', models.PositiveIntegerField(default=0)),
                ('location', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='listings', to='servers.location')),
            ],
        ),
        migrations.CreateModel(
            name='NoCapacity',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('region', models.CharField(blank=True, default='', max_length=100)),
                ('size', models.CharField(max_length=255)),
                ('seen_at', models.DateTimeField()),
                ('until', models.DateTimeField(db_index=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='servers.account')),
            ],
            options={
                'verbose_name_plural': 'no capacity',
            },
        ),
        migrations.CreateModel(
            name='SavedView',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=40)),
                ('query', models.CharField(blank=True, max_length=2000)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='saved_views', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='Server',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('instance_id', models.CharField(blank=True, default='', max_length=255)),
                ('provider', models.CharField(max_length=32)),
                ('state', models.CharField(choices=[('pending', 'pending'), ('creating', 'creating'), ('created', 'created'), ('staging', 'staging'), ('running', 'running'), ('shutdown', 'shutdown'), ('stopping', 'stopping'), ('stopped', 'stopped'), ('error', 'error')], default=servers.lifecycle.states.State['PENDING'], editable=False, max_length=16)),
                ('name', models.CharField(max_length=63, validators=[django.core.validators.RegexValidator('\\A[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\Z', 'Use 1 to 63 lower-case letters, digits and hyphens, with a letter or digit at each end.')])),
                ('image', models.CharField(max_length=255)),
                ('region', models.CharField(blank=True, default='', max_length=100)),
                ('size', models.CharField(max_length=255)),
                ('address', models.CharField(blank=True, default='', max_length=255)),
                ('capacity', models.PositiveIntegerField(validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000)])),
                ('secret', servers.models.fields.EncryptedTextField(blank=True, default='', editable=False)),
                ('error', models.TextField(blank=True, default='')),
                ('ca_key', servers.models.fields.EncryptedTextField(blank=True, default='', editable=False)),
                ('ca_cert', models.TextField(blank=True, default='')),
                ('tls_key', servers.models.fields.EncryptedTextField(blank=True, default='', editable=False)),
                ('tls_cert', models.TextField(blank=True, default='')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('updated_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('stopped_at', models.DateTimeField(blank=True, null=True)),
                ('wanted_image', models.CharField(blank=True, default='', max_length=255)),
                ('wanted_region', models.CharField(blank=True, default='', max_length=100)),
                ('wanted_size', models.CharField(blank=True, default='', max_length=255)),
                ('labels', models.JSONField(blank=True, default=dict)),
                ('ttl', models.PositiveIntegerField(default=0)),
                ('protected', models.BooleanField(default=False)),
                ('trial_until', models.DateTimeField(blank=True, editable=False, null=True)),
                ('created_by', models.CharField(blank=True, default='', max_length=150)),
                ('want', models.CharField(choices=[('run', 'run'), ('gone', 'gone'), ('now', 'now')], default=servers.lifecycle.states.Want['RUN'], max_length=8)),
                ('hidden', models.BooleanField(default=False)),
                ('attempt_number', models.PositiveIntegerField(default=0)),
                ('placement', models.PositiveSmallIntegerField(default=0)),
                ('tried_from', models.PositiveIntegerField(default=0)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('waiting', models.TextField(blank=True, default='')),
                ('state_since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('fence', models.PositiveBigIntegerField(default=0)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('lease_by', models.CharField(blank=True, default='', max_length=100)),
                ('next_step_at', models.DateTimeField(blank=True, null=True)),
                ('deadline_at', models.DateTimeField(blank=True, null=True)),
                ('pending_left', models.DurationField(blank=True, null=True)),
                ('planned_at', models.DateTimeField(blank=True, null=True)),
                ('version', models.BigIntegerField(default=0, editable=False)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='servers', to='servers.account')),
            ],
            options={
                'ordering': ['created_at', 'id'],
                'permissions': [('view_secrets', 'Can read the keys of servers')],
            },
        ),
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('server_uid', models.UUIDField(blank=True, db_index=True, null=True)),
                ('server_name', models.CharField(blank=True, default='', max_length=63)),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), db_index=True)),
                ('kind', models.CharField(max_length=40)),
                ('from_state', models.CharField(blank=True, default='', max_length=16)),
                ('to_state', models.CharField(blank=True, default='', max_length=16)),
                ('reason', models.TextField(blank=True, default='')),
                ('actor', models.CharField(blank=True, default='', max_length=150)),
                ('request_id', models.CharField(blank=True, default='', max_length=128)),
                ('account', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='servers.account')),
                ('server', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='events', to='servers.server')),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.CreateModel(
            name='Tally',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=63)),
                ('label', models.CharField(blank=True, default='', max_length=63)),
                ('value', models.FloatField(default=0)),
            ],
            options={
                'verbose_name_plural': 'tallies',
                'constraints': [models.UniqueConstraint(fields=('name', 'label'), name='one_tally_each')],
            },
        ),
        migrations.CreateModel(
            name='Template',
            fields=[
                ('capacity', models.PositiveIntegerField(default=2, help_text='Number of builds that one server runs at once.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000)])),
                ('user_data', servers.models.fields.EncryptedTextField(blank=True, default='', editable=False)),
                ('labels', models.JSONField(blank=True, default=dict)),
                ('readiness', models.CharField(choices=servers.machine.readiness.list_readiness, default='address', max_length=16, verbose_name='ready when')),
                ('readiness_port', models.PositiveIntegerField(default=22, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(65535)], verbose_name='port to check')),
                ('ttl', models.PositiveIntegerField(default=0)),
                ('name_prefix', models.CharField(default='agent-', help_text='Generated server names start with this.', max_length=40)),
                ('overrides', models.CharField(choices=[('any', 'any'), ('listed', 'only those of this template and its fallbacks'), ('none', 'none')], default='listed', help_text='Image, region and size that a request can choose. Any image that it starts gets the user data and the instance profile.', max_length=16, verbose_name='allowed overrides')),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(error_messages={'unique': 'This name is already taken. Choose another name.'}, help_text="Lower-case letters, digits and hyphens. You can't change it later.", max_length=63, unique=True, validators=[django.core.validators.RegexValidator('\\A[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\Z', 'Use 1 to 63 lower-case letters, digits and hyphens, with a letter or digit at each end.')])),
                ('version', models.PositiveIntegerField(default=0, editable=False)),
                ('max_servers', models.PositiveIntegerField(blank=True, help_text="Leave empty for no limit besides the account's.", null=True, validators=[django.core.validators.MaxValueValidator(1000000)], verbose_name='server limit')),
                ('is_default', models.BooleanField(default=False, help_text='Used when a request names no template. Replaces the current one.', verbose_name='default template')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'ordering': ['name'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('is_default', True)), fields=('is_default',), name='one_default_template')],
            },
        ),
        migrations.AddField(
            model_name='server',
            name='template',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='servers', to='servers.template'),
        ),
        migrations.CreateModel(
            name='TemplatePlacement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField(default=0)),
                ('region', models.CharField(blank=True, default='', help_text="Leave empty to use the account's region.", max_length=100)),
                ('image', models.CharField(help_text="The cloud's name for the image.", max_length=255)),
                ('size', models.CharField(help_text="The cloud's name for the size.", max_length=255)),
                ('ssh_key', models.CharField(blank=True, default='', help_text='Name of a key pair at the cloud.', max_length=255, verbose_name='SSH key')),
                ('options', models.JSONField(blank=True, default=dict)),
                ('spot', models.BooleanField(default=False)),
                ('price_per_hour', models.DecimalField(blank=True, decimal_places=4, help_text='Price per server-hour, for display only, in your currency.', max_digits=10, null=True, validators=[django.core.validators.MinValueValidator(Decimal('0'))])),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='servers.account')),
                ('template', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='placements', to='servers.template')),
            ],
            options={
                'ordering': ['position'],
            },
        ),
        migrations.CreateModel(
            name='TemplateVersion',
            fields=[
                ('capacity', models.PositiveIntegerField(default=2, help_text='Number of builds that one server runs at once.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000)])),
                ('user_data', servers.models.fields.EncryptedTextField(blank=True, default='', editable=False)),
                ('labels', models.JSONField(blank=True, default=dict)),
                ('readiness', models.CharField(choices=servers.machine.readiness.list_readiness, default='address', max_length=16, verbose_name='ready when')),
                ('readiness_port', models.PositiveIntegerField(default=22, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(65535)], verbose_name='port to check')),
                ('ttl', models.PositiveIntegerField(default=0)),
                ('name_prefix', models.CharField(default='agent-', help_text='Generated server names start with this.', max_length=40)),
                ('overrides', models.CharField(choices=[('any', 'any'), ('listed', 'only those of this template and its fallbacks'), ('none', 'none')], default='listed', help_text='Image, region and size that a request can choose. Any image that it starts gets the user data and the instance profile.', max_length=16, verbose_name='allowed overrides')),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('template_name', models.CharField(blank=True, default='', max_length=63)),
                ('number', models.PositiveIntegerField()),
                ('actor', models.CharField(blank=True, default='', max_length=150)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('template', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='versions', to='servers.template')),
            ],
            options={
                'ordering': ['-number'],
            },
        ),
        migrations.AddField(
            model_name='server',
            name='recipe',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='servers', to='servers.templateversion'),
        ),
        migrations.CreateModel(
            name='Attempt',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('server_uid', models.UUIDField()),
                ('server_name', models.CharField(max_length=63)),
                ('number', models.PositiveIntegerField()),
                ('region', models.CharField(blank=True, default='', max_length=100)),
                ('size', models.CharField(blank=True, default='', max_length=255)),
                ('placement', models.PositiveSmallIntegerField(default=0)),
                ('key', models.CharField(max_length=63, unique=True)),
                ('token', models.CharField(max_length=64)),
                ('asked_at', models.DateTimeField()),
                ('lease_end', models.DateTimeField()),
                ('looked_at', models.DateTimeField(blank=True, null=True)),
                ('outcome', models.CharField(choices=[('asked', 'asked'), ('accepted', 'accepted'), ('refused', 'refused'), ('absent', 'absent'), ('abandoned', 'abandoned')], default=servers.lifecycle.states.Outcome['ASKED'], max_length=16)),
                ('answer', models.TextField(blank=True, default='')),
                ('answer_class', models.CharField(blank=True, default='', max_length=64)),
                ('answered_at', models.DateTimeField(blank=True, null=True)),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('spec', servers.models.fields.EncryptedTextField(blank=True, default='', editable=False)),
                ('finished_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('instance_id', models.CharField(blank=True, default='', max_length=255)),
                ('ready_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='attempts', to='servers.account')),
                ('server', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='attempts', to='servers.server')),
                ('recipe', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='servers.templateversion')),
            ],
            options={
                'ordering': ['asked_at', 'number'],
            },
        ),
        migrations.CreateModel(
            name='Token',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('public_id', models.CharField(editable=False, max_length=16, unique=True)),
                ('digest', models.CharField(editable=False, max_length=64)),
                ('name', models.CharField(max_length=100, unique=True)),
                ('scopes', models.JSONField(default=list)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('last_used_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('parent', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='children', to='servers.token')),
                ('user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='VersionPlacement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField(default=0)),
                ('region', models.CharField(blank=True, default='', help_text="Leave empty to use the account's region.", max_length=100)),
                ('image', models.CharField(help_text="The cloud's name for the image.", max_length=255)),
                ('size', models.CharField(help_text="The cloud's name for the size.", max_length=255)),
                ('ssh_key', models.CharField(blank=True, default='', help_text='Name of a key pair at the cloud.', max_length=255, verbose_name='SSH key')),
                ('options', models.JSONField(blank=True, default=dict)),
                ('spot', models.BooleanField(default=False)),
                ('price_per_hour', models.DecimalField(blank=True, decimal_places=4, help_text='Price per server-hour, for display only, in your currency.', max_digits=10, null=True, validators=[django.core.validators.MinValueValidator(Decimal('0'))])),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='servers.account')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='placements', to='servers.templateversion')),
            ],
            options={
                'ordering': ['position'],
            },
        ),
        migrations.CreateModel(
            name='Instance',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('identity', models.CharField(blank=True, default=None, max_length=300, null=True)),
                ('region', models.CharField(blank=True, default='', max_length=100)),
                ('instance_id', models.CharField(max_length=255)),
                ('name', models.CharField(blank=True, default='', max_length=255)),
                ('key', models.CharField(db_index=True, max_length=63)),
                ('server_uid', models.UUIDField(blank=True, db_index=True, null=True)),
                ('raw_status', models.CharField(blank=True, default='', max_length=64)),
                ('live', models.BooleanField(default=True)),
                ('meaning', models.CharField(default='running', max_length=16)),
                ('address', models.CharField(blank=True, default='', max_length=255)),
                ('fault', models.TextField(blank=True, default='')),
                ('first_seen', models.DateTimeField()),
                ('listed_from', models.DateTimeField(blank=True, null=True)),
                ('missed_from', models.DateTimeField(blank=True, null=True)),
                ('gone_at', models.DateTimeField(blank=True, null=True)),
                ('condemned_at', models.DateTimeField(blank=True, null=True)),
                ('condemned_for', models.TextField(blank=True, default='')),
                ('destroy_asked_at', models.DateTimeField(blank=True, null=True)),
                ('destroy_failures', models.PositiveIntegerField(default=0)),
                ('destroy_error', models.TextField(blank=True, default='')),
                ('next_step_at', models.DateTimeField(blank=True, null=True)),
                ('verdict', models.CharField(choices=[('ours', 'ours'), ('orphan', 'orphan'), ('double', 'double'), ('unexplained', 'unexplained'), ('gone', 'gone')], default=servers.lifecycle.states.Verdict['OURS'], max_length=16)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='instances', to='servers.account')),
                ('attempt', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='instances', to='servers.attempt')),
            ],
            options={
                'ordering': ['first_seen', 'id'],
                'indexes': [models.Index(condition=models.Q(('live', True)), fields=['account', 'region', 'verdict'], name='instance_live'), models.Index(condition=models.Q(('live', True)), fields=['verdict', 'first_seen'], name='instance_by_verdict'), models.Index(condition=models.Q(('gone_at__isnull', False)), fields=['account', 'gone_at'], name='instance_gone'), models.Index(condition=models.Q(('next_step_at__isnull', False)), fields=['next_step_at'], name='instance_due')],
                'constraints': [models.UniqueConstraint(fields=('account', 'region', 'instance_id'), name='one_row_per_instance'), models.UniqueConstraint(fields=('identity', 'region', 'instance_id'), name='one_row_per_identity')],
            },
        ),
        migrations.CreateModel(
            name='Leftover',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('identity', models.CharField(blank=True, default=None, max_length=300, null=True)),
                ('region', models.CharField(blank=True, default='', max_length=100)),
                ('resource_id', models.CharField(max_length=255)),
                ('kind', models.CharField(max_length=32)),
                ('detail', models.CharField(blank=True, default='', max_length=255)),
                ('key', models.CharField(blank=True, default='', max_length=63)),
                ('server_uid', models.UUIDField(blank=True, null=True)),
                ('first_seen', models.DateTimeField()),
                ('condemned_at', models.DateTimeField(blank=True, null=True)),
                ('delete_error', models.TextField(blank=True, default='')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='leftovers', to='servers.account')),
            ],
            options={
                'ordering': ['first_seen', 'id'],
                'constraints': [models.UniqueConstraint(fields=('account', 'region', 'resource_id'), name='one_row_per_leftover'), models.UniqueConstraint(fields=('identity', 'region', 'resource_id'), name='one_leftover_per_identity')],
            },
        ),
        migrations.AddConstraint(
            model_name='location',
            constraint=models.UniqueConstraint(fields=('account', 'region'), name='one_location_per_account_and_region'),
        ),
        migrations.AddIndex(
            model_name='listing',
            index=models.Index(fields=['location', 'started_at'], name='listing_by_start'),
        ),
        migrations.AddConstraint(
            model_name='nocapacity',
            constraint=models.UniqueConstraint(fields=('account', 'region', 'size'), name='one_row_per_size'),
        ),
        migrations.AddConstraint(
            model_name='savedview',
            constraint=models.UniqueConstraint(models.F('user'), models.F('name'), name='one_view_of_a_name'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(fields=['kind', 'id'], name='event_by_kind'),
        ),
        migrations.AddConstraint(
            model_name='templateplacement',
            constraint=models.UniqueConstraint(fields=('template', 'position'), name='one_template_placement'),
        ),
        migrations.AddConstraint(
            model_name='templateversion',
            constraint=models.UniqueConstraint(fields=('template', 'number'), name='one_version_per_number'),
        ),
        migrations.AddIndex(
            model_name='server',
            index=models.Index(condition=models.Q(('next_step_at__isnull', False)), fields=['next_step_at'], name='server_due'),
        ),
        migrations.AddIndex(
            model_name='server',
            index=models.Index(fields=['state', 'account'], name='server_by_state'),
        ),
        migrations.AddIndex(
            model_name='server',
            index=models.Index(fields=['account', 'state'], name='server_by_account'),
        ),
        migrations.AddIndex(
            model_name='server',
            index=models.Index(fields=['template', 'state'], name='server_by_template'),
        ),
        migrations.AddIndex(
            model_name='server',
            index=models.Index(fields=['created_at', 'id'], name='server_by_age'),
        ),
        migrations.AddConstraint(
            model_name='server',
            constraint=models.UniqueConstraint(condition=models.Q(('hidden', False)), fields=('name',), name='one_visible_server_per_name'),
        ),
        migrations.AddConstraint(
            model_name='server',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['pending', 'creating', 'created', 'staging', 'running', 'shutdown', 'stopping', 'stopped', 'error'])), name='server_state_is_known'),
        ),
        migrations.AddConstraint(
            model_name='server',
            constraint=models.CheckConstraint(condition=models.Q(('capacity__gte', 1), ('capacity__lte', 1000)), name='server_capacity_in_bounds'),
        ),
        migrations.AddIndex(
            model_name='attempt',
            index=models.Index(fields=['account', 'asked_at'], name='attempt_by_account'),
        ),
        migrations.AddIndex(
            model_name='attempt',
            index=models.Index(condition=models.Q(('ready_at__isnull', False)), fields=['ready_at'], name='attempt_by_boot'),
        ),
        migrations.AddIndex(
            model_name='attempt',
            index=models.Index(fields=['account', 'outcome'], name='attempt_by_outcome'),
        ),
        migrations.AddIndex(
            model_name='attempt',
            index=models.Index(fields=['closed_at'], name='attempt_by_end'),
        ),
        migrations.AddConstraint(
            model_name='attempt',
            constraint=models.UniqueConstraint(fields=('server_uid', 'number'), name='one_attempt_per_number'),
        ),
        migrations.AddConstraint(
            model_name='attempt',
            constraint=models.CheckConstraint(condition=models.Q(('outcome__in', ['asked', 'accepted', 'refused', 'absent', 'abandoned'])), name='attempt_outcome_is_known'),
        ),
        migrations.AddConstraint(
            model_name='versionplacement',
            constraint=models.UniqueConstraint(fields=('version', 'position'), name='one_version_placement'),
        ),
        migrations.RunPython(
            _horizon.on_postgresql(_horizon.FORWARDS),
            _horizon.on_postgresql(_horizon.BACKWARDS),
        ),
        migrations.RunPython(make_roles, migrations.RunPython.noop),
    ]
