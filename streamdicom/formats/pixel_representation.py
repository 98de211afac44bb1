"""Pixel Representation, which decides between US and SS (PS3.5 A.1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streamdicom._encoded import ENCODED, Encoded, Path
from streamdicom.dicom import PIXEL_REPRESENTATION
from streamdicom.events import ELEMENT, END_ITEM, START_DATASET, START_ITEM, Event
from streamdicom.formats.seen_tags import SeenTags


def learn_pixel_representation(levels: Sequence[SeenTags], events: Sequence[Event], current: int | None) -> None:
    """Remember the Pixel Representation of each open level.

    Events leave the parser after each call, so the parser must remember the value before. To look for it then costs
    less than to examine each element.

    Args:
        levels: The tags of the open data set and its open items, outermost first.
        events: The last events, up to the current place.
        current: The tag of the element that is being read, which has no event yet.
    """
    missing = {
        number
        for number, level in enumerate(levels)
        if level.last >= PIXEL_REPRESENTATION and level.pixel_representation is None and level.has(PIXEL_REPRESENTATION)
    }
    if current == PIXEL_REPRESENTATION:
        missing.discard(len(levels) - 1)
    if not missing:
        return
    for number, value in _values(len(levels) - 1, reversed(events)):
        if number in missing:
            levels[number].pixel_representation = value
            missing.discard(number)
            if not missing:
                return
    for number in missing:  # the element is not wanted
        levels[number].pixel_representation = 0


def _values(level: int, events: Iterable[Event]) -> Iterable[tuple[int, int]]:
    """Yield level and value of each Pixel Representation in force after some events.

    Args:
        level: The number of the current level.
        events: The events, the last one first.
    """
    closed = 0  # items between the event and the current place
    for kind, tag, _, value, *_ in events:  # a raw element in the place of an event has more fields, and is another
        if tag == PIXEL_REPRESENTATION and kind == ELEMENT and not closed:
            yield level, value[0] if value and isinstance(value[0], int) else 0
        elif kind == END_ITEM:
            closed += 1
        elif kind == ENCODED:
            encoded = Encoded(*value)
            place = encoded if encoded.path is None else Path(*encoded.path)
            ended, opened = place.ended_items, place.open_items
            level -= max(0, opened - closed)
            closed = max(0, closed - opened) + ended
        elif kind == START_ITEM:
            level -= not closed
            closed = max(0, closed - 1)
        elif kind == START_DATASET:
            return
