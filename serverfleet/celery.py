"""The Celery application. Messages are hints; the database is the queue."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "serverfleet.settings")

app = Celery("serverfleet")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
