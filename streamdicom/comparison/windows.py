"""The next events of a data set, before they are compared."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence

from streamdicom._records import NamedTuple
from streamdicom._typing import TypeAlias
from streamdicom.events import END_DATASET, END_ITEM, END_SEQUENCE, START_ITEM, START_SEQUENCE, Event

Place: TypeAlias = tuple[int, ...]
"""Byte offset, line and column, the last two 0 if they are not known; empty if nothing is known."""

Path: TypeAlias = tuple[int, ...]
"""The tags and item numbers, alternating, of the sequence or item around an event."""

_MAX_BATCHES = 2  # in a window
_END: Event = (END_DATASET, 0, "", None)


def _nowhere(_: int) -> Place:
    return ()


class Batch(NamedTuple):
    """Some events of a stream.

    Attributes:
        events: The events.
        place_of: Returns the place of an event, by its index, until the second batch after it is yielded.
    """

    events: Sequence[Event]
    place_of: Callable[[int], Place] = _nowhere


_NO_BATCH = Batch(())


class EventStream:
    """The events of a stream, which are taken a data set at a time.

    Args:
        batches: The events.
    """

    def __init__(self, batches: Iterable[Batch]) -> None:
        self._batches = iter(batches)
        self._batch = _NO_BATCH
        self._next = 0  # the index in the batch

    def windows(self) -> Iterator[Window]:
        """Yield each data set. The next passes over the rest of it."""
        while self._has_next():
            number = self._batch.events[self._next][3]
            self._next += 1
            window = Window(self, number)
            yield window
            window.close()

    def _has_next(self) -> bool:
        while self._next == len(self._batch.events):
            self._batch, self._next = _NO_BATCH, 0  # before the next is made
            batch = next(self._batches, None)
            if batch is None:
                return False
            self._batch = batch
        return True

    def take(self) -> tuple[Sequence[Event], Callable[[int], Place], int, bool] | None:
        """Return events up to the end of the data set or of a batch; None after the last.

        Returns:
            The events, the ``place_of`` of their batch, the index of the first in it, and whether the data set ends
            after them.
        """
        if not self._has_next():
            return None
        events, start = self._batch.events, self._next
        try:
            end = events.index(_END, start)
            is_last = True
        except ValueError:
            end = len(events)
            is_last = False
        self._next = end + is_last
        return events[start:end], self._batch.place_of, start, is_last


class Window:
    """The next events of a data set.

    Args:
        stream: The rest of the stream, after the start of the data set.
        number: The number of the data set.

    Attributes:
        number: As given.
        events: The next events.
        path: The sequence or item around the first of them.
        is_last: Whether the data set ends after them.

    >>> events = [(1, 0, "", 0), (3, 0x00100020, "LO", ()), (2, 0, "", None)]
    >>> stream = EventStream([Batch(events, lambda index: (index,))])
    >>> [(window.events, window.place(0)) for window in stream.windows()]
    [([(3, 1048608, 'LO', ())], (1,))]
    """

    def __init__(self, stream: EventStream, number: int) -> None:
        self._stream = stream
        self.number = number
        self.events: list[Event] = []
        self.path: Path = ()
        self.is_last = False
        self._runs: list[tuple[Callable[[int], Place], int]] = []  # of each batch; the index of its first event in it
        self._starts: list[int] = []  # the numbers of those events in the data set
        self._passed = 0  # events of the data set
        self.fill()

    def fill(self) -> bool:
        """Take more events; return whether there were any, or the data set ended."""
        before = len(self.events), self.is_last
        while not self.is_last and len(self._runs) < _MAX_BATCHES:
            taken = self._stream.take()
            if taken is None:
                self.is_last = True
                break
            events, place_of, index, self.is_last = taken
            self._runs.append((place_of, index))
            self._starts.append(self._passed + len(self.events))
            self.events += events
        return (len(self.events), self.is_last) != before

    def place(self, index: int) -> Place:
        """Return the place of an event, by its index in ``events``."""
        number = self._passed + index
        run = bisect_right(self._starts, number) - 1
        place_of, first = self._runs[run]
        return place_of(first + number - self._starts[run])

    def drop(self, count: int) -> None:
        """Leave the first events."""
        passed = self.events[:count]
        del self.events[:count]
        if self.events or not self.is_last:
            self.path = path_after(self.path, passed)
        self._passed += count
        left = len(self._starts) if not self.events else bisect_right(self._starts, self._passed) - 1
        del self._starts[:left], self._runs[:left]

    def drop_end(self, count: int) -> None:
        """Leave the last events of a data set that ends after them."""
        if count:
            del self.events[-count:]

    def close(self) -> None:
        """Pass over the rest of the data set."""
        while not self.is_last:
            self.events, self._runs, self._starts = [], [], []
            self.fill()


def path_after(path: Path, events: Iterable[Event]) -> Path:
    """Return the path after events that start with a path.

    >>> path_after((), [(10, 0x00081140, "SQ", None), (11, 0, "", 0)])
    (528704, 0)
    """
    for kind, tag, _, value in events:
        if kind == START_SEQUENCE:
            path = (*path, tag)
        elif kind == START_ITEM:
            path = (*path, value)
        elif kind in (END_ITEM, END_SEQUENCE):
            path = path[:-1]
    return path
