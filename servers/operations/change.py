"""Change an existing server, as far as people can."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from django.db import transaction

from servers.errors import ConflictError, InvalidError
from servers.lifecycle.states import State
from servers.models import Server
from servers.operations.labels import check_labels, check_tags, list_clouds
from servers.operations.provision import check_capacity, check_ttl
from servers.records import ledger
from servers.records.differences import list_differences, read_values
from servers.records.ledger import Fact, write_event
from servers.reports.selectors import find_server


@dataclass(frozen=True, slots=True)
class Change:
    """What to change. None changes nothing; ``labels`` replaces all labels."""

    labels: Mapping[str, str] | None = None
    ttl: int | None = None
    capacity: int | None = None
    protected: bool | None = None


def change_server(name: str, change: Change) -> Server:
    """Change a server. Raise NotFoundError, InvalidError or ConflictError (stopped)."""
    server = find_server(name)
    errors = {
        field: [message]
        for field, message in (
            ("labels", check_labels(change.labels or {})),
            ("ttl", check_ttl(change.ttl)),
            ("capacity", check_capacity(change.capacity)),
        )
        if message
    }
    if change.labels is not None and "labels" not in errors:
        clouds = list_clouds(server.recipe.placements.all())
        if message := check_tags(change.labels, clouds):
            errors["labels"] = [message]
    if errors:
        raise InvalidError.of(errors)
    wanted = {
        field: value
        for field in ("labels", "ttl", "capacity", "protected")
        if (value := getattr(change, field)) is not None
        and value != getattr(server, field)
    }
    if not wanted:
        return server
    now = ledger.database_now()
    with transaction.atomic():
        # With a new ttl or without protection, its termination may be due.
        changed = (
            Server.objects.filter(pk=server.pk)
            .exclude(state=State.STOPPED)
            .update(**wanted, updated_at=now, next_step_at=now)
        )
        if not changed:
            raise ConflictError(f"{server.name} has stopped and can't be changed.")
        changes = list_differences(read_values(server, wanted), wanted, seconds=["ttl"])
        write_event(
            Fact.CHANGED, server=server, reason=f"Changed {'; '.join(changes)}."
        )
    return find_server(name)


def revise_labels(
    name: str,
    revise: Callable[[Mapping[str, str]], Mapping[str, str]],
    *,
    besides: Change | None = None,
) -> Server:
    """Replace a server's labels with what ``revise`` returns for the current ones.

    ``revise`` is called while the row is locked, so that no concurrent change is lost.
    If it raises an error, nothing changes. ``besides`` is changed together with the
    labels. Raises the same errors as ``change_server``.
    """
    with transaction.atomic():
        row = Server.objects.select_for_update(no_key=True)
        labels = row.values_list("labels", flat=True).get(pk=find_server(name).pk)
        return change_server(name, replace(besides or Change(), labels=revise(labels)))
