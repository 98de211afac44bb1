"""Bytes that are read back as a reader of files would read them.

They are the file so far, for the second pass of the writer, values that may be items, and values of UN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from streamdicom._push import drained
from streamdicom._typing import BinaryIO
from streamdicom.deviations import DEVIATIONS
from streamdicom.dicom import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN
from streamdicom.errors import InputError
from streamdicom.events import ELEMENT, START_SEQUENCE, Event
from streamdicom.formats.part10.context import ElementContext
from streamdicom.formats.part10.headers import write_header
from streamdicom.formats.part10.parser import Part10Parser
from streamdicom.formats.target import pieces, write_fully
from streamdicom.limits import Limits
from streamdicom.options import DeviationAction, ReadOptions

_SILENT: dict[str, DeviationAction] = dict.fromkeys(DEVIATIONS, "ignore")  # the file is our own
_STRUCTURAL = (
    *("key-order", "duplicate-key", "delimiter-key", "unknown-vr", "wrong-value", "odd-length", "undefined-length"),
    *("misplaced-end", "broken-structure", "truncated", "trailing-padding"),
)


def events_taken_back(
    target: BinaryIO, origin: int, temporary: Callable[[], BinaryIO], limits: Limits, index: int
) -> Iterator[Event]:
    """Take the file that starts at an offset out of the target; yield its events.

    The file moves to a temporary file before the first event, so that the target is free for the second pass. It may
    end after any element or delimiter.

    Args:
        target: The target, flushed.
        origin: The offset of the file in the target.
        temporary: Makes an empty file.
        limits: The limits of the writer.
        index: The number of the data set in its stream.
    """
    with temporary() as copy:
        target.seek(origin)
        for piece in pieces(target):
            write_fully(copy, piece)
        target.seek(origin)
        target.truncate()
        copy.seek(0)
        parser = Part10Parser(options=ReadOptions(limits=limits, deviations=_SILENT), index=index)
        parser.keep_un()  # as the first pass got it
        for piece in pieces(copy):
            for events in drained(parser, piece):
                yield from events
        yield from parser.held_events  # of private sequences that are open


def reads_as_items(tag: int, data: bytes, limits: Limits) -> bool:
    """Return whether a value field in implicit VR is items without a fault.

    Args:
        tag: The tag of a sequence.
        data: The value field.
        limits: The limits of the writer.

    >>> reads_as_items(0x00081140, b"hello wo", Limits())
    False
    """
    strict: dict[str, DeviationAction] = {**_SILENT, **dict.fromkeys(_STRUCTURAL, "error")}
    parser = Part10Parser(options=ReadOptions(limits=limits, deviations=strict))
    parser.start_within(ElementContext(), IMPLICIT_VR_LITTLE_ENDIAN)
    element = write_header(tag, "SQ", len(data), implicit=True) + data
    try:
        events = [event for batch in drained(parser, element) for event in batch] + parser.close()
    except InputError:
        return False
    return events[0][0] == START_SEQUENCE


def unknown_as_read(tag: int, values: tuple[bytes, ...], facts: ElementContext, limits: Limits) -> Sequence[Event]:
    """Return the events that a DICOM file with an element of UN has for it.

    Args:
        tag: The tag.
        values: The bytes, or nothing.
        facts: The values of the elements before it.
        limits: The limits of the reader.
    """
    data = b"".join(values)
    parser = Part10Parser(options=ReadOptions(limits=limits, deviations=_SILENT))
    parser.start_within(facts, EXPLICIT_VR_LITTLE_ENDIAN)
    element = write_header(tag, "UN", len(data), implicit=False) + data
    try:
        return [found for batch in drained(parser, element) for found in batch] + parser.close()[:-1]
    except InputError:  # beyond the limits, where the reader of a file raises
        return ((ELEMENT, tag, "UN", values),)
