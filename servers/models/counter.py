"""Counters for the metrics, shared by all processes."""

from typing import ClassVar

from django.db import models


class Counter(models.Model):
    """A count or a sum since the installation was created."""

    name = models.CharField(max_length=63)
    label = models.CharField(max_length=63, blank=True, default="")
    value = models.FloatField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["name", "label"], name="one_counter_each")
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.label}".strip()
