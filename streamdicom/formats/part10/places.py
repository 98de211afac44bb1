"""Byte offsets of events of DICOM files, by the headers in their bytes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from streamdicom._typing import Any
from streamdicom.dicom import SHORT_VRS, Encoding
from streamdicom.events import ELEMENT, END_ITEM, START_ITEM, START_SEQUENCE, Event
from streamdicom.formats.places import Places

_UN = b"UN"
_RUN = 2  # the length of a place that has positions


class Part10Places(Places):
    """The places of the events of a ``Part10Parser``.

    A mark has a byte offset, or the positions of events with the offset of position 0, or a buffer and the position in
    it where ``part10_run`` starts, with the offset of the buffer and the encoding.
    """

    def __init__(self) -> None:
        super().__init__()
        self._withheld: list[tuple[int, Any]] = []  # marks of events that a later call returns

    def begin(self, events: Sequence[Event]) -> None:
        """Start a call, which appends to the list."""
        super().begin(events)
        if self._withheld:
            self.marks, self._withheld = self._withheld, []
        self._start = -1  # the index of the first event of the last run in which an offset was worked out
        self._positions: list[int] = []  # of its first events

    def withhold(self, events: Sequence[Event], count: int) -> None:
        """Note that the next call begins with some of the events.

        Args:
            events: The list with the events before them.
            count: The number of those.
        """
        number = bisect_left(self.marks, (count,))
        self._withheld, self.marks = self.marks, self.marks[:number]
        if count:
            self._withheld = [(index - count, place) for index, place in self._withheld[number:]]
        self._events = events

    def _resolved(self, place: Any, start: int, index: int) -> int:
        if isinstance(place, int) or len(place) == _RUN:
            return super()._resolved(place, start, index)
        buffer, position, base, encoding = place
        if start != self._start:
            self._start, self._positions = start, [position]
        positions = self._positions
        _walk(buffer, encoding, self._events[start + len(positions) - 1 : index], positions)
        return int(base + positions[index - start])

    def _last(self, place: Any) -> int:
        if isinstance(place, int) or len(place) == _RUN:
            return super()._last(place)
        return int(place[1] + place[2])


def _walk(buffer: bytes, encoding: Encoding, events: Iterable[Event], positions: list[int]) -> None:
    """Add the positions after events of a run, of which the first is at the last."""
    short, long = encoding.short.unpack_from, encoding.long.unpack_from
    item_end, sequence_end = [encoding.tag.pack(0xFFFE, element) for element in (0xE00D, 0xE0DD)]
    position = positions[-1]
    for kind, _, vr, _ in events:
        if kind == ELEMENT:
            if encoding.implicit:
                position += 8 + long(buffer, position + 4)[0]
            elif vr in SHORT_VRS and buffer[position + 4 : position + 6] != _UN:  # whose VR the event does not have
                position += 8 + short(buffer, position + 6)[0]
            else:
                position += 12 + long(buffer, position + 8)[0]
        elif kind == START_SEQUENCE:
            position += 8 if encoding.implicit else 12
        elif kind == START_ITEM:
            position += 8
        elif buffer[position : position + 4] == (item_end if kind == END_ITEM else sequence_end):
            position += 8  # the delimiter, which here may be that of an item or a sequence around
        positions.append(position)
