"""Values to and from value fields (PS3.5 7.1) piece by piece.

This is the form in which stores hold bulk data. Numbers are in little endian and text is in UTF-8, with a backslash
between values (PS3.5 6.4). Values are not padded, so that reading returns the values that were written. Numbers of VR
FL have single precision.
"""

from __future__ import annotations

import codecs
import struct
from collections.abc import Iterable, Iterator

from streamdicom._typing import Any, TypeAlias
from streamdicom.dicom.vr import VRS, Form
from streamdicom.errors import BulkDataError, OutputError
from streamdicom.events import (
    BINARY_SEGMENT_SIZE,
    ELEMENT,
    END_ELEMENT,
    LAST_SEGMENT,
    SEGMENT,
    START_ELEMENT,
    VALUES,
    Event,
)
from streamdicom.limits import Limits

_SEGMENT_SIZE = Limits().segment_size
_BATCH_SIZE = Limits().values_per_event

_Part: TypeAlias = tuple[int, Any]  # the type and the value of an event


# --- values to bytes -------------------------------------------------------------------------------------------


class ValueEncoder:
    r"""Encodes the value field of an element from its values, in any number of pieces.

    Args:
        vr: The VR, or "" if it is not known yet, which is possible for long text and for bytes.

    >>> encoder = ValueEncoder("UC")
    >>> encoder.values(("a", "b")) + encoder.segment("c", last=False) + encoder.segment("d", last=True)
    b'a\\b\\cd'
    """

    def __init__(self, vr: str) -> None:
        self._code = VRS[vr].code if vr else ""
        self._vr = vr or "text"
        self._separator = ""  # before the next value, if it is text

    def values(self, values: tuple[Any, ...]) -> bytes:
        """Return the bytes of values.

        Raises:
            OutputError: A value has no place in a value field, such as an empty one among numbers.
        """
        try:
            if self._code:
                return struct.pack(f"<{len(values)}{self._code}", *values)
            if values and isinstance(values[0], bytes):
                [data] = values
                return bytes(data)
            text = self._separator + "\\".join([value or "" for value in values])
            self._separator = "\\"
            return text.encode()
        except (struct.error, OverflowError, TypeError, ValueError):
            raise OutputError(f"expected values for the value field of VR {self._vr}, found others") from None

    def segment(self, segment: str | bytes, *, last: bool) -> bytes:
        """Return the bytes of a segment of a long value."""
        if isinstance(segment, bytes):
            return segment
        text = self._separator + segment
        self._separator = "\\" if last else ""
        try:
            return text.encode()
        except UnicodeEncodeError:
            raise OutputError("expected text that UTF-8 carries, found half of a surrogate pair") from None


# --- bytes to values -------------------------------------------------------------------------------------------


def decode_value(tag: int, vr: str, segments: Iterable[bytes]) -> Iterator[Event]:
    r"""Yield the events of an element from the segments of its value field.

    The element is one ELEMENT, or in parts if it is long.

    Raises:
        BulkDataError: The bytes are not values of the VR.

    >>> list(decode_value(0x00091001, "US", [b"\1", b"\0\2\0"]))
    [(3, 593921, 'US', (1, 2))]
    """
    row = VRS[vr]
    if row.form is Form.BINARY:
        parts = _parts_of_one(blocks(segments, BINARY_SEGMENT_SIZE))
    elif row.code:
        parts = _number_parts(row.code, segments)
    elif row.multiple:
        parts = _text_parts(_decoded(segments), may_be_long=row.form is Form.TEXT)
    else:
        parts = _parts_of_one(_decoded(segments))  # a backslash is an ordinary character (PS3.5 6.4)
    first = next(parts, None)
    second = next(parts, None)
    if first is None:
        yield ELEMENT, tag, vr, ()
    elif second is None and first[0] == VALUES:
        yield ELEMENT, tag, vr, first[1]
    else:
        yield START_ELEMENT, tag, vr, None
        for part in (first, second):
            if part is not None:
                yield part[0], tag, vr, part[1]
        for kind, value in parts:
            yield kind, tag, vr, value
        yield END_ELEMENT, tag, vr, None


def blocks(segments: Iterable[bytes], length: int) -> Iterator[bytes]:
    """Yield the bytes in blocks of a length; the last one may be shorter.

    >>> list(blocks([b"a", b"", b"bcd", b"e"], 2))
    [b'ab', b'cd', b'e']
    """
    held = bytearray()
    for segment in segments:
        if not held and len(segment) == length:
            yield bytes(segment)
            continue
        held += segment
        if len(held) >= length:
            end = len(held) // length * length
            for start in range(0, end, length):
                yield bytes(held[start : start + length])
            del held[:end]
    if held:
        yield bytes(held)


def _parts_of_one(segments: Iterator[bytes] | Iterator[str]) -> Iterator[_Part]:
    """Yield the parts of one value from its segments, which are not empty."""
    held: bytes | str | None = next(segments, None)
    if held is None:
        return
    following: bytes | str | None = next(segments, None)
    if following is None:
        yield VALUES, (held,)
        return
    while following is not None:
        yield SEGMENT, held
        held, following = following, next(segments, None)
    yield LAST_SEGMENT, held


def _number_parts(code: str, segments: Iterable[bytes]) -> Iterator[_Part]:
    size = struct.calcsize(f"={code}")
    for block in blocks(segments, _BATCH_SIZE * size):
        count, rest = divmod(len(block), size)
        if rest:
            raise BulkDataError(f"expected bulk data with a multiple of {size} bytes, found {rest} bytes more")
        yield VALUES, struct.unpack(f"<{count}{code}", block)


def _decoded(segments: Iterable[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for block in blocks(segments, BINARY_SEGMENT_SIZE):
            if text := decoder.decode(block):
                yield text
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        raise BulkDataError("expected text in UTF-8 as bulk data, found other bytes") from None


def _text_parts(texts: Iterator[str], *, may_be_long: bool) -> Iterator[_Part]:
    run: list[str | None] = []  # complete values
    size = 0
    rest = ""  # the start of a value whose end is in a later text
    is_long = has_text = False
    for text in texts:
        has_text = True
        *ends, tail = text.split("\\")
        for end in ends:
            if is_long:
                yield LAST_SEGMENT, end
            else:
                run.append(rest + end or None)
                size += len(rest) + len(end)
            is_long, rest = False, ""
            if len(run) >= _BATCH_SIZE or size > _SEGMENT_SIZE:
                yield VALUES, tuple(run)
                run, size = [], 0
        if is_long:
            yield SEGMENT, tail
            continue
        rest += tail
        if len(rest) > _SEGMENT_SIZE:
            if not may_be_long:
                raise BulkDataError(
                    f"expected numbers of at most {_SEGMENT_SIZE} characters as bulk data, found a longer one"
                )
            if run:
                yield VALUES, tuple(run)
                run, size = [], 0
            yield SEGMENT, rest
            is_long, rest = True, ""
    if is_long:
        yield LAST_SEGMENT, ""
    elif has_text:
        yield VALUES, (*run, rest or None)
