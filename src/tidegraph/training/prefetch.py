"""The next batch is drawn while a step is taken with this one."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

T = TypeVar("T")
_END = object()


def iterate_ahead(items: Iterable[T]) -> Iterator[T]:
    """Yield what an iterable yields, of which a thread makes the next meanwhile.

    What is random in it is drawn by that thread alone, in the order of the items.
    """
    coming = iter(items)
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        item = thread.submit(next, coming, _END)
        while (found := item.result()) is not _END:
            item = thread.submit(next, coming, _END)
            yield cast(T, found)
