"""The Django project: settings from the environment, Celery, URLs, the processes."""

from serverfleet.celery import app as celery_app

__all__ = ["celery_app"]
