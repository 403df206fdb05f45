"""API tokens ``sf_<public id>_<secret>``: issue, check and revoke them."""

import contextlib
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib.auth.models import AbstractUser
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now

from servers.access.reach import MAX_TOKEN_NAME
from servers.errors import ConflictError, InvalidError
from servers.freshness.stamped_cache import Kept
from servers.freshness.stamps import Stamps, read_clock
from servers.models import Token
from servers.records.differences import list_differences
from servers.records.ledger import Fact, write_event

SCOPES: Final = frozenset(scope.value for scope in Token.Scope)
_PREFIX: Final = "sf"
_USE_NOTED_EVERY: Final = timedelta(minutes=1)
_MAX_KNOWN: Final = 10_000

# The other scopes that a scope includes.
_INCLUDES: Final = {
    Token.Scope.SERVERS_WRITE: {Token.Scope.SERVERS_READ},
    Token.Scope.FLEET_ADMIN: {
        Token.Scope.SERVERS_READ,
        Token.Scope.SERVERS_WRITE,
        Token.Scope.DEMAND_WRITE,
    },
}
# The scope that matches a person's permission.
_SCOPES: Final = {
    "servers.view_server": Token.Scope.SERVERS_READ,
    "servers.change_server": Token.Scope.SERVERS_WRITE,
    "servers.change_fleet": Token.Scope.FLEET_ADMIN,
    "servers.view_secrets": Token.Scope.SECRETS_READ,
    "servers.change_pool": Token.Scope.DEMAND_WRITE,
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls the API, and what they are allowed to do.

    ``rights`` are the permissions of the person behind the call, as app.codename. None
    means all, for a superuser or a token of the installation itself.
    """

    name: str  # user:ada, token:ci
    scopes: frozenset[str]
    token: Token | None = None
    user: AbstractUser | None = None
    rights: frozenset[str] | None = None
    is_authenticated: bool = True

    def may(self, scope: str) -> bool:
        """Tell whether the caller has a scope."""
        return scope in self.scopes

    def holds(self, *rights: str) -> bool:
        """Tell whether the person behind the call has all of these permissions."""
        return self.rights is None or self.rights.issuperset(rights)


def expand_scopes(scopes: Iterable[str]) -> frozenset[str]:
    """Return the scopes and all that they include."""
    found: set[str] = set()
    for scope in scopes:
        found |= {scope, *_INCLUDES.get(Token.Scope(scope), set())}
    return frozenset(str(scope) for scope in found)


def scopes_of(user: AbstractUser) -> frozenset[str]:
    """Return the scopes that match a person's permissions."""
    if user.is_superuser:
        return SCOPES
    return expand_scopes(
        scope for right, scope in _SCOPES.items() if user.has_perm(right)
    )


def rights_of(user: AbstractUser) -> frozenset[str] | None:
    """Return a person's permissions. None means all."""
    return None if user.is_superuser else frozenset(user.get_all_permissions())


def issue_token(
    name: str,
    *,
    scopes: Iterable[str],
    expires_at: datetime | None = None,
    user: AbstractUser | None = None,
    parent: Token | None = None,
) -> str:
    """Create a token and return its text, which is not stored.

    At each use it allows at most what ``user`` can do then, and it is revoked with that
    person. Without ``user`` it belongs to the installation. It is revoked together with
    ``parent`` and expires no later. Raises InvalidError (name, scopes, expiry) or
    ConflictError (name taken, parent revoked meanwhile).
    """
    chosen = sorted(set(scopes))
    if not name or len(name) > MAX_TOKEN_NAME or not name.isprintable():
        raise InvalidError(
            f"A token's name has 1 to {MAX_TOKEN_NAME} printable characters."
        )
    if not chosen or set(chosen) - SCOPES:
        known = ", ".join(sorted(SCOPES))
        raise InvalidError(f"A token needs one or more of these scopes: {known}.")
    if expires_at is not None and expires_at <= read_clock():
        raise InvalidError("The expiry must be in the future.")
    expires_at = _bound_expiry(expires_at, parent)
    public_id = secrets.token_hex(6)
    secret = secrets.token_urlsafe(32)
    try:
        with transaction.atomic():
            _hold_parent(parent)
            write_event(
                Fact.TOKEN_MADE,
                reason=f"The token {name} was created: {', '.join(chosen)}.",
            )
            Token.objects.create(
                name=name,
                public_id=public_id,
                digest=_digest(secret),
                scopes=chosen,
                expires_at=expires_at,
                user_id=user.pk if user else None,
                parent=parent,
            )
    except IntegrityError:
        raise ConflictError(
            f"The name {name!r} is already taken. Choose another name."
        ) from None
    return f"{_PREFIX}_{public_id}_{secret}"


def _bound_expiry(wanted: datetime | None, parent: Token | None) -> datetime | None:
    if parent is None or parent.expires_at is None:
        return wanted
    if wanted is None:
        return parent.expires_at
    if wanted > parent.expires_at:
        message = (
            f"A token can't outlive the token that creates it. {parent.name} expires "
            f"at {int(parent.expires_at.timestamp())}."
        )
        raise InvalidError.of({"expires": [message]})
    return wanted


def _hold_parent(parent: Token | None) -> None:
    """Lock a token against revocation until the transaction ends. ConflictError."""
    if parent is None:
        return
    rows = Token.objects.select_for_update(no_key=True).filter(pk=parent.pk)
    if not rows.filter(revoked_at__isnull=True).exists():
        raise ConflictError(
            f"The token {parent.name} was revoked meanwhile, so nothing was created."
        )


def check_token(
    text: str, *, now: datetime, stamps: Stamps | None = None
) -> Caller | None:
    """Return the caller that a token identifies, or None. Sometimes makes one write.

    ``now`` is the database's time from ``read_clock``. With current ``stamps``, a token
    that was checked before costs no query until any token changes. Only valid tokens
    are cached, by their digest.
    """
    known = _known.under(stamps.tokens if stamps else None)
    digest = _digest(text)
    caller = known.get(digest) or _look_up(text)
    if caller is None or caller.token is None:
        return None
    known[digest] = caller
    token = caller.token
    if token.expires_at is not None and token.expires_at <= now:
        return None
    if token.last_used_at is None or token.last_used_at < now - _USE_NOTED_EVERY:
        _note_use(token, now)
    return caller


_known: Final = Kept[str, Caller](most=_MAX_KNOWN)


def _look_up(text: str) -> Caller | None:
    """Return the caller of a token, without checking its expiry. One query."""
    prefix, _, rest = text.partition("_")
    public_id, _, secret = rest.partition("_")
    if prefix != _PREFIX or not public_id.isalnum() or not secret or len(text) > 200:
        return None
    if not text.isascii():
        return None
    token = (
        Token.objects.filter(public_id=public_id[:16]).select_related("user").first()
    )
    # The same work for an unknown id, so that the response time reveals nothing.
    known = token.digest if token else "0" * 64
    if not hmac.compare_digest(known, _digest(secret)) or token is None:
        return None
    if token.revoked_at is not None:
        return None
    if token.user is not None and not token.user.is_active:
        return None
    scopes, rights = expand_scopes(token.scopes), None
    if token.user is not None:
        scopes &= scopes_of(token.user)
        rights = rights_of(token.user)
    return Caller(
        f"token:{token.name}", scopes, token=token, user=token.user, rights=rights
    )


def revoke_token(token: Token) -> bool:
    """Revoke a token and all that it created. Return False if it was revoked before."""
    with transaction.atomic():
        wave = [(token.pk, token.name, token.scopes)]
        revoked = _revoke(wave, because="")
        # A child is created under a lock of its parent, which is revoked by now. So
        # each child is either found here or refused.
        while wave:
            children = Token.objects.filter(parent__in=[pk for pk, _, _ in wave])
            wave = list(children.values_list("pk", "name", "scopes"))
            _revoke(wave, because=f" with {token.name}, which created it")
    return bool(revoked)


def _revoke(tokens: Iterable[tuple[Any, str, list[str]]], *, because: str) -> int:
    count = 0
    for pk, name, scopes in tokens:
        if Token.objects.filter(pk=pk, revoked_at__isnull=True).update(
            revoked_at=Now()
        ):
            count += 1
            (lost,) = list_differences({"scopes": scopes}, {"scopes": []})
            write_event(
                Fact.TOKEN_REVOKED,
                reason=f"The token {name} was revoked{because}: {lost}.",
            )
    return count


def list_valid_tokens(user: AbstractUser) -> list[Token]:
    """Return the valid tokens of a person, by name."""
    valid = Q(expires_at__isnull=True) | Q(expires_at__gt=Now())
    rows = Token.objects.filter(valid, user_id=user.pk, revoked_at__isnull=True)
    return list(rows.order_by("name"))


def _note_use(token: Token, now: datetime) -> None:
    token.last_used_at = now  # so that cached callers also note it only once a minute
    # Reads still work if nothing can be written, such as when the disk is full.
    with contextlib.suppress(DatabaseError):
        Token.objects.filter(pk=token.pk).filter(
            Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - _USE_NOTED_EVERY)
        ).update(last_used_at=now)


def _digest(secret: str) -> str:
    # The secret has 256 random bits, so a slow hash would not add protection.
    return hashlib.sha256(secret.encode()).hexdigest()
