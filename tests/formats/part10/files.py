"""DICOM files made byte by byte from PS3.5 and PS3.10, and helpers to parse them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from struct import pack
from typing import Any, NamedTuple

import pydicom
import pytest

from streamdicom._push import drained, finished
from streamdicom.deviations import Deviation
from streamdicom.errors import InputError
from streamdicom.events import Event, EventType
from streamdicom.formats.part10.parser import Part10Parser
from streamdicom.options import OnError, ReadOptions

UNDEFINED = 0xFFFFFFFF
# PS3.5 7.1.2: the VRs whose length has 32 bits, after two reserved bytes.
LONG_VRS = ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")

PREAMBLE = bytes(128) + b"DICM"

_LONG = 8192
_EDGE = 512  # bytes at each end of a long stream, which have its first and its last elements


class Layout(NamedTuple):
    """The layout of data elements (PS3.5 7.1)."""

    uid: str
    implicit: bool = False
    order: str = "<"

    def pack(self, form: str, *values: Any) -> bytes:
        return pack(self.order + form, *values)

    def tag(self, tag: int) -> bytes:
        return self.pack("HH", tag >> 16, tag & 0xFFFF)

    def header(self, tag: int, vr: str, length: int) -> bytes:
        if self.implicit:
            return self.tag(tag) + self.pack("I", length)
        if vr in LONG_VRS:
            return self.tag(tag) + vr.encode() + self.pack("HI", 0, length)
        return self.tag(tag) + vr.encode() + self.pack("H", length)

    def element(self, tag: int, vr: str, value: bytes = b"") -> bytes:
        return self.header(tag, vr, len(value)) + value

    def number(self, tag: int, vr: str, *values: float) -> bytes:
        form = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "UV": "Q", "SV": "q", "FL": "f", "FD": "d"}[vr]
        return self.element(tag, vr, self.pack(f"{len(values)}{form}", *values))

    def item(self, *content: bytes) -> bytes:
        value = b"".join(content)
        return self.tag(0xFFFEE000) + self.pack("I", len(value)) + value

    def open_item(self, *content: bytes) -> bytes:
        return self.tag(0xFFFEE000) + self.pack("I", UNDEFINED) + b"".join(content) + self.end_item()

    def end_item(self) -> bytes:
        return self.tag(0xFFFEE00D) + self.pack("I", 0)

    def end_sequence(self) -> bytes:
        return self.tag(0xFFFEE0DD) + self.pack("I", 0)

    def sequence(self, tag: int, *items: bytes, vr: str = "SQ") -> bytes:
        return self.element(tag, vr, b"".join(items))

    def open_sequence(self, tag: int, *items: bytes, vr: str = "SQ") -> bytes:
        return self.header(tag, vr, UNDEFINED) + b"".join(items) + self.end_sequence()

    def fragments(self, tag: int, *values: bytes, vr: str = "OB") -> bytes:
        return self.open_sequence(tag, *map(self.item, values), vr=vr)


EXPLICIT = Layout("1.2.840.10008.1.2.1")
IMPLICIT = Layout("1.2.840.10008.1.2", implicit=True)
BIG_ENDIAN = Layout("1.2.840.10008.1.2.2", order=">")
LAYOUTS = [EXPLICIT, IMPLICIT, BIG_ENDIAN]
DEFLATED_UID = "1.2.840.10008.1.2.1.99"
JPEG_UID = "1.2.840.10008.1.2.4.50"


def meta(uid: str) -> bytes:
    """Return File Meta Information with a transfer syntax."""
    value = uid.encode() + b"\0" * (len(uid) & 1)
    return EXPLICIT.element(0x00020010, "UI", value)


def start(uid: str) -> bytes:
    return PREAMBLE + meta(uid)


# --- events ------------------------------------------------------------------------------------------------------


def element(tag: int, vr: str, *values: Any) -> Event:
    return EventType.ELEMENT, tag, vr, values


def sequence(tag: int, *items: Sequence[Event]) -> list[Event]:
    events: list[Event] = [(EventType.START_SEQUENCE, tag, "SQ", None)]
    for index, item in enumerate(items):
        events += [(EventType.START_ITEM, tag, "SQ", index), *item, (EventType.END_ITEM, tag, "SQ", None)]
    return [*events, (EventType.END_SEQUENCE, tag, "SQ", None)]


def fragments(tag: int, *values: bytes, vr: str = "OB") -> list[Event]:
    events: list[Event] = [(EventType.START_FRAGMENTS, tag, vr, None)]
    for value in values:
        events += [(EventType.START_FRAGMENT, tag, vr, len(value)), (EventType.LAST_SEGMENT, tag, vr, value)]
    return [*events, (EventType.END_FRAGMENTS, tag, vr, None)]


def dataset(uid: str, *events: Event, index: int = 0) -> list[Event]:
    head: list[Event] = [(EventType.START_DATASET, 0, "", index), element(0x00020010, "UI", uid)]
    return [*head, *events, (EventType.END_DATASET, 0, "", None)]


def joined(events: Iterable[Event]) -> list[Event]:
    """Join the parts of elements.

    Fragments become one value: the value field without its delimiter.
    """
    result: list[Event] = []
    values: list[Any] = []
    segments: list[Any] = []
    for kind, tag, vr, value in events:
        if kind in (EventType.START_ELEMENT, EventType.START_FRAGMENTS):
            values = []
        elif kind == EventType.VALUES:
            values += value
        elif kind == EventType.START_FRAGMENT:
            values += [EXPLICIT.tag(0xFFFEE000) + pack("<I", value)]
        elif kind in (EventType.SEGMENT, EventType.LAST_SEGMENT):
            segments.append(value)
            if kind == EventType.LAST_SEGMENT:
                values.append(segments[0][:0].join(segments))
                segments = []
        elif kind == EventType.END_ELEMENT:
            result.append((EventType.ELEMENT, tag, vr, tuple(values)))
        elif kind == EventType.END_FRAGMENTS:
            values, segments = [*values, *segments], []  # of a fragment that is cut off
            result.append((EventType.ELEMENT, tag, vr, (b"".join(values),) if values else ()))
        else:
            result.append((kind, tag, vr, value))
    return result


def parse(
    pieces: Iterable[bytes], options: ReadOptions | None = None, index: int = 0
) -> tuple[list[Event], InputError | None]:
    """Return the events of a file and its error, and check that it is sticky."""
    parser = Part10Parser(options=options, index=index)
    events: list[Event] = []
    try:
        for piece in pieces:
            for batch in drained(parser, piece):
                events += batch
        for batch in finished(parser):
            events += batch
    except InputError as error:
        for again in (parser.close, lambda: parser.feed(b"x")):
            with pytest.raises(InputError) as caught:
                again()
            assert caught.value is error is parser.error  # noqa: PT017 - the same object
        return events, error
    assert parser.close() == []
    with pytest.raises(ValueError, match="closed"):
        parser.feed(b"x")
    return events, None


def cut(data: bytes, *lengths: int) -> list[bytes]:
    """Cut a stream into pieces of these lengths, repeated to its end."""
    bounds = [0]
    while bounds[-1] < len(data):
        bounds.append(bounds[-1] + lengths[(len(bounds) - 1) % len(lengths)])
    return [data[begin:end] for begin, end in pairwise(bounds)]


def cut_in_all_ways(data: bytes) -> list[list[bytes]]:
    """Cut a stream into pieces of several lengths.

    Only the ends of a long stream are cut into single bytes.
    """
    is_long = len(data) >= _LONG
    begin, end = (_EDGE, len(data) - _EDGE) if is_long else (len(data), len(data))
    first, middle, last = data[:begin], cut(data[begin:end], 997), data[end:]
    fine = [[*cut(first, *lengths), *middle, *cut(last, *lengths)] for lengths in ((1,), (2, 3, 7))]
    return [*fine, cut(data, *(1031, 1, 0, 511) if is_long else (131, 1, 0, 64)), cut(data, 4099)]


def parse_in_all_ways(
    data: bytes, options: ReadOptions | None = None, index: int = 0
) -> tuple[list[Event], InputError | None]:
    """Call ``parse``, and check that the outcome does not depend on cuts."""
    events, error = parse([data], options, index)
    for pieces in cut_in_all_ways(data):
        assert outcome(*parse(pieces, options, index)) == outcome(events, error)
    return events, error


def outcome(events: list[Event], error: InputError | None) -> tuple[str, object]:
    """Return an outcome to compare, as text, so that NaN is equal to itself."""
    return repr(events), error and (type(error), error.message, error.location)


# --- the files that pydicom ships --------------------------------------------------------------------------------

_ROOT = Path(pydicom.__file__).parent / "data"
BUNDLED = [path for folder in ("test_files", "charset_files") for path in sorted((_ROOT / folder).rglob("*.dcm"))]
BUNDLED += sorted(path for path in (_ROOT / "test_files" / "dicomdirtests").rglob("*") if path.is_file())
BUNDLED = [path for path in BUNDLED if b"DICM" in path.read_bytes()[128:132] or path.suffix == ".dcm"]


def read(
    data: bytes, on_error: OnError | None = None, **options: Any
) -> tuple[list[Event], InputError | None, list[Deviation]]:
    """Return events, error and deviations, and check that they do not depend on cuts."""
    results = []
    for pieces in ([data], *cut_in_all_ways(data)):
        found: list[Deviation] = []
        events, error = parse(pieces, ReadOptions(on_error=on_error, on_deviation=found.append, **options))
        results.append((outcome(events, error), found, events, error))
        assert (results[-1][0], found) == results[0][:2]
    _, found, events, error = results[0]
    return events, error, found
