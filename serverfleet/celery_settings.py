"""Celery's settings: messages are hints, so they must never delay or fail their sender.

None of them is for the environment to decide. Their names are as Celery has them: with
a prefix, it takes some of them for old ones and warns of those.
"""

from django.conf import settings

broker_url = settings.BROKER_URL
broker_connection_retry_on_startup = True
broker_connection_max_retries = None
broker_connection_timeout = 0.5
broker_transport_options = {
    "visibility_timeout": 900,
    "socket_connect_timeout": 0.5,
    "socket_timeout": 5.0,
    "max_retries": 0,
    "retry_on_timeout": False,
    # A half-open connection is dropped after about twice this.
    "health_check_interval": 5,
}
task_ignore_result = True
task_store_errors_even_if_ignored = False
task_acks_late = True
task_reject_on_worker_lost = True
task_serializer = "json"
accept_content = ["json"]
task_default_queue = "serverfleet"
task_publish_retry = False
worker_prefetch_multiplier = 1
worker_enable_remote_control = False
worker_send_task_events = False
worker_hijack_root_logger = False
worker_redirect_stdouts = False  # keeps tracebacks in one piece
worker_cancel_long_running_tasks_on_connection_loss = False
timezone = "UTC"
# Celery's own, in memory, extended to show from its loop that it works.
beat_scheduler = "serverfleet.run.vitals:FleetScheduler"
beat_max_loop_interval = 2  # seconds, the longest pause between signs of life
# Without `expires`: the sender's clock sets it and the worker's clock compares it, so a
# worker whose clock is ahead would discard every tick.
beat_schedule = {
    "tick": {"task": "servers.tasks.tick", "schedule": settings.TICK_SECONDS},
    "purge": {"task": "servers.tasks.purge", "schedule": 600.0},
    "catalogues": {"task": "servers.tasks.refresh_catalogues", "schedule": 600.0},
}
