"""The installation itself: one row."""

from django.db import models
from django.db.models.functions import Now

from servers.fields import EncryptedTextField


class Fleet(models.Model):
    """The fleet's id (the tag on everything), its fingerprint, its switches.

    ``fingerprint`` is what the installation outside of this database said of itself
    when the fleet was made or confirmed: another one means a copied database, and only
    observing is allowed until a person confirms. ``key_check`` is a known text under
    the encryption keys: it tells a wrong key before anything is served.
    """

    KEY_CHECK = "serverfleet"

    # One row, so that a lock on it is a lock on the fleet.
    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    fleet_id = models.CharField(max_length=16)
    fingerprint = models.CharField(max_length=255)
    key_check = EncryptedTextField()
    max_servers = models.PositiveIntegerField(null=True, blank=True)
    paused = models.BooleanField(default=False)
    paused_by = models.CharField(max_length=150, blank=True, default="")
    paused_note = models.TextField(blank=True, default="")
    paused_until = models.DateTimeField(null=True, blank=True)
    destroys_frozen = models.BooleanField(default=False)
    destroys_frozen_note = models.TextField(blank=True, default="")
    # When a tick last ran; written every few seconds at most.
    ticked_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Who forgets what is long over: one process at a time.
    purge_fence = models.PositiveBigIntegerField(default=0, editable=False)
    purge_lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="one_fleet")
        ]

    def __str__(self) -> str:
        return self.fleet_id
