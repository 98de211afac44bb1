"""Byte offsets of events, in every format and however the stream is cut."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Iterator
from pathlib import Path

import pydicom.data
import pytest
from hypothesis import given
from hypothesis import strategies as st

import streamdicom
from streamdicom import Event, Limits, ReadOptions
from streamdicom.codec import reading_pipeline
from streamdicom.events import ELEMENT, START_ELEMENT, START_FRAGMENTS, START_SEQUENCE
from streamdicom.formats import EventParser
from tests.formats.part10.files import EXPLICIT, IMPLICIT, Layout
from tests.formats.part10.files import start as file_start
from tests.support.each import each

_STARTS = (ELEMENT, START_ELEMENT, START_SEQUENCE, START_FRAGMENTS)
_FILES = sorted((Path(pydicom.data.__file__).parent / "test_files").glob("*.dcm"))
_NOT_READ = ("MR_truncated.dcm", "no_meta.dcm", "rtplan_truncated.dcm")
_DEFLATED = "image_dfl.dcm"  # its offsets are in the inflated data set
_SMALL = 64 * 1024


def _placed(data: bytes, size: int, options: ReadOptions | None = None) -> Iterator[tuple[int, Event]]:
    parser = EventParser(options=options or ReadOptions(force=True, on_error="skip", on_deviation=lambda _: None))
    parser.keep_places()
    calls = []
    for piece in [*(data[start : start + size] for start in range(0, len(data), size)), None]:
        events = parser.close() if piece is None else parser.feed(piece)
        calls.append((parser.offset_of(), events))
    for offset_of, events in calls:  # later calls leave the places as they are
        yield from ((offset_of(index), event) for index, event in enumerate(events))


def _with_offsets(parser: EventParser, events: list[Event]) -> Iterator[tuple[int, Event]]:
    offset_of = parser.offset_of()
    for index, event in enumerate(events):
        yield offset_of(index), event


def _places(data: bytes, size: int, options: ReadOptions | None = None) -> list[tuple[int, int, int]]:
    """The offset, type and tag of each element."""
    return [(offset, event[0], event[1]) for offset, event in _placed(data, size, options) if event[0] in _STARTS]


def _check_json(data: bytes, places: list[tuple[int, int, int]]) -> None:
    assert places
    for offset, _, tag in places:
        assert data[offset : offset + 10] == f'"{tag:08X}"'.encode()


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@each("path", [path for path in _FILES if path.name not in _NOT_READ], ids=lambda path: path.name)
def test_element_of_a_file_is_where_its_tag_is(path: Path) -> None:
    data = path.read_bytes()
    places = _places(data, len(data))
    if path.name != _DEFLATED:
        for offset, _, tag in places:
            group, element = tag >> 16, tag & 0xFFFF
            tags = [b"".join(number.to_bytes(2, order) for number in (group, element)) for order in ("little", "big")]
            assert data[offset : offset + 4] in tags
    if len(data) < _SMALL:
        assert places == _places(data, 333)


@each("indent", [None, 1])
@each("name", ["rtplan.dcm", "chrX1.dcm", "reportsi.dcm", "CT_small.dcm"])
def test_element_of_text_is_where_its_key_or_tag_is(name: str, indent: int | None) -> None:
    [path] = Path(pydicom.data.__file__).parent.rglob(name)
    events = list(streamdicom.iter_events(path))
    document, markup = io.BytesIO(), io.BytesIO()
    streamdicom.write_events(events, document, indent=indent)
    data = document.getvalue()
    places = _places(data, len(data))
    _check_json(data, places)
    assert places == _places(data, 333)
    streamdicom.write_events(events, markup, format="xml", indent=indent)
    data = markup.getvalue()
    found = _places(data, 333)
    assert [tag for _, _, tag in found] == [tag for _, _, tag in places]
    for offset, _, tag in found:
        start = data[offset : offset + 40]
        assert start.startswith(b"<DicomAttribute ")
        assert f'tag="{tag:08X}"'.encode() in start or tag & 0x10000


_DOCUMENTS = [
    '[{"00100010": {"vr": "PN", "Value": [{"Alphabetic": "é", "Phonetic": "\\u00e9"}]}, "00100020": {"vr":"LO"}}]',
    '\ufeff[ {"00081140": {"Value": [{"00081150": {"Value":["1.2"],"vr":"UI"}}, {}], "vr": "SQ"},\r\n'
    ' "00100020":{"vr":"LO"}}]',
    '{"00081140": {"vr": "SQ", "Value": [{"00081150": {"vr": "UI", "Value": ["é\\"1"]}},\n'
    '{"00081155": {"vr": "UI"}}]}}\n'
    '{"00080060": {"vr": "CS", "Value": "CT"}, "00091001": {"vr": "OB", "InlineBinary": "AAE="}}',
    '[{"00280030": {"vr": "DS", "Value": [1, 2, 3, 4, 5, 6, 7]}, "00104000": {"vr": "LT", "Value": ["'
    + "éx" * 200
    + '"]}} /* a */, {"00100020": {"vr": "LO"}}]',
    '{"00281053": {"x": [{"00081150": {"vr": "UI", "Value": ["1.2"]}}, {}, {"00081155": {"vr": "UI"}}]}}',
]


@given(place=st.integers(0, 10_000))
@each("text", _DOCUMENTS)
def test_places_of_odd_json_do_not_depend_on_the_cuts(text: str, place: int) -> None:
    limits = Limits(values_per_event=4, segment_size=128)
    options = ReadOptions(on_error="skip", on_deviation=lambda _: None, limits=limits)
    document = text.encode()
    whole = _places(document, len(document), options)
    _check_json(document, whole)
    assert whole == _places(document, 1 + place % len(document), options)


def test_places_of_excluded_elements_are_left_out() -> None:
    text = json.dumps({f"{tag:08X}": {"vr": "LO", "Value": ["1"]} for tag in range(0x00100020, 0x00100030)}).encode()
    parser, _ = reading_pipeline(ReadOptions(include=["00100022", "00100025"]))
    parser.keep_places()
    events = parser.feed(text)
    _check_json(text, [(offset, *event[:2]) for offset, event in _with_offsets(parser, events) if event[1]])


@each("size", [10_000, 1, 7])
@each("layout", [EXPLICIT, IMPLICIT], ids=["explicit", "implicit"])
def test_unreadable_sequence_is_where_its_tag_is(layout: Layout, size: int) -> None:
    items = layout.item(layout.element(0x00081150, "UI", b"1.2\0"), b"no element")
    options = ReadOptions(on_error="keep", on_deviation=lambda _: None)
    head = file_start(layout.uid) + layout.element(0x00080018, "UI", b"1.3\0")
    data = head + layout.sequence(0x00081140, items) + layout.element(0x00100020, "LO", b"17")
    places = [(offset, tag) for offset, _, tag in _places(data, size, options) if tag >> 16 != 2]
    after = len(data) - len(layout.element(0x00100020, "LO", b"17"))
    assert places == [
        (len(file_start(layout.uid)), 0x00080018),
        (len(head), 0x00081140),
        (after, 0x00100020),
    ]
