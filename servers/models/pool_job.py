"""The record of a queue's jobs, and the policies that a pool has had."""

from typing import ClassVar

from django.db import models

from servers.models.pool import Pool, Queue


class PoolJob(models.Model):
    """One job that a queue has shown, without what names it. Kept for some days.

    ``key`` is a hash of the queue and the CI's own id. ``pool`` is the pool that could
    serve it when it was first seen or when it began, if any. ``started_at`` is None
    while it waits, and stays None if it ended without being seen to run. ``ended_at``
    is when the queue no longer showed it.
    """

    queue = models.ForeignKey(
        Queue, on_delete=models.CASCADE, related_name="recorded_jobs"
    )
    key = models.CharField(max_length=32)
    pool = models.ForeignKey(
        Pool, on_delete=models.SET_NULL, null=True, related_name="recorded_jobs"
    )
    labels = models.JSONField(default=dict)
    queued_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    server = models.CharField(max_length=63, blank=True, default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["queue", "key"], name="job_once_a_queue")
        ]
        indexes: ClassVar = [
            models.Index(fields=["pool", "queued_at"], name="job_by_pool"),
            models.Index(fields=["queued_at"], name="job_by_age"),
            models.Index(fields=["queue", "server"], name="job_by_server"),
        ]

    def __str__(self) -> str:
        return self.key


class PoolPolicy(models.Model):
    """A policy that a pool has, or has had. Each change of it adds one."""

    pool = models.ForeignKey(Pool, on_delete=models.CASCADE, related_name="policies")
    number = models.PositiveIntegerField()
    policy = models.JSONField(default=dict)
    at = models.DateTimeField()
    actor = models.CharField(max_length=100, blank=True, default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["pool", "number"], name="policy_numbers")
        ]

    def __str__(self) -> str:
        return f"{self.pool_id} policy {self.number}"
