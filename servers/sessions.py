"""The store of sessions (SESSION_ENGINE), and the end of all of a person's."""

from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

from servers.models.session import Session


class SessionStore(DatabaseStore):
    """Django's own store, with whose session it is beside the data."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        """Return where they are kept."""
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        """Return the row to write."""
        row = super().create_model_instance(data)
        assert isinstance(row, Session)
        number = data.get(SESSION_KEY)
        row.user_id = int(number) if number is not None else None
        return row


def end_sessions(user: Any) -> int:
    """End every session of a user, this one too; return how many there were."""
    return Session.objects.filter(user_id=user.pk).delete()[0]
