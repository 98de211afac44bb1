"""Items of a response: data sets, or events in batches."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from streamdicom.events import END_DATASET, Event

_BATCH_SIZE = 32  # events; each event of a long value holds a block of it


def is_event(item: object) -> bool:
    """Return whether an item is an event; named tuples are not."""
    return type(item) is tuple


def batched(items: Iterable[Any]) -> Iterator[Any]:
    """Yield data sets as they are, and events in lists that end with each data set.

    >>> from streamdicom import iter_events
    >>> [len(batch) for batch in batched(iter_events(b"[{}, {}]"))]
    [2, 2]
    """
    batch = _Batch()
    with _closing(iter(items)) as remaining:
        for item in remaining:
            if not is_event(item):
                yield item
            elif complete := batch.add(item):
                yield complete
    if batch.events:
        yield batch.events


async def abatched(items: AsyncIterable[Any]) -> AsyncIterator[Any]:
    """Yield the items of an asynchronous iterable as ``batched`` does."""
    batch = _Batch()
    async with _aclosing(aiter(items)) as remaining:
        async for item in remaining:
            if not is_event(item):
                yield item
            elif complete := batch.add(item):
                yield complete
    if batch.events:
        yield batch.events


class _Batch:
    """The events since the last complete batch."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def add(self, event: Event) -> list[Event]:
        """Add an event; return the batch that it completes, or an empty list."""
        self.events.append(event)
        if len(self.events) < _BATCH_SIZE and event[0] != END_DATASET:
            return []
        complete, self.events = self.events, []
        return complete


@contextmanager
def _closing(items: Iterator[Any]) -> Iterator[Iterator[Any]]:
    try:
        yield items
    finally:
        if close := getattr(items, "close", None):
            close()


@asynccontextmanager
async def _aclosing(items: AsyncIterator[Any]) -> AsyncIterator[AsyncIterator[Any]]:
    try:
        yield items
    finally:
        if close := getattr(items, "aclose", None):
            await close()
