"""The vocabulary of DICOM events, shared by all parsers and writers.

    START_DATASET                     value: the index in the stream, from 0
      ELEMENT                         a whole data element; value: a tuple, () if the element is empty
      BULK_DATA                       a reference, not fetched; value: the URI
      JSON_ELEMENT                    an element in a form that its VR does not allow; value: the JSON text of its
                                      attribute; vr: the VR if it is known
      START_ELEMENT                   a long data element, in parts:
        VALUES                          some of its values, as in ELEMENT
        SEGMENT ... LAST_SEGMENT        one long value, str or bytes, in segments
      END_ELEMENT
      START_FRAGMENTS                 encapsulated pixel data (PS3.5 A.4), VR OB
        START_FRAGMENT                  the first is the Basic Offset Table; value: the length in bytes
          SEGMENT ... LAST_SEGMENT        the bytes of the fragment; LAST_SEGMENT stands even for no bytes
      END_FRAGMENTS                   value: None, or the number of bytes missing in the last fragment, which then has
                                      no LAST_SEGMENT, because the file ends in it
      START_SEQUENCE
        START_ITEM                    value: the index in the sequence, from 0
          ...                         the content of a data set
        END_ITEM
      END_SEQUENCE
    END_DATASET

A value in the tuple of an ELEMENT is

    str                  for a text VR; the exact text of a number for DS and IS
    int                  for SL, SS, SV, UL, US, UV; the number of the tag for AT
    float                for FL and FD
    (str, str, str)      for PN: the alphabetic, ideographic and phonetic group, each possibly empty
    bytes                for a binary VR, in little endian, and the only value
    None                 for an empty value among others

An element is delivered in parts if its text is longer than ``Limits.segment_size`` or if it has more than
``Limits.values_per_event`` values. If the source has the VR after the value, START_ELEMENT has the VR "" and
END_ELEMENT has the VR. The value of START_ELEMENT is the length of a binary value in bytes if the source states it
first, otherwise None.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum
from itertools import chain

from streamdicom._html import table
from streamdicom._typing import Any, TypeAlias
from streamdicom.errors import keyword_of


class EventType(IntEnum):
    """The type of an event.

    >>> EventType.START_SEQUENCE.name
    'START_SEQUENCE'
    """

    START_DATASET = 1
    END_DATASET = 2
    ELEMENT = 3
    BULK_DATA = 4
    START_ELEMENT = 5
    VALUES = 6
    SEGMENT = 7
    LAST_SEGMENT = 8
    END_ELEMENT = 9
    START_SEQUENCE = 10
    START_ITEM = 11
    END_ITEM = 12
    END_SEQUENCE = 13
    START_FRAGMENTS = 14
    START_FRAGMENT = 15
    END_FRAGMENTS = 16
    JSON_ELEMENT = 17


# Plain integers, as they stand in events; see ``Event``.
START_DATASET = int(EventType.START_DATASET)
END_DATASET = int(EventType.END_DATASET)
ELEMENT = int(EventType.ELEMENT)
BULK_DATA = int(EventType.BULK_DATA)
START_ELEMENT = int(EventType.START_ELEMENT)
VALUES = int(EventType.VALUES)
SEGMENT = int(EventType.SEGMENT)
LAST_SEGMENT = int(EventType.LAST_SEGMENT)
END_ELEMENT = int(EventType.END_ELEMENT)
START_SEQUENCE = int(EventType.START_SEQUENCE)
START_ITEM = int(EventType.START_ITEM)
END_ITEM = int(EventType.END_ITEM)
END_SEQUENCE = int(EventType.END_SEQUENCE)
START_FRAGMENTS = int(EventType.START_FRAGMENTS)
START_FRAGMENT = int(EventType.START_FRAGMENT)
END_FRAGMENTS = int(EventType.END_FRAGMENTS)
JSON_ELEMENT = int(EventType.JSON_ELEMENT)

OPENING = frozenset({START_ELEMENT, START_SEQUENCE, START_FRAGMENTS})
"""The types that begin an element of several events."""

CLOSING = frozenset({END_ELEMENT, END_SEQUENCE, END_FRAGMENTS})
"""The types that end an element of several events."""

BINARY_SEGMENT_SIZE = 48 * 1024
"""Bytes of a segment that a parser cuts from a long binary value: whole words of any VR, and 64 KiB of base64."""

PersonName: TypeAlias = tuple[str, str, str]
"""The alphabetic, ideographic and phonetic group of a person name (PS3.5 6.2.1)."""

Value: TypeAlias = str | int | float | bytes | PersonName | None
"""One value of a data element."""

# The value is Any: its type depends on the type of the event, which no checker can see in a tuple.
Event: TypeAlias = tuple[int, int, str, Any]
"""A type, a tag, a VR and a value; 0, "" or None where the type does not use them.

The type is a plain int, equal to the member of ``EventType``. A tuple takes 0.03 us to build, a NamedTuple 0.3 and a
frozen slotted class 0.6, while a whole element takes about 2 us from bytes to event."""


def to_end(events: Iterator[Event]) -> Iterator[Event]:
    """Yield the rest of a data set.

    >>> events = iter([(3, 0x00100020, "LO", ()), (2, 0, "", None), (1, 0, "", 1)])
    >>> list(to_end(events)), list(events)
    ([(3, 1048608, 'LO', ()), (2, 0, '', None)], [(1, 0, '', 1)])
    """
    for event in events:
        yield event
        if event[0] == END_DATASET:
            return


def by_dataset(events: Iterable[Event]) -> Iterator[Iterator[Event]]:
    """Yield the events of each data set, which must be consumed before the next.

    >>> events = [(1, 0, "", 0), (2, 0, "", None), (1, 0, "", 1), (2, 0, "", None)]
    >>> [len(list(dataset)) for dataset in by_dataset(events)]
    [2, 2]
    """
    remaining = iter(events)
    for first in remaining:
        yield chain((first,), to_end(remaining))


def joined_values(events: Iterable[Event]) -> tuple[Any, ...]:
    """Return the values of an element in parts, with long values joined.

    Args:
        events: The events of the element; others than VALUES and segments are passed over.

    >>> joined_values([(6, 0x00091001, "LO", ("a",)), (7, 0x00091001, "LO", "b"), (8, 0x00091001, "LO", "c")])
    ('a', 'bc')
    """
    values: list[Any] = []
    segments: list[Any] = []
    for kind, _, _, value in events:
        if kind == VALUES:
            values += value
        elif kind == SEGMENT:
            segments.append(value)
        elif kind == LAST_SEGMENT:
            values.append(type(value)().join([*segments, value]))
            segments = []
    return tuple(values)


_MAX_DESCRIBED = 64  # characters of a value


class Description(str):
    """A line about an event, which a notebook shows as a row of cells."""

    _cells: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        return table("", ["event", "tag", "VR", "keyword", "value"], [self._cells])

    @classmethod
    def of(cls, event: Event) -> Description:
        """Return the description of an event."""
        kind, tag, vr, value = event
        name = EventType(kind).name
        place = (f"({tag >> 16:04X},{tag & 0xFFFF:04X})", vr, keyword_of(tag)) if tag else ("", "", "")
        described = _describe_value(value)
        text = " ".join(filter(None, (name, *place)))
        made = cls(f"{text}{':' if tag else ''} {described}" if described else text)
        made._cells = (name, *place, described)
        return made


def describe(event: Event) -> Description:
    """Return a line for an event: type, tag, VR, keyword and a short value.

    A notebook shows it as a table.

    >>> describe((3, 0x00100020, "LO", ("17",)))
    'ELEMENT (0010,0020) LO PatientID: 17'
    >>> describe((1, 0, "", 0))
    'START_DATASET 0'
    """
    return Description.of(event)


def _describe_value(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    # A few of many thousand values fill the line.
    text = "\\".join(map(_describe_single, value[:_MAX_DESCRIBED])) if isinstance(value, tuple) else str(value)
    text = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text[: _MAX_DESCRIBED + 1])
    return text if len(text) <= _MAX_DESCRIBED else f"{text[:_MAX_DESCRIBED]}..."


def _describe_single(value: Value) -> str:
    if isinstance(value, tuple):  # a person name
        return "=".join(value).rstrip("=")
    return "" if value is None else _describe_value(value) if isinstance(value, bytes) else str(value)
