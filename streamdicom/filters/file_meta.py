"""File meta information that a data set cannot be read without."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from streamdicom.dicom import FILE_META_GROUP, is_encapsulated
from streamdicom.events import (
    ELEMENT,
    START_DATASET,
    Event,
)
from streamdicom.filters.where import _MOST_HELD

_TRANSFER_SYNTAX_UID = 0x00020010


def needed_file_meta(events: Iterable[Event], *, always: bool = False) -> Iterator[Event]:
    """The events of a DICOM file, with group 0002 only where its transfer syntax is needed.

    That is where pixel data is encapsulated: nobody could tell what is in the fragments. PS3.18 Annex F does not know
    group 0002, and other files need nothing of it.

    Args:
        events: Those of one file.
        always: Whether group 0002 comes whatever the transfer syntax.

    >>> from streamdicom import iter_file_events
    >>> from pydicom.data import get_testdata_file
    >>> {tag >> 16 for _, tag, _, _ in needed_file_meta(iter_file_events(get_testdata_file("CT_small.dcm")))} >= {2}
    False
    """
    held: list[Event] = []
    is_needed = always
    remaining = iter(events)
    for event in remaining:
        held.append(event)
        kind, tag, _, value = event
        if tag == _TRANSFER_SYNTAX_UID and kind == ELEMENT:
            is_needed = always or (bool(value) and is_encapsulated(value[0]))
        if (kind != START_DATASET and tag >> 16 != FILE_META_GROUP) or len(held) > _MOST_HELD:
            break
    if not is_needed:
        held = [event for event in held if event[1] >> 16 != FILE_META_GROUP]
    return chain(held, remaining)
