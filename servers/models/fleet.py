"""The installation itself, in one row."""

from django.db import models
from django.db.models.functions import Now

from servers.models.fields import EncryptedTextField


class Fleet(models.Model):
    """The fleet's id (the tag on its instances), its fingerprint and its switches.

    ``fingerprint`` is the id of the installation (which is not stored in the database)
    when the fleet was created or confirmed. If the installation has another id, the
    database was copied or moved: until a person confirms, ServerFleet only observes.
    ``key_check`` is a known text, encrypted, which reveals a wrong key at the start.
    """

    KEY_CHECK = "serverfleet"

    # There is one row, so a lock on it locks the fleet.
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
    # When a tick last ran; written at most every few seconds.
    ticked_at = models.DateTimeField(null=True, blank=True, editable=False)
    # The lease of the purge: only one runs at a time.
    purge_fence = models.PositiveBigIntegerField(default=0, editable=False)
    purge_lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="one_fleet")
        ]

    def __str__(self) -> str:
        return self.fleet_id
