# By itself: PostgreSQL makes no index on a table with rows that were changed just now.

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('servers', '0026_identities'),
    ]

    operations = [
        migrations.AddConstraint(
            model_name='instance',
            constraint=models.UniqueConstraint(fields=('identity', 'region', 'instance_id'), name='one_row_per_identity'),
        ),
        migrations.AddConstraint(
            model_name='leftover',
            constraint=models.UniqueConstraint(fields=('identity', 'region', 'resource_id'), name='one_leftover_per_identity'),
        ),
    ]
