"""UN in JSON and XML, as readers of DICOM files take it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import itemgetter

from streamdicom._typing import TypeAlias
from streamdicom.dicom import FILE_META_GROUP, is_group_length
from streamdicom.events import (
    ELEMENT,
    END_ELEMENT,
    END_ITEM,
    LAST_SEGMENT,
    SEGMENT,
    START_DATASET,
    START_ELEMENT,
    START_ITEM,
    Event,
)
from streamdicom.formats.part10.context import ElementContext, affects_context
from streamdicom.limits import Limits

Place: TypeAlias = tuple[int, ...]
"""The place of an event, in any form."""

PlaceOf: TypeAlias = Callable[[int], Place]

_KIND, _VR = itemgetter(0), itemgetter(2)


class UnknownReader:
    """Gives UN the VR that it has after a DICOM file (PS3.5 6.2.2).

    It is that of the dictionary, also the private one, if the bytes fit it. Values of more than ``Limits.held_size``
    stay UN.

    Args:
        limits: The limits of the parser that made the events.

    >>> reader = UnknownReader(Limits())
    >>> events, place_of = reader.read([(3, 0x00100020, "UN", (b"17",))], lambda index: (index,))
    >>> events, place_of(0)
    ([(3, 1048608, 'LO', ('17',))], (0,))
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._facts = [ElementContext()]  # of the data set and the open items
        self._held: list[Event] = []  # of an element in parts
        self._held_size = 0  # bytes
        self._held_place: Place = ()

    def read(self, events: Sequence[Event], place_of: PlaceOf) -> tuple[Sequence[Event], PlaceOf]:
        """Take the next events of a stream; return them with known VRs.

        Args:
            events: The events.
            place_of: Returns the place of an event, by its index.

        Returns:
            Events, and the function that returns their places.
        """
        vrs = list(map(_VR, events))
        replaced: list[tuple[int, Sequence[Event], Place | None]] = []
        for start, end in _datasets(events):
            if end == len(events) or "UN" in vrs[start:end]:
                replaced += self._replaced(events, start, end, place_of)
        if not replaced:
            return events, place_of
        known: list[Event] = []
        places: list[int | Place] = []
        start = 0
        for index, found, place in replaced:
            known += [*events[start:index], *found]
            places += [*range(start, index), *[index if place is None else place] * len(found)]
            start = index + 1
        known += events[start:]
        places += range(start, len(events))
        return known, partial(_place, places, place_of)

    def _replaced(
        self, events: Sequence[Event], start: int, end: int, place_of: PlaceOf
    ) -> Iterator[tuple[int, Sequence[Event], Place | None]]:
        """Yield the index of each event of UN with a known VR, its events, and a place."""
        for index in range(start, end):
            kind, tag, vr, _ = event = events[index]
            if self._held:
                yield index, *self._hold(event)
            elif kind == START_ELEMENT and vr == "UN" and self._may_be_known(tag):
                self._held, self._held_size, self._held_place = [event], 0, place_of(index)
                yield index, (), None
            elif kind != ELEMENT:
                self._move(kind)
            else:
                found: Sequence[Event] = (event,)
                if vr == "UN" and self._may_be_known(tag):
                    found = self._as_read(tag, event[3])
                    if found[0] != event:
                        yield index, found, None
                if affects_context(tag):
                    self._facts[-1] = self._facts[-1].learn(tag, found[0][3])

    def _hold(self, event: Event) -> tuple[Sequence[Event], Place | None]:
        """Return the events of an element in parts that ends or is too long."""
        kind, tag, _, value = event
        self._held.append(event)
        if kind in (SEGMENT, LAST_SEGMENT):
            self._held_size += len(value)
            if self._held_size <= self._limits.held_size:
                return (), None
        found: Sequence[Event] = self._held
        if kind == END_ELEMENT:
            found = self._as_read(tag, (b"".join([part[3] for part in found[1:-1]]),))
        self._held = []
        return found, self._held_place

    def _move(self, kind: int) -> None:
        """Take the facts of the data set or the item after an event."""
        if kind == START_ITEM:
            self._facts.append(self._facts[-1].inherited)
        elif kind == END_ITEM:
            self._facts.pop()
        elif kind == START_DATASET:
            self._facts = [ElementContext()]

    def _may_be_known(self, tag: int) -> bool:
        """Return whether the dictionary has another VR for UN."""
        known = self._facts[-1].effective_vr(tag, "UN", 0)
        return known != "UN" and tag >> 16 != FILE_META_GROUP and not is_group_length(tag)

    def _as_read(self, tag: int, values: tuple[bytes, ...]) -> Sequence[Event]:
        from streamdicom.formats.part10.recode import unknown_as_read  # which needs the parser

        return unknown_as_read(tag, values, self._facts[-1], self._limits)


def _place(places: Sequence[int | Place], place_of: PlaceOf, index: int) -> Place:
    place = places[index]
    return place_of(place) if isinstance(place, int) else place


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
