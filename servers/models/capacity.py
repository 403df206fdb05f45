"""What had no capacity, or no quota, lately, for the whole fleet."""

from typing import ClassVar

from django.db import models

from servers.lifecycle.states import Answer
from servers.models.account import Account


class NoCapacity(models.Model):
    """A size that an account could not get in a region or zone; skipped for a while.

    ``answer_class`` tells whether the cloud had no capacity, or the account no quota.
    Without a region or a size, the quota counts all of them together.
    """

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    region = models.CharField(max_length=100, blank=True, default="")
    size = models.CharField(max_length=255, blank=True)
    answer_class = models.CharField(max_length=32, default=Answer.NO_CAPACITY)
    seen_at = models.DateTimeField()
    until = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "no capacity"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "region", "size"], name="one_row_per_size"
            )
        ]

    def __str__(self) -> str:
        return " ".join(filter(None, (str(self.account), self.region, self.size)))
