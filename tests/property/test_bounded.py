"""Bounded per call: a call returns as many events as its bytes can have."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamdicom import EventParser, Limits, ReadOptions
from streamdicom._push import PIECE_SIZE
from streamdicom.events import Event, EventType
from tests.support.each import each
from tests.support.events import dataset
from tests.support.roads import write
from tests.support.strategies import cuts

_ENCODINGS = ("json", "xml", "dicom", "deflated")
_DEFLATED = b"1.2.840.10008.1.2.1.99"  # even length
_MAX_AT_ONCE = 1024  # events that one byte can cause: the ends of all open structures


def _sequence(tag: int, *items: list[Event]) -> list[Event]:
    events: list[Event] = [(int(EventType.START_SEQUENCE), tag, "SQ", None)]
    for index, item in enumerate(items):
        start, end = (int(EventType.START_ITEM), tag, "SQ", index), (int(EventType.END_ITEM), tag, "SQ", None)
        events += [start, *item, end]
    return [*events, (int(EventType.END_SEQUENCE), tag, "SQ", None)]


def _nested(depth: int) -> list[Event]:
    events: list[Event] = []
    for _ in range(depth):
        events = _sequence(0x00091001, events, [])
    return events


_SHAPES = {
    "elements": lambda count: [(int(EventType.ELEMENT), 0x00090000 + number, "LO", ()) for number in range(1, count)],
    "items": lambda count: _sequence(0x00091001, *([[]] * count)),
    "sequences": lambda count: [event for number in range(1, count) for event in _sequence(0x00090000 + number)],
    "nested": lambda count: _nested(min(count, 60)),
    "values": lambda count: [(int(EventType.ELEMENT), 0x00091001, "DS", ("1",) * count)],
}


def _deflated(file: bytes) -> bytes:
    """Return an explicit file as a file with a deflated data set (PS3.5 A.5)."""
    start = 144 + int.from_bytes(file[140:144], "little")
    uid = b"\x02\x00\x10\x00UI" + struct.pack("<H", len(_DEFLATED)) + _DEFLATED
    meta = b"\x02\x00\x00\x00UL\x04\x00" + struct.pack("<I", len(uid)) + uid
    packed = zlib.compress(file[start:], 9, -15)
    return bytes(128) + b"DICM" + meta + packed + b"\0" * (len(packed) % 2)


def _encoded(events: list[Event], encoding: str) -> bytes:
    return _deflated(write(events, "dicom")) if encoding == "deflated" else write(events, encoding)


@given(count=st.integers(2, 1000), source=st.data())
@settings(max_examples=25)
@pytest.mark.slow
@each("encoding", _ENCODINGS)
@each("shape", _SHAPES)
def test_call_returns_a_bounded_number_of_events(encoding: str, shape: str, count: int, source: st.DataObject) -> None:
    data = _encoded(dataset(_SHAPES[shape](count)), encoding)
    parser = EventParser(options=ReadOptions(limits=Limits(max_expansion_ratio=1_000_000)))
    for chunk in source.draw(cuts(data)):
        found = parser.feed(chunk)
        assert len(found) <= len(chunk) + PIECE_SIZE + _MAX_AT_ONCE
        while parser.has_more:
            assert len(parser.feed(b"")) <= PIECE_SIZE + _MAX_AT_ONCE
    assert len(parser.close()) <= PIECE_SIZE + _MAX_AT_ONCE


@pytest.mark.slow
def test_deflated_data_set_is_returned_in_many_lists() -> None:
    data = _encoded(dataset(_SHAPES["items"](100_000)), "deflated")
    parser = EventParser(options=ReadOptions(limits=Limits(max_expansion_ratio=1_000_000)))
    counts = [len(parser.feed(data))]
    while parser.has_more:
        counts.append(len(parser.feed(b"")))
    assert sum(counts) + len(parser.close()) > 200_000
    assert max(counts) <= PIECE_SIZE
    assert len(data) < PIECE_SIZE
