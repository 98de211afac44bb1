"""The order of the elements in a data set: which have come, and how to have them in ascending order."""

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
_OVERHEAD = 128  # bytes that an event takes, about


# --- in ascending order ----------------------------------------------------------------------------------------

_Member = tuple[int, list[Event]]


class _Level:
    """A data set or an item: its elements as they came, with the events of each."""

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


def sort_elements(events: Iterable[Event], *, most: int = 1024 * 1024) -> Iterator[Event]:
    """The same events with the elements of each data set and item in ascending order of their tags (PS3.5 7.1).

    A data set is held until it is complete. One that takes more memory than ``most`` is let go as far as it came, and
    the rest of it comes as it comes: it is in order unless an element there belongs before what has gone.

    Args:
        events: Any stream of DICOM events.
        most: Bytes of a data set that are held, about.

    >>> from streamdicom import iter_events
    >>> events = iter_events(b'{"00100020": {"vr": "LO"}, "00100010": {"vr": "PN"}}')
    >>> [f"{tag:08X}" for _, tag, _, _ in sort_elements(events) if tag]
    ['00100010', '00100020']
    """
    return ElementSorter(most=most).run(events)


class ElementSorter:
    """As ``sort_elements``, for events that come in batches.

    Args:
        most: Bytes of a data set that are held, about.

    >>> sorter = ElementSorter()
    >>> list(sorter.run([(1, 0, "", 0), (3, 0x00100020, "LO", ())]))
    [(1, 0, '', 0)]
    >>> [f"{tag:08X}" for _, tag, _, _ in sorter.run([(3, 0x00100010, "PN", ()), (2, 0, "", None)])]
    ['00100010', '00100020', '00000000']
    """

    def __init__(self, *, most: int = 1024 * 1024) -> None:
        self._most = most
        self._levels: list[_Level] = []  # of the data set that is held, if one is
        self._size = 0

    def run(self, events: Iterable[Event]) -> Iterator[Event]:
        """The next events, as far as they need not be held any longer."""
        remaining = iter(events)
        if self._levels:
            yield from self._hold(remaining)
        for event in remaining:
            yield event
            if event[0] == START_DATASET:
                self._levels = [_Level()]
                self._size = 0
                yield from self._hold(remaining)

    def _hold(self, events: Iterator[Event]) -> Iterator[Event]:
        """The events of a data set behind its start, until it is complete or too large."""
        levels, size, most = self._levels, self._size, self._most
        for event in events:
            kind, _, _, value = event
            if kind == END_DATASET:
                self._levels = []
                yield from levels[0].events()
                yield event
                return
            if kind == START_ITEM:
                levels[-1].members[-1][1].append(event)
                levels.append(_Level())
            elif kind == END_ITEM:
                inner = levels.pop()
                held = levels[-1].members[-1][1]
                held.extend(inner.events())
                held.append(event)
            elif kind in _WITHIN:
                levels[-1].members[-1][1].append(event)
            else:
                levels[-1].add(event)
            size += _OVERHEAD + _size(value)
            if size > most:
                self._levels = []
                yield from _let_go(levels)
                return
        self._size = size


def _let_go(levels: list[_Level]) -> Iterator[Event]:
    """All that is held, from the outermost level in; what is open comes last in each."""
    for level in levels:
        *done, (_, opened) = level.members or [(0, [])]
        for _, events in sorted(done, key=itemgetter(0)):
            yield from events
        yield from opened


def _size(value: object) -> int:
    if isinstance(value, str | bytes):
        return len(value)
    return sum(map(_size, value)) + 64 * len(value) if isinstance(value, tuple) else 0
