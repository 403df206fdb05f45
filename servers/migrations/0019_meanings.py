from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('servers', '0018_tries'),
    ]

    operations = [
        migrations.RemoveField(
            model_name='instance',
            name='failed',
        ),
    ]
