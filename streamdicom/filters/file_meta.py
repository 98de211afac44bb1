"""Keep File Meta Information only where a data set cannot be read without it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from streamdicom._encoded import ENCODED
from streamdicom.dicom import FILE_META_GROUP, TRANSFER_SYNTAX_UID, is_encapsulated
from streamdicom.events import ELEMENT, END_DATASET, END_SEQUENCE, START_SEQUENCE, Event, by_dataset

_MAX_HELD = 256  # events; more than File Meta Information has elements
_ENDS = frozenset({END_DATASET, ENCODED})


def needed_file_meta(events: Iterable[Event], *, always: bool = False) -> Iterator[Event]:
    """Yield the events of a DICOM file, with group 0002 only if it is needed.

    Encapsulated pixel data needs its transfer syntax: the fragments cannot be decoded otherwise. Other data sets do
    not, and PS3.18 Annex F has no place for group 0002.

    Args:
        events: The events of one file.
        always: Keep group 0002 for every transfer syntax.

    >>> from streamdicom import iter_events
    >>> from pydicom.data import get_testdata_file
    >>> {tag >> 16 for _, tag, _, _ in needed_file_meta(iter_events(get_testdata_file("CT_small.dcm")))} >= {2}
    False
    """
    held: list[Event] = []
    is_needed = always
    depth = 0
    remaining = iter(events)
    for event in remaining:
        held.append(event)
        kind, tag, _, value = event
        is_over = kind in _ENDS or (not depth and tag >> 16 > FILE_META_GROUP)
        if kind == START_SEQUENCE:
            depth += 1
        elif kind == END_SEQUENCE:
            depth -= 1
        elif tag == TRANSFER_SYNTAX_UID and kind == ELEMENT and not depth:
            is_needed = always or (bool(value) and is_encapsulated(value[0]))
        if is_over or len(held) > _MAX_HELD:
            break
    return chain(held if is_needed else _without_file_meta(held), remaining)


def _without_file_meta(events: Iterable[Event]) -> Iterator[Event]:
    depth, outermost = 0, 0
    for event in events:
        kind, tag, _, _ = event
        if not depth:
            outermost = tag
        if kind == START_SEQUENCE:
            depth += 1
        elif kind == END_SEQUENCE:
            depth -= 1
        if outermost >> 16 != FILE_META_GROUP:
            yield event


def needed_file_meta_of_each(events: Iterable[Event]) -> Iterator[Event]:
    """Yield the events of a stream, with group 0002 only in data sets that need it.

    Args:
        events: The events of any number of data sets.

    >>> from streamdicom import iter_events
    >>> jpeg = b'{"00020010": {"vr": "UI", "Value": ["1.2.840.10008.1.2.4.50"]}}'
    >>> [tag for _, tag, _, _ in needed_file_meta_of_each(iter_events(b"[{}," + jpeg + b"]")) if tag]
    [131088]
    """
    for dataset in by_dataset(events):
        yield from needed_file_meta(dataset)
