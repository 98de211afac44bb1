"""Sort the elements of each data set and item by tag."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from operator import itemgetter

from streamdicom.events import (
    END_DATASET,
    END_ELEMENT,
    END_FRAGMENTS,
    END_ITEM,
    END_SEQUENCE,
    LAST_SEGMENT,
    SEGMENT,
    START_DATASET,
    START_FRAGMENT,
    START_ITEM,
    VALUES,
    Event,
)

_WITHIN = frozenset({VALUES, SEGMENT, LAST_SEGMENT, END_ELEMENT, START_FRAGMENT, END_FRAGMENTS, END_SEQUENCE})
_EVENT_OVERHEAD = 128  # bytes of memory of an event, about
_VALUE_OVERHEAD = 64  # and of each value

_Member = tuple[int, list[Event]]


class _Elements:
    """The elements of a data set or an item, with their events."""

    __slots__ = ("is_sorted", "members")

    def __init__(self) -> None:
        self.members: list[_Member] = []
        self.is_sorted = True

    def add(self, event: Event) -> None:
        tag = event[1]
        if self.members and tag < self.members[-1][0]:
            self.is_sorted = False
        self.members.append((tag, [event]))

    def events(self) -> Iterator[Event]:
        members = self.members if self.is_sorted else sorted(self.members, key=itemgetter(0))
        return chain.from_iterable(map(itemgetter(1), members))


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
        self._held: list[_Elements] = []  # of the data set and its open items, outermost first; empty: none is held
        self._size = 0

    def run(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the events that need not be held any longer, after the next events."""
        remaining = iter(events)
        if self._held:
            yield from self._hold(remaining)
        for event in remaining:
            yield event
            if event[0] == START_DATASET:
                self._held = [_Elements()]
                self._size = 0
                yield from self._hold(remaining)

    def _hold(self, events: Iterator[Event]) -> Iterator[Event]:
        """Hold a data set until it is complete or too large; then yield its events."""
        held, size, max_size = self._held, self._size, self._max_size
        for event in events:
            kind, _, _, value = event
            if kind == END_DATASET:
                self._held = []
                yield from held[0].events()
                yield event
                return
            if kind == START_ITEM:
                held[-1].members[-1][1].append(event)
                held.append(_Elements())
            elif kind == END_ITEM:
                item = held.pop()
                sequence = held[-1].members[-1][1]
                sequence.extend(item.events())
                sequence.append(event)
            elif kind in _WITHIN:
                held[-1].members[-1][1].append(event)
            else:
                held[-1].add(event)
            size += _EVENT_OVERHEAD + _size(value)
            if size > max_size:
                self._held = []
                yield from _release(held)
                return
        self._size = size


def _release(held: list[_Elements]) -> Iterator[Event]:
    """Yield all events that are held, outermost first; open elements are the last."""
    for elements in held:
        *complete, (_, opened) = elements.members or [(0, [])]
        for _, events in sorted(complete, key=itemgetter(0)):
            yield from events
        yield from opened


def _size(value: object) -> int:
    if isinstance(value, str | bytes):
        return len(value)
    return sum(map(_size, value)) + _VALUE_OVERHEAD * len(value) if isinstance(value, tuple) else 0
