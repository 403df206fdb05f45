"""Signs of life of the processes that do the work."""

from typing import ClassVar

from django.db import models


class Heartbeat(models.Model):
    """One worker or beat, as it last said itself; see heartbeats.py.

    ``name`` is ``host:process id``; ``slot`` is what it was started as, the same for
    the process that takes its place, or "". ``broker_error`` is what it found when it
    asked the broker, "" where that answered; ``trouble`` why it does no work, or "";
    ``database_seconds`` how long its last heartbeat took to be written. Who ends in
    peace takes its row away.
    """

    class Kind(models.TextChoices):
        WORKER = "worker"
        BEAT = "beat"

    name = models.CharField(max_length=100, primary_key=True)
    kind = models.CharField(max_length=16, choices=Kind.choices)
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
