"""Byte offsets of events, for callers that ask for them.

A parser that keeps places notes where it starts to read an element, and of a run of elements only where the run starts
and its bytes. The offsets are worked out when somebody asks for them, mostly never: the events of a conformant stream
need none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from streamdicom.events import Event

Walk: TypeAlias = Callable[[Sequence[Event]], Sequence[int]]
"""Returns the byte offsets of the first events of a run, at least one; others have that of the last of these."""


class Places:
    """Where the events of one call begin.

    >>> places = Places()
    >>> events = [(1, 0, "", 0)]
    >>> places.begin(events)
    >>> places.mark(17)
    >>> events.append((3, 0x00100020, "LO", ()))
    >>> places.offsets()
    [0, 17]
    """

    def __init__(self) -> None:
        self._events: Sequence[Event] = ()
        self._marks: list[tuple[int, int | Walk]] = []
        self._before: int | Walk = 0  # the last place of the calls before

    def begin(self, events: Sequence[Event]) -> None:
        """Start a call, which appends to the list."""
        if self._marks:
            self._before = self._marks[-1][1]
            self._marks.clear()
        self._events = events

    def mark(self, place: int | Walk, index: int | None = None) -> None:
        """Note the place of the next events, or of those from an index on.

        Args:
            place: A byte offset, or a function that works them out.
            index: The index of the first of them; the number of events so far by default.
        """
        self._marks.append((len(self._events) if index is None else index, place))

    def offsets(self) -> list[int]:
        """Return the byte offset of each event of the call.

        Events that no mark precedes have the offset of the event before.
        """
        events, marks = self._events, self._marks
        found: list[int] = []
        if not marks or marks[0][0]:
            found = [self._last_before()] * (marks[0][0] if marks else len(events))
        ends = [index for index, _ in marks[1:]] + [len(events)]
        for (index, place), end in zip(marks, ends, strict=bool(marks)):
            if end > index:
                found += [place] if isinstance(place, int) else place(events[index:end])[: end - index]
                found += found[-1:] * (end - len(found))
        return found

    def _last_before(self) -> int:
        place = self._before
        return place if isinstance(place, int) else place(())[-1]


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
