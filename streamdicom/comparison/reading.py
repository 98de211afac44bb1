"""Data sets that can be compared.

The entries of a data set are in ascending order of keys. In a data set of more than 10,000 entries, an element can be
that many positions away from its place in this order; further away, the order is lost.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import islice

from streamdicom._records import NamedTuple
from streamdicom.comparison.entries import Entry, entries_of
from streamdicom.comparison.windows import Batch, EventStream, Window
from streamdicom.dicom import SOP_INSTANCE_UID
from streamdicom.events import ELEMENT, END_ITEM, START_ITEM, Event

_MAX_SORTED = 10_000  # entries


class DataSet(NamedTuple):
    """A data set of a stream, for ``leave_out_equal`` and ``differences``.

    Its entries must be read before the next data set is.

    Attributes:
        number: Its number in the stream.
        uid: The content of its SOP Instance UID; empty if it has none.
        entries: Its elements and items.
        window: Its next events, or None if its entries are all that is known.
        file_meta: Whether group 0002 is compared.
    """

    number: int
    uid: bytes
    entries: Iterator[Entry]
    window: Window | None = None
    file_meta: bool = False


def datasets(batches: Iterable[Batch], *, file_meta: bool = False, shown: bool = False) -> Iterator[DataSet]:
    """Yield the data sets of a stream of events.

    Args:
        batches: The events.
        file_meta: Include group 0002.
        shown: Include values as printed.

    >>> from streamdicom import iter_events
    >>> text = b'{"00100020": {"vr": "LO"}, "00081140": {"vr": "SQ", "Value": [{}]}}'
    >>> for dataset in datasets([Batch(list(iter_events(text)))]):
    ...     print([(key, vr) for key, vr, *_ in dataset.entries])
    [((528704,), 'SQ'), ((528704, 0), ''), ((1048608,), 'LO')]
    """
    for window in EventStream(batches).windows():
        uid = _uid_in(window)
        if uid is not None:
            yield DataSet(window.number, uid, _sorted(_entries(window, file_meta, shown)), window, file_meta)
            continue
        entries = _entries(window, file_meta, shown)
        held = sorted(islice(entries, _MAX_SORTED))
        yield DataSet(window.number, _uid_of(held), _in_order(held, entries))


def _uid_in(window: Window) -> bytes | None:
    """Return the content of the SOP Instance UID, or None if it may be further on."""
    depth = 0
    for index, (kind, tag, _, _) in enumerate(window.events):
        if kind == START_ITEM:
            depth += 1
        elif kind == END_ITEM:
            depth -= 1
        elif tag == SOP_INSTANCE_UID and not depth:
            if kind != ELEMENT:  # in parts, which the window may not have
                return None
            [entry] = entries_of(iter(window.events[index : index + 1]), (), tuple, file_meta=False, shown=False)
            return entry[2]
    return b"" if window.is_last else None


def _entries(window: Window, file_meta: bool, shown: bool) -> Iterator[Entry]:
    """Yield the entries of the rest of a data set, in the order of the stream."""
    events = _Events(window)
    yield from entries_of(events, window.path, events.place, file_meta=file_meta, shown=shown)


class _Events(Iterator[Event]):
    """The rest of the events of a data set, and the place of the last one."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._next = 0

    def __next__(self) -> Event:
        window = self._window
        if self._next == len(window.events):
            window.drop(self._next)
            self._next = 0
            if not window.fill() or not window.events:
                raise StopIteration
        event = window.events[self._next]
        self._next += 1
        return event

    def place(self) -> tuple[int, ...]:
        """Return the place of the last event."""
        return self._window.place(self._next - 1)


def _sorted(entries: Iterator[Entry]) -> Iterator[Entry]:
    held = sorted(islice(entries, _MAX_SORTED))
    yield from _in_order(held, entries)


def _uid_of(held: list[Entry]) -> bytes:
    key = (SOP_INSTANCE_UID,)
    place = bisect_left(held, (key,))
    return held[place][2] if place < len(held) and held[place][0] == key else b""


def _in_order(held: list[Entry], entries: Iterator[Entry]) -> Iterator[Entry]:
    """Yield the entries of a large data set; ``held`` is sorted, and therefore a heap."""
    for entry in entries:
        yield heapq.heappushpop(held, entry)
    yield from sorted(held)
