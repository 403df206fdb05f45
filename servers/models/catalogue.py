"""What locations offer, as their clouds last told: a copy for people who choose."""

from typing import ClassVar

from django.db import models

from servers.models.account import Account


class Catalogue(models.Model):
    """The catalogue of one location, and which of our templates' ids it lacks.

    It is in the database, so that all processes show the same, and has a limited size
    (reports/catalogue.py). ``asked_at`` is when it was last asked for, and ``taken_at``
    when ``content`` was; ``error`` is why the last request failed. ``named`` has the
    name, architecture and owner of each image that a template uses, by its id: once
    the cloud no longer has an image, nobody else can tell them. ``missing`` has what
    the cloud no longer has, and ``doubts`` is how much that is.
    """

    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, related_name="catalogues", db_index=False
    )
    region = models.CharField(max_length=100, blank=True, default="")
    asked_at = models.DateTimeField()
    taken_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True, default="")
    content = models.TextField(blank=True, default="")
    named = models.JSONField(default=dict, blank=True)
    missing = models.JSONField(default=dict, blank=True)
    doubts = models.PositiveIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["account", "region"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "region"], name="one_catalogue_per_location"
            )
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.region}".rstrip()
