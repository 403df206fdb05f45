"""Provision once per Idempotency-Key, even with concurrent requests and crashes."""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction

from servers.errors import ConflictError, InvalidError, UnprocessableError
from servers.models import IdempotentRequest, Server
from servers.operations.provision import Request, provision_servers, say_gone
from servers.records.ledger import database_now

VALID_FOR: Final = timedelta(hours=24)
KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")


class _TakenError(Exception):
    """Another request wrote the key first."""


def provision_once(
    request: Request, *, caller: str, key: str, body: Mapping[str, Any]
) -> tuple[list[Server], bool]:
    """Return the servers of a request, and whether they had been created before.

    The key is stored in the transaction that inserts the servers, so a crash leaves
    both or neither. Only accepted requests are remembered; refused ones can be retried.
    Raises InvalidError (the key), UnprocessableError (the same key with another body)
    and the errors of ``provision_servers``.
    """
    if not KEY.fullmatch(key):
        raise InvalidError(
            "An Idempotency-Key has 1 to 255 printable ASCII characters without spaces."
        )
    digest = hashlib.sha256(
        json.dumps(body, sort_keys=True, ensure_ascii=False).encode()
    ).hexdigest()
    if (found := _find(caller, key)) is not None:
        return _replay(found, digest), True
    try:
        return _insert(request, caller=caller, key=key, digest=digest), False
    except _TakenError:
        pass
    except IntegrityError:
        # From the commit, which checks foreign keys. Only the template's can fail.
        raise say_gone() from None
    found = _find(caller, key)
    if found is None:
        raise ConflictError("The same request is in progress. Send it again.")
    return _replay(found, digest), True


def _insert(request: Request, *, caller: str, key: str, digest: str) -> list[Server]:
    with transaction.atomic():
        try:
            with transaction.atomic():
                # First: all concurrent requests but one wait here and then fail.
                row = IdempotentRequest.objects.create(
                    caller=caller, key=key, digest=digest
                )
        except IntegrityError:
            raise _TakenError from None
        servers = provision_servers(request)
        row.servers = [str(server.pk) for server in servers]
        row.save(update_fields=["servers"])
    return servers


def _find(caller: str, key: str) -> IdempotentRequest | None:
    rows = IdempotentRequest.objects.filter(caller=caller, key=key)
    found = rows.first()
    if found is not None and found.created_at <= database_now() - VALID_FOR:
        rows.filter(pk=found.pk).delete()
        return None
    return found


def _replay(found: IdempotentRequest, digest: str) -> list[Server]:
    if found.digest != digest:
        raise UnprocessableError(
            "This Idempotency-Key was already used with another body. Use a new key "
            "for a new request."
        )
    rows = {str(row.pk): row for row in Server.objects.filter(pk__in=found.servers)}
    if len(rows) < len(found.servers):
        raise ConflictError(
            "The servers created with this Idempotency-Key have stopped and were "
            "purged. Use a new key."
        )
    return [rows[pk] for pk in found.servers]
