"""The keys of the encrypted columns: check and rotate them.

A value is encrypted again by compare-and-swap on what is stored. So a concurrent write
is never overwritten, and a rotation that was killed can continue where it stopped.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection
from django.db.models import F, IntegerField, QuerySet, TextField, Value
from django.db.models.functions import StrIndex, Substr

from servers.models import Fleet
from servers.models.fields import DecryptionError, EncryptedTextField, decrypt

BATCH: Final = 200
# The part before the value itself: version and key id, with their colons.
_HEAD: Final = 100

Column = tuple[type[Any], EncryptedTextField]


def list_columns() -> Iterator[Column]:
    """Yield each encrypted column of the app."""
    for model in apps.get_app_config("servers").get_models():
        for field in model._meta.fields:
            if isinstance(field, EncryptedTextField):
                yield model, field


def explain_wrong_keys() -> str:
    """Return why the keys don't match this database; "" if they do.

    Reads the text that was encrypted when the fleet was created. One query.
    """
    fleet = Fleet.objects.first()
    if fleet is None:
        return ""
    try:
        if fleet.key_check in {"", Fleet.KEY_CHECK}:
            return ""
    except DecryptionError as error:
        return f"The encryption keys don't match this database. {error}"
    return "The encryption keys don't match this database."


def refuse_wrong_keys() -> None:
    """Raise ImproperlyConfigured if the keys don't match this database.

    For the start of a process. If the database does not answer, nothing is checked. The
    connection is closed, since the process may fork next.
    """
    try:
        message = explain_wrong_keys()
    except DatabaseError:
        return
    finally:
        connection.close()
    if message:
        raise ImproperlyConfigured(message)


def count_by_key() -> Counter[str]:
    """Return the number of stored values for each key id."""
    counts: Counter[str] = Counter()
    for model, field in list_columns():
        heads = _filled(model, field).values_list("_head", flat=True)
        counts.update(head.split(":")[1] for head in heads.iterator() if ":" in head)
    return counts


def find_unreadable() -> Iterator[tuple[str, str]]:
    """Yield where each unreadable value is stored, and why it can't be read."""
    for model, field in list_columns():
        for pk, stored in _filled(model, field).values_list("pk", field.attname):
            try:
                decrypt(stored, context=field.context_of(pk))
            except DecryptionError as error:
                yield f"{model._meta.db_table}.{field.column} {pk}", str(error)


def rotate_batch(size: int = BATCH) -> tuple[int, int]:
    """Encrypt up to ``size`` values of each column with the first key.

    Return how many were encrypted and how many could not be read. Those that can't are
    passed over, so they don't keep the others from their turn.
    """
    current = f"v1:{next(iter(settings.ENCRYPTION_KEYS))}:"
    done = failed = 0
    for model, field in list_columns():
        # Not by startswith, which ignores case on SQLite.
        start = Substr("_head", 1, len(current))
        old = _filled(model, field).annotate(_start=start).exclude(_start=current)
        left = size
        while left and (found := list(old.values_list("pk", field.attname)[:left])):
            for pk, stored in found:
                try:
                    plain = decrypt(stored, context=field.context_of(pk))
                except DecryptionError:
                    failed += 1
                    continue
                rows = model.objects.filter(pk=pk, **{field.attname: stored})
                done += rows.update(**{field.attname: field.seal(plain, pk)})
                left -= 1
            old = old.filter(pk__gt=found[-1][0])
    return done, failed


def _filled(model: type[Any], field: EncryptedTextField) -> QuerySet[Any]:
    rows: QuerySet[Any] = model.objects.annotate(
        _head=Substr(F(field.attname), 1, _HEAD, output_field=TextField()),
        _colon=StrIndex(F(field.attname), Value(":"), output_field=IntegerField()),
    )
    rows = rows.filter(_colon__gt=0)
    return rows.order_by("pk")
