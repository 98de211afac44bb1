"""UN in JSON and XML, as readers of DICOM files take it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import itemgetter

from streamdicom._typing import Any, TypeAlias
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
from streamdicom.formats.part10.context import CONTEXT_TAGS, ElementContext, affects_context
from streamdicom.limits import Limits

Place: TypeAlias = tuple[int, ...]
"""The place of an event, in any form."""

PlaceOf: TypeAlias = Callable[[int], Place]

_OF_CREATORS, _PRIVATE = 0x0001FF00, 0x00010000  # bits of a tag that creators and few others have

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
        self._levels = [_Level()]  # the data set and the open items
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
            if "UN" in vrs[start:end]:
                replaced += self._replaced(events, start, end, place_of)
            elif end == len(events):  # the data set may go on
                self._learn(events[start:])
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
        levels = list(self._levels)
        opened = iter(self._learn(events[start:end]))
        for index, event in enumerate(events[start:end], start):
            kind, tag, vr, _ = event
            if kind == ELEMENT and vr != "UN":
                continue
            if self._held:
                yield index, *self._hold(event, levels[-1])
            elif kind == START_ITEM:
                levels.append(next(opened))
            elif kind == END_ITEM:
                levels.pop()
            elif kind == START_DATASET:
                levels = [next(opened)]
            elif vr == "UN" and kind in (ELEMENT, START_ELEMENT) and _may_be_known(tag, levels[-1]):
                if kind == START_ELEMENT:
                    self._held, self._held_size, self._held_place = [event], 0, place_of(index)
                    yield index, (), None
                    continue
                found = self._as_read(tag, event[3], levels[-1])
                if found[0] != event:
                    yield index, found, None

    def _learn(self, events: Sequence[Event]) -> list[_Level]:
        """Learn from events; return the data sets and items that they open."""
        opened: list[_Level] = []
        for kind, tag, vr, value in events:
            if kind == ELEMENT:
                if tag in CONTEXT_TAGS or (tag & _OF_CREATORS == _PRIVATE and affects_context(tag)):
                    known = self._as_read(tag, value, _Level())[0] if vr == "UN" else None
                    self._levels[-1].learn(tag, known[3] if known else value)
            elif kind == END_ITEM:
                self._levels.pop()
            elif kind in (START_ITEM, START_DATASET):
                if kind == START_DATASET:
                    self._levels = []
                opened.append(_Level(self._levels[-1] if self._levels else None, tag))
                self._levels.append(opened[-1])
        return opened

    def _hold(self, event: Event, level: _Level) -> tuple[Sequence[Event], Place | None]:
        """Return the events of an element in parts that ends or is too long."""
        kind, tag, _, value = event
        self._held.append(event)
        if kind in (SEGMENT, LAST_SEGMENT):
            self._held_size += len(value)
            if self._held_size <= self._limits.held_size:
                return (), None
        found: Sequence[Event] = self._held
        if kind == END_ELEMENT:
            found = self._as_read(tag, (b"".join([part[3] for part in found[1:-1]]),), level)
        self._held = []
        return found, self._held_place

    def _as_read(self, tag: int, values: tuple[bytes, ...], level: _Level) -> Sequence[Event]:
        from streamdicom.formats.part10.recode import unknown_as_read  # which needs the parser

        return unknown_as_read(tag, values, level.facts(tag), self._limits)


class _Level:
    """A data set or an item, and the elements that the VRs of others depend on.

    Args:
        outer: The level around it.
        tag: The tag of its sequence.
    """

    def __init__(self, outer: _Level | None = None, tag: int = 0) -> None:
        self._outer = outer
        self._tag = tag
        self._values: dict[int, tuple[Any, ...]] = {}
        self._tags: list[int] = []  # in order
        self._facts: list[ElementContext] = []  # before each of them, and at the end

    def learn(self, tag: int, values: tuple[Any, ...]) -> None:
        """Take the first element with a tag."""
        self._values.setdefault(tag, values)
        self._facts = []

    def facts(self, tag: int) -> ElementContext:
        """Return the facts before an element in order of tags."""
        if not self._facts:
            self._facts = [ElementContext() if self._outer is None else self._outer.facts(self._tag).inherited]
            self._tags = sorted(self._values)
            for known in self._tags:
                self._facts.append(self._facts[-1].learn(known, self._values[known]))
        return self._facts[bisect_left(self._tags, tag)]


def _may_be_known(tag: int, level: _Level) -> bool:
    """Return whether the dictionary has another VR for UN."""
    known = level.facts(tag).effective_vr(tag, "UN", 0)
    return known != "UN" and tag >> 16 != FILE_META_GROUP and not is_group_length(tag)


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
