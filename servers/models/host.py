"""What is known about the machine of a server: its keys, its boot, its health."""

from typing import ClassVar

from django.db import models

from servers.models.fields import EncryptedTextField
from servers.models.server import Server


class Host(models.Model):
    """The machine that a server's instance is, seen from inside.

    The intent of the first attempt creates it, if the template sets something up. The
    keys of clients are on the server; those of the daemon stand here and leave
    ServerFleet in the user data alone. All keys are wiped once the server has stopped.
    ``token_digest`` and ``secret_digest`` are SHA-256 in hex: of the token that only
    ``attempt`` may call back with, and of the secret that its instance generated. The
    token itself is nowhere but in the user data. ``heartbeat_at`` is when the instance
    was last heard of. ``log_end`` are the last lines of ``boot_log``.
    """

    server = models.OneToOneField(
        Server, on_delete=models.CASCADE, primary_key=True, related_name="host"
    )
    daemon_key = EncryptedTextField()
    daemon_cert = models.TextField(blank=True, default="")
    keys_until = models.DateTimeField(null=True, blank=True)  # notAfter of them all

    # What the instance reported of itself.
    attempt = models.PositiveIntegerField(default=0)
    token_digest = models.CharField(max_length=64, blank=True, default="")
    secret_digest = models.CharField(max_length=64, blank=True, default="")
    booted_at = models.DateTimeField(null=True, blank=True)
    boot_failed = models.BooleanField(default=False)
    boot_steps = models.JSONField(default=list, blank=True)
    boot_log = EncryptedTextField()
    log_end = models.CharField(max_length=500, blank=True, default="")
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    drained_at = models.DateTimeField(null=True, blank=True)
    agent_missing = models.BooleanField(default=False)
    docker_silent = models.BooleanField(default=False)
    # When the instance was first told to drain, or first answered a look of the drain.
    drain_told_at = models.DateTimeField(null=True, blank=True)

    # What looks at it found.
    agent_started_at = models.DateTimeField(null=True, blank=True)
    # When it was first known to have ended after the one build that it was for.
    agent_spent_at = models.DateTimeField(null=True, blank=True)
    # Since when it may not do what the server's cordon says; None: it does.
    agent_behind_since = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)  # failed checks in a row
    problem = models.TextField(blank=True, default="")
    builds = models.JSONField(default=list, blank=True)  # names of running ones

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["token_digest"],
                condition=~models.Q(token_digest=""),
                name="host_by_token",
            )
        ]

    def __str__(self) -> str:
        return str(self.server)
