"""The session store (SESSION_ENGINE) with key digests, two timeouts and owners.

A session always ends SESSION_COOKIE_AGE after the password was entered, and also
SESSION_IDLE_SECONDS after its person was last active. Entering the password again (see
is_recent) starts a new session with a new key.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.db import DatabaseError, router, transaction
from django.db.models import QuerySet
from django.utils import timezone

from servers.models.session import OneTimePassword, Session

# How long an entered password allows actions that need it.
RECENT: Final = timedelta(minutes=15)
CONFIRM_FIRST: Final = (
    "Enter your password again first, at /account/confirm/. This needs a log-in within "
    "the last 15 minutes."
)
# Set in a session that was started with a one-time password.
MUST_CHANGE: Final = "must_change_password"
CHOOSE_FIRST: Final = "Choose your own password first, at /account/password/."
SEEN_EVERY: Final = timedelta(minutes=1)


class SessionStore(DatabaseStore):
    """Django's own store with the additional columns of Session."""

    began_at: datetime | None = None
    seen_at: datetime | None = None

    @classmethod
    def get_model_class(cls) -> type[Session]:
        """Return the model of the sessions."""
        return Session

    def load(self) -> dict[str, Any]:
        """Return the data of an open session; otherwise none, and forget the key."""
        key = digest_key(self.session_key)
        row = list_open_sessions().filter(session_key=key).first()
        if row is None:
            self._session_key = None
            return {}
        self.began_at, self.seen_at = row.began_at, row.seen_at
        return self.decode(row.session_data)

    def exists(self, session_key: str) -> bool:
        """Tell whether a key is taken."""
        return Session.objects.filter(session_key=digest_key(session_key)).exists()

    def delete(self, session_key: str | None = None) -> None:
        """End one session."""
        key = session_key or self.session_key
        if key is not None:
            Session.objects.filter(session_key=digest_key(key)).delete()

    def save(self, must_create: bool = False) -> None:
        """Write the data. A new row starts now; an existing one keeps its timeouts."""
        if self.session_key is None or must_create:
            super().save(must_create=must_create)
            self.began_at = self.seen_at = timezone.now()
            return
        row = self.create_model_instance(dict(self.items()))
        using = router.db_for_write(Session, instance=row)
        with transaction.atomic(using=using):
            changed = Session.objects.filter(pk=row.pk).update(
                session_data=row.session_data, user_id=row.user_id
            )
        if not changed:  # it was ended meanwhile, and must stay so
            raise UpdateError

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        """Return the row to write."""
        row = super().create_model_instance(data)
        assert isinstance(row, Session)
        row.session_key = digest_key(row.session_key)
        number = data.get(SESSION_KEY)
        row.user_id = int(number) if number is not None else None
        return row


def list_open_sessions() -> QuerySet[Session]:
    """Return the sessions that have reached neither timeout."""
    now = timezone.now()
    rows = Session.objects.filter(expire_date__gt=now)
    if settings.SESSION_IDLE_SECONDS:
        idle = timedelta(seconds=settings.SESSION_IDLE_SECONDS)
        rows = rows.filter(seen_at__gt=now - idle)
    return rows


def digest_password(user: Any) -> str:
    """Return a digest that shows whether a person's password has changed."""
    return hashlib.sha256(user.password.encode()).hexdigest()


def find_one_time(user: Any) -> OneTimePassword | None:
    """Return a person's one-time password record if it is the current password."""
    found = OneTimePassword.objects.filter(user_id=user.pk).first()
    if found is None or found.password_digest != digest_password(user):
        return None
    return found


def digest_key(key: str | None) -> str:
    """Return the digest that the database has instead of a session's key."""
    # A key has 165 random bits, so a slow hash would not add protection.
    return hashlib.sha256((key or "").encode(errors="surrogatepass")).hexdigest()


def note_seen(session: Any) -> None:
    """Note, at most once a minute, that the person of a session was active."""
    now = timezone.now()
    seen = getattr(session, "seen_at", None)
    if seen is None or now - seen < SEEN_EVERY:
        return
    session.seen_at = now
    try:
        Session.objects.filter(session_key=digest_key(session.session_key)).update(
            seen_at=now
        )
    except DatabaseError:  # reads still work if nothing can be written
        return


def is_recent(session: Any) -> bool:
    """Tell whether the password of a session was entered recently."""
    began = getattr(session, "began_at", None)
    return began is not None and timezone.now() - began < RECENT


def end_sessions(user: Any) -> int:
    """End every session of a person, even the current one. Return how many."""
    return Session.objects.filter(user_id=user.pk).delete()[0]
