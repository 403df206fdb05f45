"""Several reads of one CI system at once, within the deadline of all."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from servers.outgoing.deadline import Deadline, current_deadline

T = TypeVar("T")
U = TypeVar("U")
# CI systems ask their clients not to send many requests at once.
AT_ONCE: Final = 6


def gather(read: Callable[[T], U], items: Iterable[T]) -> list[U]:
    """Return what ``read`` returns for each item, in their order.

    The first error of an item is raised, and reads that have not begun are left out.
    """
    outer = current_deadline()

    def read_one(item: T) -> U:
        left = outer.remaining()
        with Deadline(left, outer.what, outer.received, at_once=AT_ONCE):
            return read(item)

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="queue") as threads:
        under_way = [threads.submit(read_one, item) for item in items]
        try:
            return [each.result() for each in under_way]
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
