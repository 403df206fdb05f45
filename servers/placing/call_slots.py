"""Call slots: how many calls to an account are in progress in this process at once."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.conf import settings

from servers import tracing, workload
from servers.messaging import dispatch
from servers.models import Account
from servers.outgoing.errors import CallError, MissingError
from servers.placing.lines import Lines, Waiter
from servers.records.counters import count_failure

# Each caller turned away since a call last ended must wait this much longer.
QUEUE_STEP: Final = timedelta(milliseconds=50)
QUEUE_MOST: Final = timedelta(seconds=10)
# An account that made no call for this many seconds counts as not in use.
ALONE_AFTER: Final = 120.0
# Threads kept free for ticks and listings even if only one account is in use.
KEPT_FREE: Final = 2


class BusyError(Exception):
    """The account has no call slot left in this process.

    ``account`` is not always the row's own: its fallbacks may be in others. ``wait``
    is when to try again: soon if calls end quickly, later if they hang.
    """

    def __init__(self, account: Account, wait: timedelta) -> None:
        super().__init__()
        self.account = account
        self.wait = wait


_slots: dict[UUID, int] = {}
_turned_away: dict[UUID, int] = {}
_asked: dict[UUID, float] = {}  # uptime in seconds
_slots_lock = threading.Lock()
_lines: Final = Lines[UUID](kept_seconds=QUEUE_MOST.total_seconds())


@contextmanager
def call_slot(account: Account) -> Iterator[None]:
    """Hold one of the account's call slots in this process; BusyError if none is free.

    No account gets more than half of the threads that the others leave. So however many
    clouds hang, the next one still finds a thread. If no other account has made a call
    for a while, one account may use more.
    """
    with _slots_lock:
        _raise_if_full(account)
        _slots[account.pk] = _slots.get(account.pk, 0) + 1
    try:
        with workload.calling():
            yield
    except CallError as error:
        if not isinstance(error, MissingError):
            count_failure(error)
        raise
    finally:
        with _slots_lock:
            _turned_away.pop(account.pk, None)
            _slots[account.pk] -= 1
            if not _slots[account.pk]:
                del _slots[account.pk]
        _hint_next(account)


def check_call_slot(account: Account) -> None:
    """Raise BusyError if the account has no free call slot in this process now."""
    with _slots_lock:
        _raise_if_full(account)


def await_slot(
    busy: BusyError, task: str, row_id: object, *, first: bool = False
) -> None:
    """Have a row that was turned away hinted when a call of the account ends.

    Call this when the row's lease is released and its timer set: a hint may be lost.
    """
    account = busy.account
    waiter, request_id = Waiter(task, str(row_id)), tracing.get_request_id()
    now = time.monotonic()
    _lines.join(account.pk, waiter, now=now, request_id=request_id, first=first)
    with _slots_lock:
        is_full = _is_full(account)
    if not is_full:  # the last call has ended meanwhile
        _hint_next(account)


def leave_line(task: str, row_id: object) -> None:
    """Give up a row's place: it has its turn now."""
    _lines.leave(Waiter(task, str(row_id)))


def _hint_next(account: Account) -> None:
    called = _lines.call_next(account.pk, now=time.monotonic())
    if called is not None:
        waiter, request_id = called
        dispatch.hint_now(waiter.task, waiter.row_id, request_id=request_id)


def _raise_if_full(account: Account) -> None:
    _asked[account.pk] = time.monotonic()
    if _is_full(account):
        turned_away = _turned_away.get(account.pk, 0) + 1
        _turned_away[account.pk] = turned_away
        raise BusyError(account, min(QUEUE_MOST, turned_away * QUEUE_STEP))


def _is_full(account: Account) -> bool:
    now = time.monotonic()
    used = _slots.get(account.pk, 0)
    left = settings.WORKER_THREADS - (sum(_slots.values()) - used)
    # Every account in use makes at least two calls a minute, for its listings.
    alone = all(pk == account.pk or now - at > ALONE_AFTER for pk, at in _asked.items())
    fair = max(1, left - KEPT_FREE if alone else left // 2)
    return used >= min(account.calls_at_once, fair)
