"""Filters of the server list that a person has saved under a name."""

from typing import ClassVar

from django.conf import settings
from django.db import models


class SavedView(models.Model):
    """One saved view of one person. ``query`` is the query string of the list."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="saved_views"
    )
    name = models.CharField(max_length=40)
    query = models.CharField(max_length=2000, blank=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint("user", "name", name="one_view_of_a_name")
        ]

    def __str__(self) -> str:
        return self.name
