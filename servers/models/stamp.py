"""Stamps that show that something changed: one row, written by database triggers."""

from django.db import models


class Stamp(models.Model):
    """Numbers that grow with each change of what they stand for; see triggers.py.

    ``servers``: what the list of servers shows. ``pages``: what any page shows.
    ``listings``: when locations were compared. ``tokens``: who can use the API.
    ``recipes``: what servers are created from.
    """

    # There is one row, so a transaction waits for at most one lock.
    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    servers = models.BigIntegerField(default=0)
    pages = models.BigIntegerField(default=0)
    listings = models.BigIntegerField(default=0)
    tokens = models.BigIntegerField(default=0)
    recipes = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"servers {self.servers}, pages {self.pages}"
