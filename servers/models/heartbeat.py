"""Heartbeats of the workers and schedulers."""

from typing import ClassVar

from django.db import models


class Heartbeat(models.Model):
    """The last heartbeat of one worker or scheduler; see heartbeats.py.

    ``name`` is ``host:process id``. ``slot`` is where it was started, the same for the
    process that replaces it, or "". ``broker_error`` is the error when it asked the
    broker, or "" if that answered. ``trouble`` is why it does no work, or "".
    ``database_seconds`` is how long it took to write the previous heartbeat. A process
    that stops normally deletes its row.
    """

    class Process(models.TextChoices):
        WORKER = "worker"
        BEAT = "beat"

    name = models.CharField(max_length=100, primary_key=True)
    kind = models.CharField(max_length=16, choices=Process.choices)
    version = models.CharField(max_length=63, blank=True, default="")
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    slot = models.CharField(max_length=100, blank=True, default="")
    trouble = models.CharField(max_length=200, blank=True, default="")
    database_seconds = models.FloatField(default=0.0)
    broker_error = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["kind", "name"]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"
