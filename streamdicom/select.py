"""Some of the elements of each data set."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import chain

from streamdicom.events import Event, EventType
from streamdicom.part10.syntax import is_encapsulated
from streamdicom.tags import FILE_META_GROUP

__all__ = ["needed_file_meta", "select"]

_START_DATASET = int(EventType.START_DATASET)
_ELEMENT = int(EventType.ELEMENT)
_BULK_DATA = int(EventType.BULK_DATA)
_DATASETS = frozenset({int(EventType.START_DATASET), int(EventType.END_DATASET)})
_TRANSFER_SYNTAX_UID = 0x00020010
_MOST_HELD = 256  # more than file meta information has elements
# What an element may be that is more than one event: what opens it, and what closes it.
_OPEN = frozenset({int(EventType.START_ELEMENT), int(EventType.START_SEQUENCE), int(EventType.START_FRAGMENTS)})
_CLOSE = frozenset({int(EventType.END_ELEMENT), int(EventType.END_SEQUENCE), int(EventType.END_FRAGMENTS)})


def select(events: Iterable[Event], *, include: Iterable[int] = (), exclude: Iterable[int] = ()) -> Iterator[Event]:
    """The events of those elements that are wanted.

    It is the elements at the top of a data set that are looked at: a sequence comes whole or not at all. Group 0002
    always comes, because the others may need it.

    Args:
        events: Any stream of DICOM events.
        include: Tags; if there are any, no other element comes.
        exclude: Tags of elements that do not come.

    >>> from streamdicom import iter_events
    >>> events = iter_events(b'{"00100010": {"vr": "PN"}, "00100020": {"vr": "LO"}}')
    >>> [f"{tag:08X}" for _, tag, _, _ in select(events, exclude=[0x00100010]) if tag]
    ['00100020']
    """
    included, excluded = frozenset(include), frozenset(exclude)
    depth = 0  # how many sequences and elements in parts are open
    wanted = True
    for event in events:
        kind, tag = event[0], event[1]
        if not depth:
            wanted = kind in _DATASETS or _is_wanted(tag, included, excluded)
        if kind != _ELEMENT and kind != _BULK_DATA:
            depth += (kind in _OPEN) - (kind in _CLOSE)
        if wanted:
            yield event


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
        if tag == _TRANSFER_SYNTAX_UID and kind == _ELEMENT:
            is_needed = always or (bool(value) and is_encapsulated(value[0]))
        if (kind != _START_DATASET and tag >> 16 != FILE_META_GROUP) or len(held) > _MOST_HELD:
            break
    if not is_needed:
        held = [event for event in held if event[1] >> 16 != FILE_META_GROUP]
    return chain(held, remaining)


def _is_wanted(tag: int, included: Collection[int], excluded: Collection[int]) -> bool:
    return tag >> 16 == FILE_META_GROUP or (tag not in excluded and (not included or tag in included))
