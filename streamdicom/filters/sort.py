"""Sort the elements of each data set and item by tag."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from operator import itemgetter

from streamdicom._encoded import ENCODED, UNCHANGED, Encoded, levels_after
from streamdicom._typing import Any
from streamdicom.events import (
    BULK_DATA,
    ELEMENT,
    END_DATASET,
    END_ITEM,
    JSON_ELEMENT,
    START_DATASET,
    START_ELEMENT,
    START_FRAGMENTS,
    START_ITEM,
    START_SEQUENCE,
    Event,
    to_end,
)

_STARTING = frozenset({BULK_DATA, START_ELEMENT, START_SEQUENCE, START_FRAGMENTS, JSON_ELEMENT})
_EVENT_OVERHEAD = 128  # bytes of memory of an event, about
_VALUE_OVERHEAD = 64  # and of each value
_NUMBERS = frozenset({int, float})
_AFTER_ALL = 1 << 32  # greater than every tag
_MAX_SOURCE = 4 * 1024 * 1024  # bytes of which ``Encoded`` events may be held
_MAX_GROWTH = 8  # times the memory of events that their text in a writer's form takes at most
_BEFORE_ITEM = frozenset({START_SEQUENCE, END_ITEM})
_IN_SEQUENCE = Encoded._fields.index("in_sequence")
_NO_EVENT: Event = (0, 0, "", None)


_Member = tuple[int, list[Event]]


def sort_elements(events: Iterable[Event], *, max_size: int = 1024 * 1024) -> Iterator[Event]:
    """Yield the same events, with elements in ascending order of tags (PS3.5 7.1).

    Each data set and each item is sorted.
    A data set is held until it is complete. If it takes more memory than ``max_size``, the part that is held is
    yielded in order, and the rest as it is in the source: the result is in order unless an element of the rest belongs
    to the first part.

    Args:
        events: Any stream of DICOM events.
        max_size: Bytes of a data set that may be held, about.

    >>> from streamdicom import iter_events
    >>> events = iter_events(b'{"00100020": {"vr": "LO"}, "00100010": {"vr": "PN"}}')
    >>> [f"{tag:08X}" for _, tag, _, _ in sort_elements(events) if tag]
    ['00100010', '00100020']
    """
    return ElementSorter(max_size=max_size).run(events)


class ElementSorter:
    """The stage of ``sort_elements``, for events in batches.

    Args:
        max_size: Bytes of a data set that may be held, about.

    >>> sorter = ElementSorter()
    >>> list(sorter.run([(1, 0, "", 0), (3, 0x00100020, "LO", ())]))
    [(1, 0, '', 0)]
    >>> [f"{tag:08X}" for _, tag, _, _ in sorter.run([(3, 0x00100010, "PN", ()), (2, 0, "", None)])]
    ['00100010', '00100020', '00000000']
    """

    def __init__(self, *, max_size: int = 1024 * 1024) -> None:
        self._max_size = max_size
        self._is_holding = False
        self._begin()

    def _begin(self) -> None:
        """Begin to hold a data set, after its start."""
        self._held: list[Event] = []
        self._last = -1  # the highest tag so far in the data set or the innermost item
        self._outer: list[int] = []  # the same for the data set and the items around
        self._is_sorted = True
        self._size = 0
        self._source_size = -1  # bytes that the held ``Encoded`` events were read from; -1 without any
        self._needs_events = False  # in place of ``Encoded`` events

    def run(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the events that need not be held any longer, after the next events."""
        # A chain in C passes an event on in a fraction of the time of a generator.
        return chain.from_iterable(self._batches(iter(events)))

    def _batches(self, events: Iterator[Event]) -> Iterator[Iterable[Event]]:
        if self._is_holding:
            yield self._hold(events)
        for event in events:
            yield (event,)
            if event[0] == START_DATASET:
                self._begin()
                self._is_holding = True
                yield self._hold(events)
            elif event[0] != END_DATASET:  # of a data set that was too large
                yield to_end(events)

    def _hold(self, events: Iterator[Event]) -> Iterable[Event]:
        """Hold a data set; return its events when it is complete or too large."""
        if self._needs_events:
            return self._hold_events(_as_events(events))
        try:
            return self._hold_events(events)
        except Exception as error:
            if self._source_size < 0:
                raise
            return self._hold_again(_raising(error))  # its events may be too many to be held until the error

    def _hold_again(self, events: Iterator[Event]) -> Iterable[Event]:
        """Hold the data set from its start, without ``Encoded`` events."""
        held = self._held
        self._begin()
        self._needs_events = True
        return self._hold_events(_as_events(chain(held, events)))

    def _hold_events(self, events: Iterator[Event]) -> Iterable[Event]:
        held, last, size, max_size, append = self._held, self._last, self._size, self._max_size, self._held.append
        for event in events:
            append(event)
            kind, tag, _, value = event
            if kind == ELEMENT or kind in _STARTING:
                if tag < last:
                    if self._source_size >= 0:
                        return self._hold_again(events)
                    self._is_sorted = False
                last = tag
            elif kind == START_ITEM:
                self._outer.append(last)
                last = -1
            elif kind == END_ITEM:
                last = self._outer.pop()
            elif kind == END_DATASET:
                self._is_holding = False
                return held if self._is_sorted else _sorted(held)
            elif kind == ENCODED:
                last, size = self._pass(value, last, size)
                if not self._is_sorted or (size <= max_size and self._source_size > _MAX_SOURCE):
                    return self._hold_again(events)
                if size <= max_size:
                    continue
                value = ()
            size += _EVENT_OVERHEAD + _size(value)
            if size > max_size:
                self._is_holding = False
                return chain(held if self._is_sorted else _sorted(held), to_end(events))
        self._last, self._size = last, size
        return ()

    def _pass(self, value: tuple[Any, ...], last: int, size: int) -> tuple[int, int]:
        """Go to the place after an ``Encoded`` event; return the last tag and the size."""
        data, tag, in_sequence, changed, opened, _, _, _, _, path, _, (count, source_size) = value
        self._source_size += source_size + (self._source_size < 0)
        if path is not None or in_sequence or changed or opened:
            before = self._held[-2] if len(self._held) > 1 else _NO_EVENT
            is_in_sequence = before[3][_IN_SEQUENCE] if before[0] == ENCODED else before[0] in _BEFORE_ITEM
            *self._outer, last = levels_after([*self._outer, last], is_in_sequence, Encoded(*value))
        elif tag != UNCHANGED:
            last = tag
        text_size = len(data) // _MAX_GROWTH
        count *= _EVENT_OVERHEAD
        return last, size + (count if count > text_size else text_size)


def _as_events(events: Iterable[Event]) -> Iterator[Event]:
    """Yield the events that ``Encoded`` events stand for in their place."""
    for event in events:
        if event[0] == ENCODED:
            yield from Encoded(*event[3]).events()
        else:
            yield event


def _raising(error: Exception) -> Iterator[Event]:
    raise error
    yield  # a generator


def _sorted(events: list[Event]) -> Iterator[Event]:
    """Yield the events of a data set in order; open elements are the last."""
    opened: list[list[_Member]] = [[]]  # the elements of the data set and of its open items, outermost first
    for event in events:
        kind, tag, _, _ = event
        if kind == START_ITEM:
            opened[-1][-1][1].append(event)
            opened.append([])
        elif kind == END_ITEM:
            item = opened.pop()
            sequence = opened[-1][-1][1]
            sequence.extend(_in_order(item))
            sequence.append(event)
        elif kind == ELEMENT or kind in _STARTING:
            opened[-1].append((tag, [event]))
        elif kind == END_DATASET:
            opened[-1].append((_AFTER_ALL, [event]))
        else:
            opened[-1][-1][1].append(event)
    for members in opened:
        *complete, (_, rest) = members or [(0, [])]
        yield from _in_order(complete)
        yield from rest


def _in_order(members: list[_Member]) -> Iterator[Event]:
    return chain.from_iterable([events for _, events in sorted(members, key=itemgetter(0))])


def _size(value: object) -> int:
    if not isinstance(value, tuple):
        return len(value) if isinstance(value, str | bytes) else 0
    size = _VALUE_OVERHEAD * len(value)
    for one in value:
        if type(one) not in _NUMBERS:
            size += len(one) if isinstance(one, str) else _size(one)
    return size
