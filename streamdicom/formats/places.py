"""Byte offsets of events, for callers that ask for them.

A parser that keeps places notes where it starts to read an element, and of a run of elements only where the run starts
and its bytes. An offset is worked out when somebody asks for it, also after later calls, and mostly never: the events
of a conformant stream need none.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from sys import maxsize

from streamdicom._typing import Any
from streamdicom.events import Event


class Places:
    """Where the events of one call begin.

    Attributes:
        marks: The index of an event, and the place from which on the events are: a byte offset, the positions of a run
            of events and the offset of position 0, or another that ``_resolved`` of a subclass knows.

    >>> places = Places()
    >>> events = [(1, 0, "", 0)]
    >>> places.begin(events)
    >>> places.mark(17)
    >>> events.append((3, 0x00100020, "LO", ()))
    >>> places.offset(0), places.offset(1)
    (0, 17)
    """

    def __init__(self) -> None:
        self.marks: list[tuple[int, Any]] = []
        self._events: Sequence[Event] = ()
        self._before: Any = 0  # the last place of the calls before

    def begin(self, events: Sequence[Event]) -> None:
        """Start a call, which appends to the list."""
        if self.marks:
            self._before = self.marks[-1][1]
        self.marks = []
        self._events = events

    def mark(self, place: Any) -> None:
        """Note the place of the next events."""
        self.marks.append((len(self._events), place))

    def mark_run(self, index: int, offset: int, positions: Sequence[int]) -> None:
        """Note the places of a run of events.

        Args:
            index: The index of the first event.
            offset: The byte offset of position 0.
            positions: The position of each event.
        """
        if len(positions):
            self.marks.append((index, (positions, offset)))

    def take_back(self, place: int) -> None:
        """Note that the last events were removed, and the place of the next."""
        while self.marks and self.marks[-1][0] > len(self._events):
            self.marks.pop()
        self.mark(place)

    def of_call(self) -> Places:
        """Return the places of this call, which later calls do not change."""
        places = type(self).__new__(type(self))
        places.__dict__.update(self.__dict__)
        return places

    def offset(self, index: int) -> int:
        """Return the byte offset of an event of the call.

        Ascending indices cost least. Events that no mark precedes have the offset of the event before.
        """
        number = bisect_left(self.marks, (index + 1,)) - 1
        if number < 0:
            return self._last(self._before)
        start, place = self.marks[number]
        return self._resolved(place, start, index)

    def _resolved(self, place: Any, start: int, index: int) -> int:
        """Return the byte offset of an event after a mark, by the indices of both."""
        if not isinstance(place, tuple):
            return place  # type: ignore[no-any-return]
        positions, offset = place
        return int(offset + positions[min(index - start, len(positions) - 1)])

    def _last(self, place: Any) -> int:
        """Return the byte offset of the last event after a mark of an earlier call."""
        return self._resolved(place, 0, maxsize)


class KeepsPlaces:
    """The part of a parser that only commands ask for: places, and padding."""

    _places: Places | None = None
    _rules: Any = None

    @property
    def is_holding(self) -> bool:
        """Whether events are held that a later call returns."""
        return False

    def keep_places(self) -> None:
        """Keep the places of all events from now on."""
        self._places = Places()

    def check_padding(self) -> None:
        """Report padding that PS3.5 6.2 does not allow; text formats have none."""

    def leave_out_right(self, rules: Any) -> None:
        """Deliver no elements that are right, if the parser can tell.

        The compiled engine tells it by rules. The starts and ends of sequences and items may be left out with them.

        Args:
            rules: See ``ValueCheck.engine_rules``.
        """
        self._rules = rules

    def offset_of(self) -> Callable[[int], int]:
        """Return a function from the index of an event to its byte offset.

        The event is one of the list that the last call of ``feed`` or ``close`` returned. The function may be called
        after later calls, and holds the bytes of its call. The offset of an element is that of its first byte, in a
        compressed stream after decompression. That of other events is at or before their first byte. ``keep_places``
        must have been called.
        """
        assert self._places is not None
        return self._places.of_call().offset
