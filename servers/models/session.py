"""Sessions that know whose they are, so that all of a person's can be ended."""

from importlib import import_module
from typing import ClassVar

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models


class Session(AbstractBaseSession):
    """One browser's session; ``user_id`` is empty before the log-in."""

    user_id = models.BigIntegerField(null=True, editable=False, db_index=True)

    class Meta(AbstractBaseSession.Meta):
        abstract = False
        indexes: ClassVar = []

    @classmethod
    def get_session_store_class(cls) -> type:
        """Return the store that reads and writes them."""
        return import_module(settings.SESSION_ENGINE).SessionStore  # type: ignore[no-any-return]
