"""Celery's settings: messages are hints, so they must never delay or fail their sender.

None of them is for the environment to decide.
"""

from django.conf import settings

CELERY_BROKER_URL = settings.BROKER_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_CONNECTION_TIMEOUT = 0.5
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 900,
    "socket_connect_timeout": 0.5,
    "socket_timeout": 5.0,
    "max_retries": 0,
    "retry_on_timeout": False,
    # A half-open connection is dropped after about twice this.
    "health_check_interval": 5,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_STORE_ERRORS_EVEN_IF_IGNORED = False
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_DEFAULT_QUEUE = "serverfleet"
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False  # keeps tracebacks in one piece
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_TIMEZONE = "UTC"
# Celery's own, in memory, extended to show from its loop that it works.
CELERY_BEAT_SCHEDULER = "serverfleet.run.vitals:FleetScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 2  # seconds, the longest pause between signs of life
# Without `expires`: the sender's clock sets it and the worker's clock compares it, so a
# worker whose clock is ahead would discard every tick.
CELERY_BEAT_SCHEDULE = {
    "tick": {"task": "servers.tasks.tick", "schedule": settings.TICK_SECONDS},
    "purge": {"task": "servers.tasks.purge", "schedule": 600.0},
    "catalogues": {"task": "servers.tasks.refresh_catalogues", "schedule": 600.0},
}
