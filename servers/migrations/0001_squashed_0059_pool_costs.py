"""All tables as of migration 0059, for new databases. It replaces those up to there."""

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
import servers.lifecycle.states
import servers.machine.agents.table
import servers.machine.cloud_init.kinds
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
_pool_roles = import_module("servers.migrations.0054_pool_roles")
ROLES = {
    role: [("servers", name.replace("_scope", "_location")) for name in names]
    for role, names in _roles.ROLES.items()
}
for role, names in _pool_roles.RIGHTS.items():
    ROLES[role] += [("servers", name) for name in names]
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

    replaces = [('servers', '0001_initial'), ('servers', '0002_lease_holders'), ('servers', '0003_tallies'), ('servers', '0004_held_orphans'), ('servers', '0005_leftovers'), ('servers', '0006_idempotency'), ('servers', '0007_stamps'), ('servers', '0008_roles'), ('servers', '0009_sessions'), ('servers', '0010_event_horizon'), ('servers', '0011_trials'), ('servers', '0012_heartbeats'), ('servers', '0013_words'), ('servers', '0014_overrides'), ('servers', '0015_people'), ('servers', '0016_one_time_digest'), ('servers', '0017_heartbeat_trouble'), ('servers', '0018_tries'), ('servers', '0019_meanings'), ('servers', '0020_options_that_did_nothing'), ('servers', '0021_boot_times'), ('servers', '0022_boot_times_of_old'), ('servers', '0023_template_names'), ('servers', '0024_template_names_of_old'), ('servers', '0025_saved_views'), ('servers', '0026_identities'), ('servers', '0027_one_row_each'), ('servers', '0028_location_health'), ('servers', '0029_hot_indices'), ('servers', '0030_locations'), ('servers', '0031_placements'), ('servers', '0032_wrong_clock'), ('servers', '0033_readiness'), ('servers', '0034_described_fields'), ('servers', '0035_finishing'), ('servers', '0036_counters'), ('servers', '0037_account_gone'), ('servers', '0038_machine'), ('servers', '0039_ready_at'), ('servers', '0040_callback'), ('servers', '0041_agent_behind'), ('servers', '0042_interrupted'), ('servers', '0043_attempt_image'), ('servers', '0044_lost_at'), ('servers', '0045_catalogue'), ('servers', '0046_told_and_docker'), ('servers', '0047_costs'), ('servers', '0048_frozen_prices'), ('servers', '0049_pools'), ('servers', '0050_order'), ('servers', '0051_quota_memory'), ('servers', '0052_pool_jobs'), ('servers', '0053_pool_pages'), ('servers', '0054_pool_roles'), ('servers', '0055_pushes'), ('servers', '0056_price_help'), ('servers', '0057_queue_cordons'), ('servers', '0058_hooks'), ('servers', '0059_pool_costs')]

    initial = True

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
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('breaker_failed_at', models.DateTimeField(blank=True, null=True)),
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
                ('broker_error', models.CharField(blank=True, default='', max_length=200)),
                ('database_seconds', models.FloatField(default=0.0)),
                ('slot', models.CharField(blank=True, default='', max_length=100)),
                ('trouble', models.CharField(blank=True, default='', max_length=200)),
            ],
            options={
                'ordering': ['kind', 'name'],
            },
        ),
        migrations.CreateModel(
            name='Queue',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(error_messages={'unique': 'This name is already taken. Choose another name.'}, help_text="Lower-case letters, digits and hyphens. You can't change it later.", max_length=63, unique=True, validators=[django.core.validators.RegexValidator('\\A[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\Z', 'Use 1 to 63 lower-case letters, digits and hyphens, with a letter or digit at each end.')])),
                ('kind', models.CharField(max_length=32)),
                ('url', models.CharField(blank=True, default='', max_length=500)),
                ('credentials', servers.models.fields.EncryptedTextField(blank=True, default='', editable=False)),
                ('options', models.JSONField(blank=True, default=dict)),
                ('enabled', models.BooleanField(default=True, help_text='When disabled, it is not read, and its pools change nothing.')),
                ('generation', models.PositiveIntegerField(default=1, editable=False)),
                ('fence', models.PositiveBigIntegerField(default=0, editable=False)),
                ('lease_until', models.DateTimeField(blank=True, editable=False, null=True)),
                ('lease_by', models.CharField(blank=True, default='', editable=False, max_length=100)),
                ('next_read_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), db_index=True, editable=False, null=True)),
                ('read_from', models.DateTimeField(blank=True, editable=False, null=True)),
                ('answered_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('failures', models.PositiveIntegerField(default=0, editable=False)),
                ('problem', models.TextField(blank=True, default='', editable=False)),
                ('complete', models.BooleanField(default=True, editable=False)),
                ('paused', models.BooleanField(default=False, editable=False)),
                ('names_servers', models.BooleanField(default=True, editable=False)),
                ('jobs', models.JSONField(blank=True, default=list, editable=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('counts', models.JSONField(blank=True, default=dict, editable=False)),
                ('unmatched', models.JSONField(blank=True, default=list, editable=False)),
                ('digest', models.CharField(blank=True, default='', editable=False, max_length=64)),
                ('expires_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('seq', models.BigIntegerField(blank=True, editable=False, null=True)),
                ('agents', models.JSONField(blank=True, default=dict, editable=False)),
                ('cordon_problem', models.TextField(blank=True, default='', editable=False)),
                ('cordons', models.JSONField(blank=True, default=dict, editable=False)),
                ('read_after', models.DateTimeField(blank=True, editable=False, null=True)),
            ],
            options={
                'ordering': ['name'],
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
            name='Pool',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(error_messages={'unique': 'This name is already taken. Choose another name.'}, help_text="Lower-case letters, digits and hyphens. You can't change it later.", max_length=63, unique=True, validators=[django.core.validators.RegexValidator('\\A[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\Z', 'Use 1 to 63 lower-case letters, digits and hyphens, with a letter or digit at each end.')])),
                ('labels', models.JSONField(blank=True, default=dict, help_text='What its servers offer to jobs.')),
                ('priority', models.IntegerField(default=0, help_text='Of pools that fit a job equally well, the one with the higher priority serves it.', validators=[django.core.validators.MinValueValidator(-1000), django.core.validators.MaxValueValidator(1000)])),
                ('policy', models.JSONField(blank=True, default=dict)),
                ('enabled', models.BooleanField(default=True, help_text='When disabled, it changes nothing.')),
                ('dry', models.BooleanField(default=False, help_text='It says what it would do, and changes nothing.', verbose_name='dry run')),
                ('frozen', models.BooleanField(default=False, help_text='It stops no server.')),
                ('memo', models.JSONField(blank=True, default=dict, editable=False)),
                ('fence', models.PositiveBigIntegerField(default=0, editable=False)),
                ('planned_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('next_plan_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), db_index=True, editable=False, null=True)),
                ('why', models.JSONField(blank=True, default=list, editable=False)),
                ('figures', models.JSONField(blank=True, default=dict, editable=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('totals', models.JSONField(blank=True, default=dict, editable=False)),
                ('queue', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='pools', to='servers.queue')),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='Session',
            fields=[
                ('session_key', models.CharField(max_length=64, primary_key=True, serialize=False, verbose_name='session key')),
                ('session_data', models.TextField(verbose_name='session data')),
                ('expire_date', models.DateTimeField(db_index=True, verbose_name='expire date')),
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
            name='Counter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=63)),
                ('label', models.CharField(blank=True, default='', max_length=63)),
                ('value', models.FloatField(default=0)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('name', 'label'), name='one_counter_each')],
            },
        ),
        migrations.CreateModel(
            name='DayCost',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('account', models.UUIDField()),
                ('template', models.UUIDField(blank=True, null=True)),
                ('price_per_hour', models.DecimalField(blank=True, decimal_places=8, max_digits=16, null=True)),
                ('currency', models.CharField(blank=True, default='', max_length=3)),
                ('seconds', models.PositiveBigIntegerField(default=0)),
                ('pool', models.UUIDField(default=uuid.UUID('00000000-0000-0000-0000-000000000000'))),
            ],
            options={
                'ordering': ['-day', 'id'],
                'constraints': [models.UniqueConstraint(fields=('day', 'account', 'pool', 'currency', 'template', 'price_per_hour'), name='one_day_cost'), models.UniqueConstraint(condition=models.Q(('price_per_hour', None)), fields=('day', 'account', 'pool', 'template'), name='one_unknown_day_cost'), models.UniqueConstraint(condition=models.Q(('template', None)), fields=('day', 'account', 'pool', 'currency', 'price_per_hour'), name='one_day_cost_without_template'), models.UniqueConstraint(condition=models.Q(('price_per_hour', None), ('template', None)), fields=('day', 'account', 'pool'), name='one_unknown_day_cost_alone')],
            },
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
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('ticked_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('purge_fence', models.PositiveBigIntegerField(default=0, editable=False)),
                ('purge_lease_until', models.DateTimeField(blank=True, editable=False, null=True)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='one_fleet')],
            },
        ),
        migrations.CreateModel(
            name='Hook',
            fields=[
                ('queue', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='hook', serialize=False, to='servers.queue')),
                ('secret', servers.models.fields.EncryptedTextField(blank=True, default='', editable=False)),
                ('came_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
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
                ('next_listing_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), db_index=True)),
                ('listed_from', models.DateTimeField(blank=True, null=True)),
                ('compared_at', models.DateTimeField(blank=True, null=True)),
                ('compared_generation', models.PositiveIntegerField(default=0)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('error', models.TextField(blank=True, default='')),
                ('lease_by', models.CharField(blank=True, default='', max_length=100)),
                ('held', models.PositiveIntegerField(default=0)),
                ('leftovers_at', models.DateTimeField(blank=True, null=True)),
                ('health', models.CharField(choices=[('unknown', 'not listed yet'), ('ok', 'ok'), ('failing', 'failing'), ('refused', 'refused'), ('wrong_clock', 'wrong clock')], default='unknown', max_length=16)),
                ('health_since', models.DateTimeField(blank=True, null=True)),
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
                ('size', models.CharField(blank=True, max_length=255)),
                ('seen_at', models.DateTimeField()),
                ('until', models.DateTimeField(db_index=True)),
                ('answer_class', models.CharField(default=servers.lifecycle.states.Answer['NO_CAPACITY'], max_length=32)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='servers.account')),
            ],
            options={
                'verbose_name_plural': 'no capacity',
            },
        ),
        migrations.CreateModel(
            name='PoolJob',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=32)),
                ('labels', models.JSONField(default=dict)),
                ('queued_at', models.DateTimeField()),
                ('started_at', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('server', models.CharField(blank=True, default='', max_length=63)),
                ('pool', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='recorded_jobs', to='servers.pool')),
                ('queue', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='recorded_jobs', to='servers.queue')),
            ],
        ),
        migrations.CreateModel(
            name='PoolPlan',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('why', models.JSONField(default=list)),
                ('figures', models.JSONField(default=dict)),
                ('changed', models.BooleanField(default=False)),
                ('pool', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='plans', to='servers.pool')),
            ],
        ),
        migrations.CreateModel(
            name='PoolPolicy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('policy', models.JSONField(default=dict)),
                ('at', models.DateTimeField()),
                ('actor', models.CharField(blank=True, default='', max_length=100)),
                ('pool', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='policies', to='servers.pool')),
            ],
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
            name='Template',
            fields=[
                ('capacity', models.PositiveIntegerField(default=2, help_text='Number of builds that one server runs at once.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000)])),
                ('user_data', servers.models.fields.EncryptedTextField(blank=True, default='', editable=False)),
                ('labels', models.JSONField(blank=True, default=dict)),
                ('readiness', models.CharField(choices=servers.machine.readiness.list_readiness, default='address', max_length=16, verbose_name='ready when')),
                ('readiness_port', models.PositiveIntegerField(default=22, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(65535)], verbose_name='port to check')),
                ('ttl', models.PositiveIntegerField(default=0)),
                ('name_prefix', models.CharField(default='agent-', help_text='Generated server names start with this.', max_length=40)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(error_messages={'unique': 'This name is already taken. Choose another name.'}, help_text="Lower-case letters, digits and hyphens. You can't change it later.", max_length=63, unique=True, validators=[django.core.validators.RegexValidator('\\A[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\Z', 'Use 1 to 63 lower-case letters, digits and hyphens, with a letter or digit at each end.')])),
                ('version', models.PositiveIntegerField(default=0, editable=False)),
                ('max_servers', models.PositiveIntegerField(blank=True, help_text="Leave empty for no limit besides the account's.", null=True, validators=[django.core.validators.MaxValueValidator(1000000)], verbose_name='server limit')),
                ('is_default', models.BooleanField(default=False, help_text='Used when a request names no template. Replaces the current one.', verbose_name='default template')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('overrides', models.CharField(choices=[('any', 'any'), ('listed', 'only those of this template and its fallbacks'), ('none', 'none')], default='listed', help_text='Image, region and size that a request can choose. Any image that it starts gets the user data and the instance profile.', max_length=16, verbose_name='allowed overrides')),
                ('agent', models.CharField(blank=True, choices=servers.machine.agents.table.list_agents, default='none', max_length=16)),
                ('agent_environment', servers.models.fields.EncryptedTextField(blank=True, default='', editable=False)),
                ('agent_image', models.CharField(blank=True, default='', help_text="Leave empty to use the agent's usual image.", max_length=255)),
                ('build_labels', models.JSONField(blank=True, default=dict, help_text='Labels of the containers that are builds. A drain waits for them.')),
                ('cloud_init', models.CharField(choices=servers.machine.cloud_init.kinds.list_cloud_inits, default='none', help_text='What ServerFleet adds to the user data.', max_length=16, verbose_name='set up')),
                ('commands', servers.models.fields.EncryptedTextField(blank=True, default='', editable=False)),
                ('daemon_json', models.JSONField(blank=True, default=dict, verbose_name='daemon.json')),
                ('drain_seconds', models.PositiveIntegerField(default=3600, validators=[django.core.validators.MaxValueValidator(604800)], verbose_name='drain timeout')),
                ('files', servers.models.fields.EncryptedTextField(blank=True, default='', editable=False)),
                ('insecure_registries', models.JSONField(blank=True, default=list)),
                ('local_disk', models.BooleanField(default=False, help_text="Keep Docker's data on the instance's own disk, if it has one.", verbose_name='use the local disk')),
                ('on_health_lost', models.CharField(choices=[('error', 'mark the server as failed'), ('replace', 'create a new server and terminate the old one')], default='error', max_length=16, verbose_name='if health is lost')),
                ('prune_hours', models.PositiveIntegerField(default=0, help_text='Hours after which unused images are deleted. 0 keeps them.', validators=[django.core.validators.MaxValueValidator(8760)], verbose_name='prune images after')),
                ('pull_images', models.JSONField(blank=True, default=list, verbose_name='images to pull')),
                ('registry_mirrors', models.JSONField(blank=True, default=list)),
                ('ssh_keys', models.JSONField(blank=True, default=list, verbose_name='SSH public keys')),
                ('order', models.CharField(choices=[('listed', 'as listed'), ('cheapest', 'cheapest first'), ('quickest', 'quickest to boot first')], default='listed', help_text='A placement of unknown price comes last. One with fewer than 5 boots in the last week keeps its place in the list.', max_length=16, verbose_name='order of placements')),
            ],
            options={
                'ordering': ['name'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('is_default', True)), fields=('is_default',), name='one_default_template')],
            },
        ),
        migrations.AddField(
            model_name='pool',
            name='template',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='pools', to='servers.template'),
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
                ('spot', models.BooleanField(default=False, help_text='Cheaper, but the cloud may take it back at any time.', verbose_name='spot instance')),
                ('price_per_hour', models.DecimalField(blank=True, decimal_places=4, help_text='What a server costs per hour. Leave empty to use the price that the cloud lists for the size. No price is listed for spot instances, so without one their cost is unknown.', max_digits=10, null=True, validators=[django.core.validators.MinValueValidator(Decimal('0'))])),
                ('currency', models.CharField(blank=True, default='', help_text='The currency of the price, such as EUR or USD.', max_length=3, validators=[django.core.validators.RegexValidator('\\A[A-Z]{3}\\Z', 'Use three capital letters, such as EUR or USD.')])),
                ('account', models.ForeignKey(error_messages={'invalid': 'This account no longer exists. Choose another account.'}, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='servers.account')),
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
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField()),
                ('actor', models.CharField(blank=True, default='', max_length=150)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('overrides', models.CharField(choices=[('any', 'any'), ('listed', 'only those of this template and its fallbacks'), ('none', 'none')], default='listed', help_text='Image, region and size that a request can choose. Any image that it starts gets the user data and the instance profile.', max_length=16, verbose_name='allowed overrides')),
                ('template_name', models.CharField(blank=True, default='', max_length=63)),
                ('agent', models.CharField(blank=True, choices=servers.machine.agents.table.list_agents, default='none', max_length=16)),
                ('agent_environment', servers.models.fields.EncryptedTextField(blank=True, default='', editable=False)),
                ('agent_image', models.CharField(blank=True, default='', help_text="Leave empty to use the agent's usual image.", max_length=255)),
                ('build_labels', models.JSONField(blank=True, default=dict, help_text='Labels of the containers that are builds. A drain waits for them.')),
                ('cloud_init', models.CharField(choices=servers.machine.cloud_init.kinds.list_cloud_inits, default='none', help_text='What ServerFleet adds to the user data.', max_length=16, verbose_name='set up')),
                ('commands', servers.models.fields.EncryptedTextField(blank=True, default='', editable=False)),
                ('daemon_json', models.JSONField(blank=True, default=dict, verbose_name='daemon.json')),
                ('drain_seconds', models.PositiveIntegerField(default=3600, validators=[django.core.validators.MaxValueValidator(604800)], verbose_name='drain timeout')),
                ('files', servers.models.fields.EncryptedTextField(blank=True, default='', editable=False)),
                ('insecure_registries', models.JSONField(blank=True, default=list)),
                ('local_disk', models.BooleanField(default=False, help_text="Keep Docker's data on the instance's own disk, if it has one.", verbose_name='use the local disk')),
                ('on_health_lost', models.CharField(choices=[('error', 'mark the server as failed'), ('replace', 'create a new server and terminate the old one')], default='error', max_length=16, verbose_name='if health is lost')),
                ('prune_hours', models.PositiveIntegerField(default=0, help_text='Hours after which unused images are deleted. 0 keeps them.', validators=[django.core.validators.MaxValueValidator(8760)], verbose_name='prune images after')),
                ('pull_images', models.JSONField(blank=True, default=list, verbose_name='images to pull')),
                ('registry_mirrors', models.JSONField(blank=True, default=list)),
                ('ssh_keys', models.JSONField(blank=True, default=list, verbose_name='SSH public keys')),
                ('order', models.CharField(choices=[('listed', 'as listed'), ('cheapest', 'cheapest first'), ('quickest', 'quickest to boot first')], default='listed', help_text='A placement of unknown price comes last. One with fewer than 5 boots in the last week keeps its place in the list.', max_length=16, verbose_name='order of placements')),
                ('template', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='versions', to='servers.template')),
            ],
            options={
                'ordering': ['-number'],
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
                ('labels', models.JSONField(blank=True, default=dict)),
                ('ttl', models.PositiveIntegerField(default=0)),
                ('protected', models.BooleanField(default=False)),
                ('created_by', models.CharField(blank=True, default='', max_length=150)),
                ('want', models.CharField(choices=[('run', 'run'), ('gone', 'gone'), ('now', 'now')], default='run', max_length=8)),
                ('hidden', models.BooleanField(default=False)),
                ('attempt_number', models.PositiveIntegerField(default=0)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('waiting', models.TextField(blank=True, default='')),
                ('state_since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('fence', models.PositiveBigIntegerField(default=0)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('next_step_at', models.DateTimeField(blank=True, null=True)),
                ('deadline_at', models.DateTimeField(blank=True, null=True)),
                ('lease_by', models.CharField(blank=True, default='', max_length=100)),
                ('version', models.BigIntegerField(default=0, editable=False)),
                ('trial_until', models.DateTimeField(blank=True, editable=False, null=True)),
                ('pending_left', models.DurationField(blank=True, null=True)),
                ('planned_at', models.DateTimeField(blank=True, null=True)),
                ('tried_from', models.PositiveIntegerField(default=0)),
                ('placement', models.PositiveSmallIntegerField(default=0)),
                ('wanted_image', models.CharField(blank=True, default='', max_length=255)),
                ('wanted_region', models.CharField(blank=True, default='', max_length=100)),
                ('wanted_size', models.CharField(blank=True, default='', max_length=255)),
                ('cordoned', models.BooleanField(default=False)),
                ('ready_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('lost_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='servers', to='servers.account')),
                ('pool', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='servers', to='servers.pool')),
                ('template', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='servers', to='servers.template')),
                ('recipe', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='servers', to='servers.templateversion')),
            ],
            options={
                'ordering': ['created_at', 'id'],
                'permissions': [('view_secrets', 'Can read the keys of servers')],
            },
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
                ('instance_id', models.CharField(blank=True, default='', max_length=255)),
                ('ready_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('placement', models.PositiveSmallIntegerField(default=0)),
                ('finished_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('spec', servers.models.fields.EncryptedTextField(blank=True, default='', editable=False)),
                ('image', models.CharField(blank=True, default='', max_length=255)),
                ('currency', models.CharField(blank=True, default='', editable=False, max_length=3)),
                ('price_per_hour', models.DecimalField(blank=True, decimal_places=8, editable=False, max_digits=16, null=True)),
                ('note', models.TextField(blank=True, default='', editable=False)),
                ('pool', models.UUIDField(blank=True, editable=False, null=True)),
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
                ('spot', models.BooleanField(default=False, help_text='Cheaper, but the cloud may take it back at any time.', verbose_name='spot instance')),
                ('price_per_hour', models.DecimalField(blank=True, decimal_places=4, help_text='What a server costs per hour. Leave empty to use the price that the cloud lists for the size. No price is listed for spot instances, so without one their cost is unknown.', max_digits=10, null=True, validators=[django.core.validators.MinValueValidator(Decimal('0'))])),
                ('currency', models.CharField(blank=True, default='', help_text='The currency of the price, such as EUR or USD.', max_length=3, validators=[django.core.validators.RegexValidator('\\A[A-Z]{3}\\Z', 'Use three capital letters, such as EUR or USD.')])),
                ('account', models.ForeignKey(error_messages={'invalid': 'This account no longer exists. Choose another account.'}, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='servers.account')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='placements', to='servers.templateversion')),
            ],
            options={
                'ordering': ['position'],
            },
        ),
        migrations.CreateModel(
            name='Catalogue',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('region', models.CharField(blank=True, default='', max_length=100)),
                ('asked_at', models.DateTimeField()),
                ('taken_at', models.DateTimeField(blank=True, null=True)),
                ('error', models.TextField(blank=True, default='')),
                ('content', models.TextField(blank=True, default='')),
                ('named', models.JSONField(blank=True, default=dict)),
                ('missing', models.JSONField(blank=True, default=dict)),
                ('doubts', models.PositiveIntegerField(default=0)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='catalogues', to='servers.account')),
            ],
            options={
                'ordering': ['account', 'region'],
                'constraints': [models.UniqueConstraint(fields=('account', 'region'), name='one_catalogue_per_location')],
            },
        ),
        migrations.CreateModel(
            name='HookDelivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=64)),
                ('at', models.DateTimeField(db_index=True)),
                ('hook', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='servers.hook')),
            ],
        ),
        migrations.CreateModel(
            name='Host',
            fields=[
                ('server', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='host', serialize=False, to='servers.server')),
                ('daemon_key', servers.models.fields.EncryptedTextField(blank=True, default='', editable=False)),
                ('daemon_cert', models.TextField(blank=True, default='')),
                ('keys_until', models.DateTimeField(blank=True, null=True)),
                ('attempt', models.PositiveIntegerField(default=0)),
                ('token_digest', models.CharField(blank=True, default='', max_length=64)),
                ('secret_digest', models.CharField(blank=True, default='', max_length=64)),
                ('booted_at', models.DateTimeField(blank=True, null=True)),
                ('boot_failed', models.BooleanField(default=False)),
                ('boot_steps', models.JSONField(blank=True, default=list)),
                ('boot_log', servers.models.fields.EncryptedTextField(blank=True, default='', editable=False)),
                ('heartbeat_at', models.DateTimeField(blank=True, null=True)),
                ('drained_at', models.DateTimeField(blank=True, null=True)),
                ('agent_started_at', models.DateTimeField(blank=True, null=True)),
                ('checked_at', models.DateTimeField(blank=True, null=True)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('problem', models.TextField(blank=True, default='')),
                ('builds', models.JSONField(blank=True, default=list)),
                ('agent_missing', models.BooleanField(default=False)),
                ('log_end', models.CharField(blank=True, default='', max_length=500)),
                ('agent_behind_since', models.DateTimeField(blank=True, null=True)),
                ('docker_silent', models.BooleanField(default=False)),
                ('drain_told_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('token_digest', ''), _negated=True), fields=['token_digest'], name='host_by_token')],
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
                'indexes': [models.Index(fields=['kind', 'id'], name='event_by_kind')],
            },
        ),
        migrations.CreateModel(
            name='Instance',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('region', models.CharField(blank=True, default='', max_length=100)),
                ('instance_id', models.CharField(max_length=255)),
                ('name', models.CharField(blank=True, default='', max_length=255)),
                ('key', models.CharField(db_index=True, max_length=63)),
                ('server_uid', models.UUIDField(blank=True, db_index=True, null=True)),
                ('raw_status', models.CharField(blank=True, default='', max_length=64)),
                ('live', models.BooleanField(default=True)),
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
                ('meaning', models.CharField(default='running', max_length=16)),
                ('identity', models.CharField(blank=True, default=None, max_length=300, null=True)),
                ('interrupted', models.BooleanField(default=False)),
                ('summed_until', models.DateTimeField(blank=True, editable=False, null=True)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='instances', to='servers.account')),
                ('attempt', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='instances', to='servers.attempt')),
            ],
            options={
                'ordering': ['first_seen', 'id'],
                'indexes': [models.Index(condition=models.Q(('live', True)), fields=['account', 'region', 'verdict'], name='instance_live'), models.Index(condition=models.Q(('live', True)), fields=['verdict', 'first_seen'], name='instance_by_verdict'), models.Index(condition=models.Q(('gone_at__isnull', False)), fields=['account', 'gone_at'], name='instance_gone'), models.Index(condition=models.Q(('next_step_at__isnull', False)), fields=['next_step_at'], name='instance_due'), models.Index(condition=models.Q(('live', True), ('summed_until__isnull', True), ('summed_until__lt', models.F('gone_at')), _connector='OR'), fields=['account'], name='instance_unsummed')],
                'constraints': [models.UniqueConstraint(fields=('account', 'region', 'instance_id'), name='one_row_per_instance'), models.UniqueConstraint(fields=('identity', 'region', 'instance_id'), name='one_row_per_identity')],
            },
        ),
        migrations.CreateModel(
            name='Leftover',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('region', models.CharField(blank=True, default='', max_length=100)),
                ('resource_id', models.CharField(max_length=255)),
                ('kind', models.CharField(max_length=32)),
                ('detail', models.CharField(blank=True, default='', max_length=255)),
                ('key', models.CharField(blank=True, default='', max_length=63)),
                ('server_uid', models.UUIDField(blank=True, null=True)),
                ('first_seen', models.DateTimeField()),
                ('condemned_at', models.DateTimeField(blank=True, null=True)),
                ('delete_error', models.TextField(blank=True, default='')),
                ('identity', models.CharField(blank=True, default=None, max_length=300, null=True)),
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
        migrations.AddIndex(
            model_name='pooljob',
            index=models.Index(fields=['pool', 'queued_at'], name='job_by_pool'),
        ),
        migrations.AddIndex(
            model_name='pooljob',
            index=models.Index(fields=['queued_at'], name='job_by_age'),
        ),
        migrations.AddIndex(
            model_name='pooljob',
            index=models.Index(fields=['queue', 'server'], name='job_by_server'),
        ),
        migrations.AddConstraint(
            model_name='pooljob',
            constraint=models.UniqueConstraint(fields=('queue', 'key'), name='job_once_a_queue'),
        ),
        migrations.AddIndex(
            model_name='poolplan',
            index=models.Index(fields=['pool', 'at'], name='plan_by_pool'),
        ),
        migrations.AddConstraint(
            model_name='poolpolicy',
            constraint=models.UniqueConstraint(fields=('pool', 'number'), name='policy_numbers'),
        ),
        migrations.AddConstraint(
            model_name='savedview',
            constraint=models.UniqueConstraint(models.F('user'), models.F('name'), name='one_view_of_a_name'),
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
            index=models.Index(fields=['created_at', 'id'], name='server_by_age'),
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
            index=models.Index(condition=models.Q(('pool__isnull', False)), fields=['pool'], name='server_by_pool'),
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
        migrations.AddConstraint(
            model_name='hookdelivery',
            constraint=models.UniqueConstraint(fields=('hook', 'digest'), name='delivery_once'),
        ),
        migrations.RunPython(
            _horizon.on_postgresql(_horizon.FORWARDS),
            _horizon.on_postgresql(_horizon.BACKWARDS),
        ),
        migrations.RunPython(make_roles, migrations.RunPython.noop),
    ]
