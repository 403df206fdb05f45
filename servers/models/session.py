"""Sessions with their person, their start and their last use."""

from importlib import import_module
from typing import ClassVar

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils import timezone


class Session(AbstractBaseSession):
    """One browser's session; ``user_id`` is empty before the log-in.

    ``session_key`` is a digest, so a copy of the database does not give access to the
    sessions in it. ``began_at`` is when the password was last entered. ``seen_at`` is
    when the person last did something, to the minute. A page that refreshes
    automatically does not count.
    """

    session_key = models.CharField("session key", max_length=64, primary_key=True)
    user_id = models.BigIntegerField(null=True, editable=False, db_index=True)
    began_at = models.DateTimeField(default=timezone.now, editable=False)
    seen_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(AbstractBaseSession.Meta):
        abstract = False
        indexes: ClassVar = []

    @classmethod
    def get_session_store_class(cls) -> type:
        """Return the store that reads and writes sessions."""
        return import_module(settings.SESSION_ENGINE).SessionStore  # type: ignore[no-any-return]


class OneTimePassword(models.Model):
    """The mark that a person's password was chosen by someone else, and its expiry.

    ``password_digest`` is a digest of the stored hash. If the password was set later by
    a command or in the Django admin, the mark no longer applies.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="+",
    )
    expires_at = models.DateTimeField()
    password_digest = models.CharField(max_length=64, default="")

    def __str__(self) -> str:
        return str(self.user_id)
