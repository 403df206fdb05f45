"""Which servers, templates, accounts and tokens a caller can reach.

Every list, search and look-up by name of the API, the pages and the admin starts here,
and so do the operations that find a row by the name that a caller sent. Today, whoever
has the right to see a kind of record can reach all of it. What limits this later
belongs in the functions named ``reach_…``, and nowhere else: see docs/decisions/0033.

Three things don't depend on who asks, and have functions that say so: whether a name is
taken, what counts against a server limit, and figures about the whole fleet.

The engine, the reconciler, the drill and the commands act for the fleet, so they don't
use this module. Nor do operations that lock or check a row by its key, because their
caller has found it already.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from django.db.models import F, Model, QuerySet

from servers.errors import NotFoundError
from servers.models import (
    Account,
    Pool,
    Queue,
    Server,
    Template,
    TemplateVersion,
    Token,
)

MAX_NAME: Final = 63
MAX_TOKEN_NAME: Final = 100
MAX_PUBLIC_ID: Final = 16

_Row = TypeVar("_Row", bound=Model)


def reach_servers() -> QuerySet[Server]:
    """Return the servers that the caller can reach, with those that are hidden."""
    return Server.objects.all()


def reach_templates() -> QuerySet[Template]:
    """Return the templates that the caller can reach."""
    return Template.objects.all()


def reach_recipes() -> QuerySet[TemplateVersion]:
    """Return the current version of each template that the caller can reach."""
    return TemplateVersion.objects.filter(number=F("template__version"))


def reach_accounts() -> QuerySet[Account]:
    """Return the accounts that the caller can reach."""
    return Account.objects.all()


def reach_tokens() -> QuerySet[Token]:
    """Return the tokens that the caller can reach."""
    return Token.objects.all()


def reach_queues() -> QuerySet[Queue]:
    """Return the queues that the caller can reach."""
    return Queue.objects.all()


def reach_pools() -> QuerySet[Pool]:
    """Return the pools that the caller can reach, with template and queue.

    Without the queue's jobs, which may be many.
    """
    rows = Pool.objects.select_related("template", "queue")
    return rows.defer("queue__jobs")


_REACH: Final[Mapping[type[Model], Callable[[], QuerySet[Any]]]] = {
    Server: reach_servers,
    Template: reach_templates,
    Account: reach_accounts,
    Token: reach_tokens,
    Queue: reach_queues,
    Pool: reach_pools,
}


def reach_rows(model: type[_Row]) -> QuerySet[_Row]:
    """Return the rows of any model, for code that serves several."""
    reach = _REACH.get(model)
    return model._default_manager.all() if reach is None else reach()  # noqa: SLF001


def by_name(rows: QuerySet[_Row], name: str, *, most: int = MAX_NAME) -> QuerySet[_Row]:
    """Return the rows with a name. A name that no row can have costs no query."""
    # SQLite and PostgreSQL treat NUL differently, but no stored name contains one.
    if len(name) > most or "\0" in name:
        return rows.none()
    return rows.filter(name=name)


def _find(what: str, name: str, rows: QuerySet[_Row], *, most: int = MAX_NAME) -> _Row:
    found = by_name(rows, name, most=most).first()
    if found is None:
        raise NotFoundError.named(what, name)
    return found


def find_template(name: str, *, rows: QuerySet[Template] | None = None) -> Template:
    """Return the template with a name; raise NotFoundError.

    ``rows`` are those of ``reach_templates``, to load or lock them differently.
    """
    return _find("template", name, reach_templates() if rows is None else rows)


def load_placed(rows: QuerySet[Template]) -> list[Template]:
    """Load templates with their placements, without those deleted meanwhile."""
    found = rows.prefetch_related("placements")
    return [template for template in found if template.placements.all()]


def find_account(name: str, *, rows: QuerySet[Account] | None = None) -> Account:
    """Return the account with a name; raise NotFoundError.

    ``rows`` are those of ``reach_accounts``, to load or lock them differently.
    """
    return _find("account", name, reach_accounts() if rows is None else rows)


def find_queue(name: str, *, rows: QuerySet[Queue] | None = None) -> Queue:
    """Return the queue with a name; raise NotFoundError.

    ``rows`` are those of ``reach_queues``, to load or lock them differently.
    """
    return _find("queue", name, reach_queues() if rows is None else rows)


def find_pool(name: str, *, rows: QuerySet[Pool] | None = None) -> Pool:
    """Return the pool with a name; raise NotFoundError.

    ``rows`` are those of ``reach_pools``, to load or lock them differently.
    """
    return _find("pool", name, reach_pools() if rows is None else rows)


def find_token(name: str) -> Token:
    """Return the token with a name, its person and its parent; raise NotFoundError."""
    rows = reach_tokens().select_related("user", "parent")
    return _find("token", name, rows, most=MAX_TOKEN_NAME)


def find_token_by_id(public_id: str) -> Token:
    """Return the token with a public id; raise NotFoundError."""
    # An id is twelve hexadecimal digits. Don't query for anything else.
    found = None
    if public_id.isalnum() and len(public_id) <= MAX_PUBLIC_ID:
        found = reach_tokens().filter(public_id=public_id).first()
    if found is None:
        raise NotFoundError("This token does not exist.")
    return found


# Whoever asks, these are about the whole fleet.


def all_servers() -> QuerySet[Server]:
    """Return all servers of the fleet, for its figures and its server limits."""
    return Server.objects.all()


def all_templates() -> QuerySet[Template]:
    """Return all templates of the fleet, for its figures."""
    return Template.objects.all()


def all_pools() -> QuerySet[Pool]:
    """Return all pools of the fleet, for its figures."""
    return Pool.objects.all()


def all_queues() -> QuerySet[Queue]:
    """Return all queues of the fleet, for its figures."""
    return Queue.objects.all()


def all_accounts() -> QuerySet[Account]:
    """Return all accounts of the fleet, for its figures."""
    return Account.objects.all()
