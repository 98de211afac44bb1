"""UN in JSON and XML, as readers of DICOM files take it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter

from streamdicom.dicom import FILE_META_GROUP, is_group_length
from streamdicom.events import ELEMENT, END_ITEM, START_DATASET, START_ITEM, Event
from streamdicom.formats.part10.context import ElementContext, affects_context
from streamdicom.limits import Limits

_KIND, _VR = itemgetter(0), itemgetter(2)


class UnknownReader:
    """Gives UN the VR that it has after a DICOM file (PS3.5 6.2.2).

    It is that of the dictionary, also the private one, if the bytes fit it. Values in parts, of more than 64 KiB of
    base64, stay UN.

    Args:
        limits: The limits of the parser that made the events.

    >>> reader = UnknownReader(Limits())
    >>> reader.read([(3, 0x00100020, "UN", (b"17",)), (3, 0x00100040, "CS", ("F",))])
    ([(3, 1048608, 'LO', ('17',)), (3, 1048640, 'CS', ('F',))], [0, 1])
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._facts = [ElementContext()]  # of the data set and the open items

    def read(self, events: Sequence[Event]) -> tuple[Sequence[Event], Sequence[int]]:
        """Take the next events of a stream; return them with known VRs.

        Returns:
            The events, and for each the index of the event that it was.
        """
        vrs = list(map(_VR, events))
        replaced: list[tuple[int, Sequence[Event]]] = []
        for start, end in _datasets(events):
            if end == len(events) or "UN" in vrs[start:end]:
                replaced += self._replaced(events, start, end)
        if not replaced:
            return events, range(len(events))
        known: list[Event] = []
        indexes: list[int] = []
        start = 0
        for index, found in replaced:
            known += [*events[start:index], *found]
            indexes += [*range(start, index), *[index] * len(found)]
            start = index + 1
        return [*known, *events[start:]], [*indexes, *range(start, len(events))]

    def _replaced(self, events: Sequence[Event], start: int, end: int) -> Iterator[tuple[int, Sequence[Event]]]:
        """Yield the index of each element of UN with a known VR, and its events."""
        for index in range(start, end):
            kind, tag, vr, _ = event = events[index]
            if kind != ELEMENT:
                self._move(kind)
                continue
            found: Sequence[Event] = (event,)
            if vr == "UN":
                found = self._known(event)
                if found[0] != event:
                    yield index, found
            if affects_context(tag):
                self._facts[-1] = self._facts[-1].learn(tag, found[0][3])

    def _move(self, kind: int) -> None:
        """Take the facts of the data set or the item after an event."""
        if kind == START_ITEM:
            self._facts.append(self._facts[-1].inherited)
        elif kind == END_ITEM:
            self._facts.pop()
        elif kind == START_DATASET:
            self._facts = [ElementContext()]

    def _known(self, event: Event) -> Sequence[Event]:
        """Return the events that a DICOM file with an element of UN has for it."""
        _, tag, vr, values = event
        data = values[0] if values else b""
        known = self._facts[-1].effective_vr(tag, vr, len(data))
        if known == vr or tag >> 16 == FILE_META_GROUP or is_group_length(tag):
            return (event,)
        from streamdicom.formats.part10.recode import unknown_as_read  # which needs the parser

        return unknown_as_read(event, self._facts[-1], self._limits)


def _datasets(events: Sequence[Event]) -> Iterator[tuple[int, int]]:
    """Yield the start and the end of each data set, of which the first may be cut."""
    kinds = list(map(_KIND, events))
    start = 0
    while start < len(kinds):
        try:
            end = kinds.index(START_DATASET, start + 1)
        except ValueError:
            end = len(kinds)
        yield start, end
        start = end
