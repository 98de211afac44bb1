"""Long values, buffers and encapsulated pixel data, as events in parts."""

from __future__ import annotations

from collections.abc import Iterator
from io import SEEK_END, BufferedIOBase
from itertools import chain

from streamdicom._typing import Any
from streamdicom.datasets.values import MAX_LENGTH, MAX_VALUES
from streamdicom.dicom import ITEM_TAG_BYTES, MAX_FRAGMENT_LENGTH, swap_words
from streamdicom.events import (
    BINARY_SEGMENT_SIZE,
    ELEMENT,
    END_ELEMENT,
    END_FRAGMENTS,
    LAST_SEGMENT,
    SEGMENT,
    START_ELEMENT,
    START_FRAGMENT,
    START_FRAGMENTS,
    VALUES,
    Event,
)
from streamdicom.io import SpooledValue


def parts(tag: int, vr: str, values: tuple[Any, ...]) -> Iterator[Event]:
    """Yield a long element in parts, so that its text is never held as a whole."""
    yield START_ELEMENT, tag, vr, None
    run: list[Any] = []
    for value in values:
        if isinstance(value, str | bytes) and len(value) > MAX_LENGTH:
            if run:
                yield VALUES, tag, vr, tuple(run)
                run = []
            last = (len(value) - 1) // BINARY_SEGMENT_SIZE * BINARY_SEGMENT_SIZE
            for start in range(0, last, BINARY_SEGMENT_SIZE):
                yield SEGMENT, tag, vr, value[start : start + BINARY_SEGMENT_SIZE]
            yield LAST_SEGMENT, tag, vr, value[last:]
        else:
            run.append(value)
            if len(run) >= MAX_VALUES:
                yield VALUES, tag, vr, tuple(run)
                run = []
    if run:
        yield VALUES, tag, vr, tuple(run)
    yield END_ELEMENT, tag, vr, None


def length_of(value: bytes | bytearray | BufferedIOBase) -> int:
    if not isinstance(value, BufferedIOBase):
        return len(value)
    start = value.tell()
    length = value.seek(0, SEEK_END)
    value.seek(start)
    return length - start


def buffer_events(tag: int, vr: str, buffer: BufferedIOBase, word: int) -> Iterator[Event]:
    """Yield the events of a value in a buffer, whose position stays the same."""
    segments = _buffer_segments(buffer)
    first = next(segments, b"")
    if not first:
        yield ELEMENT, tag, vr, ()
        return
    yield START_ELEMENT, tag, vr, None
    for data in chain((first,), segments):
        yield SEGMENT, tag, vr, swap_words(data, word)
    yield LAST_SEGMENT, tag, vr, b""
    yield END_ELEMENT, tag, vr, None


def _buffer_segments(buffer: BufferedIOBase) -> Iterator[bytes]:
    if isinstance(buffer, SpooledValue):
        yield from buffer.segments(BINARY_SEGMENT_SIZE)  # without padding (PS3.18 F.2.7)
        return
    start = buffer.tell()
    while data := buffer.read(BINARY_SEGMENT_SIZE):
        yield data
    buffer.seek(start)


# --- encapsulated pixel data -----------------------------------------------------------------------------------


def has_only_items(buffer: BufferedIOBase) -> bool:
    """Return whether a buffer has only Items of defined length (PS3.5 A.4).

    Their headers alone are read.
    """
    start = position = buffer.tell()
    end = buffer.seek(0, SEEK_END)
    try:
        while position < end:
            buffer.seek(position)
            header = buffer.read(8)
            length = int.from_bytes(header[4:], "little")
            position += 8 + length
            if not header.startswith(ITEM_TAG_BYTES) or length > MAX_FRAGMENT_LENGTH or position > end:
                return False
        return position > start
    finally:
        buffer.seek(start)


def fragment_events(tag: int, vr: str, buffer: BufferedIOBase) -> Iterator[Event]:
    """Yield the events of a buffer that has only Items."""
    start = buffer.tell()
    yield START_FRAGMENTS, tag, vr, None
    while header := buffer.read(8):
        length = int.from_bytes(header[4:], "little")
        yield START_FRAGMENT, tag, vr, length
        while length > BINARY_SEGMENT_SIZE:
            yield SEGMENT, tag, vr, buffer.read(BINARY_SEGMENT_SIZE)
            length -= BINARY_SEGMENT_SIZE
        yield LAST_SEGMENT, tag, vr, buffer.read(length)
    yield END_FRAGMENTS, tag, vr, None
    buffer.seek(start)
