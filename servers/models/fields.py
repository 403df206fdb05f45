"""Encrypted columns: AES-256-GCM, bound to the row and column that they stand in.

A stored value is ``v1:<key id>:<base64 of nonce and ciphertext>``. The associated data
is ``table:column:primary key``, so a ciphertext that is copied to another row or column
does not decrypt. The first of ``settings.ENCRYPTION_KEYS`` encrypts, all of them
decrypt: that is how keys rotate. Decryption happens on first access, so a list that
shows no secret pays for none.

The primary key must be known before the insert: models with such columns use UUIDs.
"""

import base64
import os
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.models.expressions import BaseExpression

_VERSION = "v1"
_NONCE_BYTES = 12


class DecryptionError(Exception):
    """A stored secret can't be read: its key is missing, or it was moved or damaged."""


@lru_cache(maxsize=16)
def _cipher(key: bytes) -> AESGCM:
    return AESGCM(key)


def encrypt(plain: str, *, context: str) -> str:
    """Return ``plain`` encrypted with the first key and bound to ``context``."""
    if not settings.ENCRYPTION_KEYS:
        raise ImproperlyConfigured("No encryption key is set.")
    key_id, key = next(iter(settings.ENCRYPTION_KEYS.items()))
    nonce = os.urandom(_NONCE_BYTES)
    sealed = _cipher(key).encrypt(nonce, plain.encode(), context.encode())
    return f"{_VERSION}:{key_id}:{base64.b64encode(nonce + sealed).decode()}"


def decrypt(stored: str, *, context: str) -> str:
    """Return what ``encrypt`` was given; raise DecryptionError where it can't be."""
    try:
        version, key_id, encoded = stored.split(":", 2)
        sealed = base64.b64decode(encoded, validate=True)
    except ValueError:
        raise DecryptionError("A stored secret is damaged.") from None
    key = settings.ENCRYPTION_KEYS.get(key_id)
    if version != _VERSION or key is None:
        raise DecryptionError(
            f"A stored secret was encrypted with the key {key_id!r}, which is not in "
            "SERVERFLEET_ENCRYPTION_KEYS. Add that key again."
        )
    try:
        opened = _cipher(key).decrypt(
            sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context.encode()
        )
    except (InvalidTag, ValueError):
        raise DecryptionError(
            f"A stored secret does not decrypt with the key {key_id!r}: the key is "
            "another one, or the value was moved or damaged."
        ) from None
    return opened.decode()


class Ciphertext(str):
    """A value as it stands in the database."""

    __slots__ = ()


class _LazySecret:
    """Decrypts on first access and keeps the plain value on the instance."""

    def __init__(self, field: "EncryptedTextField") -> None:
        self.field = field

    def __get__(self, instance: models.Model | None, owner: type) -> Any:
        if instance is None:
            return self
        name = self.field.attname
        if name not in instance.__dict__:
            # A deferred column: load it the way Django's own descriptor does.
            instance.refresh_from_db(fields=[name])
        value = instance.__dict__[name]
        if isinstance(value, Ciphertext):
            value = decrypt(value, context=self.field.context_of(instance.pk))
            instance.__dict__[name] = value
        return value

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """Text that is encrypted at rest; ``""`` is stored as it is, and holds no secret.

    Lookups on it are refused: equal texts do not encrypt to equal values.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("blank", True)
        kwargs.setdefault("default", "")
        kwargs["editable"] = False
        super().__init__(*args, **kwargs)

    def context_of(self, pk: object) -> str:
        """Return the associated data for the row with the primary key ``pk``."""
        return f"{self.model._meta.db_table}:{self.column}:{pk}"

    def seal(self, plain: str, pk: object) -> Ciphertext:
        """Return ``plain`` as it may stand in the row ``pk``, for ``update()``."""
        if not plain:
            return Ciphertext("")
        return Ciphertext(encrypt(plain, context=self.context_of(pk)))

    def contribute_to_class(
        self, cls: type[models.Model], name: str, private_only: bool = False
    ) -> None:
        """Put the lazy attribute on the model, whatever default it has."""
        super().contribute_to_class(cls, name, private_only=private_only)
        setattr(cls, self.attname, _LazySecret(self))

    def from_db_value(self, value: str | None, *_: object) -> str | None:
        """Mark a stored value, to be decrypted when it is read."""
        return Ciphertext(value) if value else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Encrypt what was set; leave alone what was never read."""
        value = model_instance.__dict__.get(self.attname, "")
        if isinstance(value, Ciphertext) or not value:
            return value
        return self.seal(value, model_instance.pk)

    def get_prep_value(self, value: Any) -> Any:
        """Refuse plain text in ``update()``: there the row's key is not known."""
        if not value or isinstance(value, Ciphertext | BaseExpression):
            return value
        raise TypeError(f"{self.name} takes only sealed values here; use seal().")

    def get_lookup(self, lookup_name: str) -> Any:
        """Allow only the question whether there is a value."""
        if lookup_name in {"isnull", "exact"}:
            return super().get_lookup(lookup_name)
        return None
