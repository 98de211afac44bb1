"""The vocabulary of DICOM events, which every reader gives and every writer takes.

    START_DATASET                     the value is its index in the stream, from 0
      ELEMENT                         a whole data element; the value is a tuple, () when it is empty
      BULK_DATA                       a reference, not fetched; the value is the URI
      JSON_ELEMENT                    an element in a form that its VR does not have; the value is the JSON text of its
                                      attribute, as it came or as it is to be written; the VR is what is known of it
      START_ELEMENT                   a data element in parts, because it is long:
        VALUES                          some of its values, as in ELEMENT
        SEGMENT ... LAST_SEGMENT        one long value, str or bytes, in pieces
      END_ELEMENT
      START_FRAGMENTS                 encapsulated pixel data (PS3.5 A.4), VR OB
        START_FRAGMENT                  the first is the Basic Offset Table; the value is the length in bytes
          SEGMENT ... LAST_SEGMENT        the bytes of the fragment; LAST_SEGMENT comes even if there are none
      END_FRAGMENTS
      START_SEQUENCE
        START_ITEM                    the value is its index in the sequence, from 0
          ...                         what a data set may hold
        END_ITEM
      END_SEQUENCE
    END_DATASET

A value in the tuple of an ELEMENT is

    str                  of a text VR; the exact text of a number of VR DS or IS
    int                  of SL, SS, SV, UL, US, UV; the number of the tag, of AT
    float                of FL and FD
    (str, str, str)      of PN: its alphabetic, ideographic and phonetic group, any of them empty
    bytes                of a binary VR, in little endian; there is only one
    None                 where a value is empty among others

An element comes in parts when its text is longer than ``Limits.segment_size`` or it has more than
``Limits.values_per_event`` values. Its START_ELEMENT has the VR "" if the source tells it only later; END_ELEMENT has it.
The value of START_ELEMENT is the length in bytes of a binary value whose length the source tells first, or else None.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, TypeAlias


class EventType(IntEnum):
    """What an event is.

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


# The types as events have them, see ``Event``.
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
"""What begins an element that comes in several events."""

CLOSING = frozenset({END_ELEMENT, END_SEQUENCE, END_FRAGMENTS})
"""What ends it."""

BINARY_SEGMENT_SIZE = 48 * 1024
"""Bytes of a segment that a parser cuts from a long binary value: whole words of any VR, and 64 KiB of base64."""

PersonName: TypeAlias = tuple[str, str, str]
"""The alphabetic, ideographic and phonetic group of a person name (PS3.5 6.2.1)."""

Value: TypeAlias = str | int | float | bytes | PersonName | None
"""One value of a data element."""

# The value of an event is Any because its type follows from the event's, which no checker can see in a tuple.
Event: TypeAlias = tuple[int, int, str, Any]
"""A type, a tag, a VR and a value. What an event has no use for is 0, "" or None.

The type is a plain int, equal to the member of ``EventType``. Of the forms measured, a tuple costs 0.03 us to make,
a NamedTuple 0.3 and a frozen slotted class 0.6, where a whole element has about 2 us from bytes to event."""
