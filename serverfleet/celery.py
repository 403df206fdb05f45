"""The Celery application. Messages are hints; the database is the queue."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "serverfleet.settings")

app = Celery("serverfleet")
app.config_from_object("django.conf:settings", namespace="CELERY")
# Celery would close the database connection after every task; the tasks themselves drop
# those that are old or broken.
app.conf["CELERY_DB_REUSE_MAX"] = 1_000_000_000
app.autodiscover_tasks()
