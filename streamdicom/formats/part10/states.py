"""States of the parser and the writer of DICOM files, and the legal moves."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from streamdicom._encoded import UNCHANGED, Encoded
from streamdicom._typing import Any
from streamdicom.events import EventType
from streamdicom.formats.part10.context import ElementContext


class ParserState(IntEnum):
    """The structure that the parser reads next."""

    PREAMBLE = 0
    FILE_META = 1
    DATASET = 2  # the start of the data set, whose first element confirms the encoding
    ELEMENTS = 3  # of the data set or of an item
    ITEMS = 4  # of a sequence
    BINARY = 5  # a long binary value, or a fragment
    NUMBERS = 6  # a long value of numbers
    TEXT = 7  # a long text
    FRAGMENTS = 8  # encapsulated pixel data
    SKIPPED = 9  # bytes that are passed over up to a known offset
    SEARCH = 10  # bytes up to the delimiter of a sequence with a fault
    PADDING = 11  # zero bytes after the last element
    END = 12  # bytes after the data set, which are ignored


PARSER_TRANSITIONS: Mapping[ParserState, frozenset[ParserState]] = {
    ParserState.PREAMBLE: frozenset({ParserState.FILE_META}),
    ParserState.FILE_META: frozenset({ParserState.DATASET}),
    ParserState.DATASET: frozenset({ParserState.ELEMENTS}),
    ParserState.ELEMENTS: frozenset(
        {ParserState.ITEMS, ParserState.BINARY, ParserState.NUMBERS, ParserState.TEXT, ParserState.FRAGMENTS}
    ),
    ParserState.ITEMS: frozenset({ParserState.ELEMENTS}),
    ParserState.BINARY: frozenset({ParserState.ELEMENTS, ParserState.FRAGMENTS}),
    ParserState.NUMBERS: frozenset({ParserState.ELEMENTS}),
    ParserState.TEXT: frozenset({ParserState.ELEMENTS}),
    ParserState.FRAGMENTS: frozenset({ParserState.BINARY, ParserState.ELEMENTS}),
}
"""The states that may follow each state of the parser."""


class WriterState(IntEnum):
    """The innermost structure that is open in the writer."""

    START = 0
    HEAD = 1  # the data set, before the tags above the UIDs that the File Meta Information repeats
    DATASET = 2  # the data set after its head, or an item
    SEQUENCE = 3
    ELEMENT = 4  # an element in parts, of which nothing is written yet
    BINARY = 5  # its binary value, written to the target
    SPOOLED = 6  # its numbers or text, written to a temporary file
    REPLACED = 7  # an element in parts that is left out, or kept as text
    FRAGMENTS = 8  # encapsulated pixel data
    FRAGMENT = 9
    REPLACED_FRAGMENTS = 10  # the same, left out or kept as the bytes of one value
    LEFT_OUT = 11  # a sequence, or a group length in parts, that is left out
    END = 12


_ELEMENTS = {
    EventType.ELEMENT: WriterState.DATASET,
    EventType.JSON_ELEMENT: WriterState.DATASET,
    EventType.START_ELEMENT: WriterState.ELEMENT,
    EventType.START_SEQUENCE: WriterState.SEQUENCE,
    EventType.START_FRAGMENTS: WriterState.FRAGMENTS,
    EventType.END_DATASET: WriterState.END,
}

WITHIN_DATASET = tuple([kind for kind in EventType if kind not in (EventType.START_DATASET, EventType.END_DATASET)])
"""The events of the content of a data set."""

WRITER_TRANSITIONS: Mapping[WriterState, Mapping[EventType, WriterState]] = {
    WriterState.START: {EventType.START_DATASET: WriterState.HEAD},
    WriterState.HEAD: _ELEMENTS,  # an element of the head leads to HEAD
    WriterState.DATASET: {**_ELEMENTS, EventType.END_ITEM: WriterState.SEQUENCE},
    WriterState.SEQUENCE: {EventType.START_ITEM: WriterState.DATASET, EventType.END_SEQUENCE: WriterState.DATASET},
    WriterState.ELEMENT: {
        EventType.VALUES: WriterState.SPOOLED,
        EventType.SEGMENT: WriterState.BINARY,  # SPOOLED for text
        EventType.LAST_SEGMENT: WriterState.BINARY,  # SPOOLED for text
        EventType.END_ELEMENT: WriterState.DATASET,
    },
    WriterState.BINARY: {
        EventType.SEGMENT: WriterState.BINARY,
        EventType.LAST_SEGMENT: WriterState.BINARY,
        EventType.END_ELEMENT: WriterState.DATASET,
    },
    WriterState.SPOOLED: {
        EventType.VALUES: WriterState.SPOOLED,
        EventType.SEGMENT: WriterState.SPOOLED,
        EventType.LAST_SEGMENT: WriterState.SPOOLED,
        EventType.END_ELEMENT: WriterState.DATASET,
    },
    WriterState.REPLACED: {
        EventType.VALUES: WriterState.REPLACED,
        EventType.SEGMENT: WriterState.REPLACED,
        EventType.LAST_SEGMENT: WriterState.REPLACED,
        EventType.END_ELEMENT: WriterState.DATASET,
    },
    WriterState.FRAGMENTS: {
        EventType.START_FRAGMENT: WriterState.FRAGMENT,
        EventType.END_FRAGMENTS: WriterState.DATASET,
    },
    WriterState.FRAGMENT: {
        EventType.SEGMENT: WriterState.FRAGMENT,
        EventType.LAST_SEGMENT: WriterState.FRAGMENTS,
    },
    WriterState.REPLACED_FRAGMENTS: {
        EventType.START_FRAGMENT: WriterState.REPLACED_FRAGMENTS,
        EventType.SEGMENT: WriterState.REPLACED_FRAGMENTS,
        EventType.LAST_SEGMENT: WriterState.REPLACED_FRAGMENTS,
        EventType.END_FRAGMENTS: WriterState.DATASET,
    },
    WriterState.LEFT_OUT: dict.fromkeys(WITHIN_DATASET, WriterState.LEFT_OUT),
    WriterState.END: {},
}
"""The events that the writer accepts in each state, and the state after each of them.

An event with a value that does not fit the VR leads from ELEMENT, BINARY and SPOOLED to REPLACED. START_FRAGMENTS in
a native transfer syntax leads to REPLACED_FRAGMENTS. A group length in parts, and START_SEQUENCE of a tag that readers
of implicit VR take for another VR, lead to LEFT_OUT, which their end leaves. A structure that ends in the head of the
data set leads back to HEAD, any other to DATASET.
"""


class OpenItem:
    """A data set or an item that is being written.

    Attributes:
        last: The previous tag in it, or -1.
        terms: The values of Specific Character Set in force.
        facts: The values that readers of implicit VR take the VRs of later elements from.
        tag: The tag of its open sequence.
        items: The number of items begun in that sequence.
        in_sequence: True while that sequence is the innermost open structure.
    """

    __slots__ = ("facts", "in_sequence", "items", "last", "tag", "terms")

    def __init__(self, terms: tuple[Any, ...], facts: ElementContext) -> None:
        self.last = -1
        self.terms = terms
        self.facts = facts
        self.tag = 0
        self.items = 0
        self.in_sequence = False


def move_to(items: list[OpenItem], value: tuple[Any, ...]) -> None:
    """Open and close items as an ``Encoded`` event did.

    Args:
        items: The data set and the open items, outermost first.
        value: The value of the event.
    """
    encoded = Encoded(*value)
    sequences = len(items) - 1 + items[-1].in_sequence
    del items[sequences - encoded.changed + 1 :]
    items[-1].in_sequence = False
    for tag, count in encoded.opened:
        item = items[-1]
        item.last = item.tag = tag
        item.items = count
        items.append(OpenItem(item.terms, item.facts.inherited))
    if encoded.in_sequence:
        items.pop()
        items[-1].in_sequence = True
    elif encoded.last != UNCHANGED:
        items[-1].last = encoded.last
