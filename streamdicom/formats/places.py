"""Byte offsets of events, for callers that ask for them.

A parser that keeps places notes where it starts to read an element, and of a run of elements only where the run starts
and its bytes. The offsets are worked out when somebody asks for them, mostly never: the events of a conformant stream
need none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from streamdicom.events import Event

Walk: TypeAlias = Callable[[Sequence[Event]], Sequence[int]]
"""Returns the byte offsets of the first events of a run, at least one; others have that of the last of these."""


class Places:
    """Where the events of one call begin.

    Attributes:
        marks: The index of an event, and the place from which on the events are: a byte offset, a ``Walk``, or what
            else ``_resolved`` of a subclass knows.

    >>> places = Places()
    >>> events = [(1, 0, "", 0)]
    >>> places.begin(events)
    >>> places.mark(17)
    >>> events.append((3, 0x00100020, "LO", ()))
    >>> places.offsets()
    [0, 17]
    """

    def __init__(self) -> None:
        self.marks: list[tuple[int, Any]] = []
        self._events: Sequence[Event] = ()
        self._before: Any = 0  # the last place of the calls before

    def begin(self, events: Sequence[Event]) -> None:
        """Start a call, which appends to the list."""
        if self.marks:
            self._before = self.marks[-1][1]
            self.marks.clear()
        self._events = events

    def mark(self, place: int | Walk) -> None:
        """Note the place of the next events: a byte offset, or a function for it."""
        self.marks.append((len(self._events), place))

    def take_back(self, place: int) -> None:
        """Note that the last events were removed, and the place of the next."""
        while self.marks and self.marks[-1][0] > len(self._events):
            self.marks.pop()
        self.mark(place)

    def offsets(self) -> list[int]:
        """Return the byte offset of each event of the call.

        Events that no mark precedes have the offset of the event before.
        """
        events, marks = self._events, self.marks
        found: list[int] = []
        if not marks or marks[0][0]:
            found = [self._resolved(self._before, ())[-1]] * (marks[0][0] if marks else len(events))
        ends = [index for index, _ in marks[1:]] + [len(events)]
        for (index, place), end in zip(marks, ends, strict=bool(marks)):
            if end > index:
                found += self._resolved(place, events[index:end])[: end - index]
                found += found[-1:] * (end - len(found))
        return found

    def _resolved(self, place: Any, events: Sequence[Event]) -> Sequence[int]:
        """Return the byte offsets of the first events after a mark, at least one."""
        return (place,) if isinstance(place, int) else place(events)


class KeepsPlaces:
    """The part of a parser that keeps the places of its events."""

    _places: Places | None = None

    def keep_places(self) -> None:
        """Keep the places of all events from now on."""
        self._places = Places()

    def offsets(self) -> list[int]:
        """Return the byte offset of each event of the last call of ``feed`` or ``close``.

        The offset of an element is that of its first byte, in a compressed stream after decompression. That of other
        events is at or before their first byte. ``keep_places`` must have been called.
        """
        assert self._places is not None
        return self._places.offsets()
