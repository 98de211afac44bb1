"""Padding of value fields (PS3.5 6.2), which a parser reports if it is asked to.

dciodvfy reports the same fields, except for several NULLs after a UID. DCMTK reports the space after a UID.
"""

from __future__ import annotations

import io
import warnings

import pytest

import streamdicom
from streamdicom import Deviation, ReadOptions
from streamdicom.events import ELEMENT, END_DATASET, START_DATASET, Event
from streamdicom.formats import EventParser
from tests.formats.part10.files import EXPLICIT, LAYOUTS, Layout, start
from tests.support.each import each

_TAGS = {
    "AE": 0x00080054,
    "AS": 0x00101010,
    "CS": 0x00080060,
    "DA": 0x00080022,
    "DS": 0x00101030,
    "DT": 0x0008002A,
    "IS": 0x00200013,
    "LO": 0x00100020,
    "LT": 0x00104000,
    "OB": 0x00420011,
    "PN": 0x00100010,
    "SH": 0x00080050,
    "ST": 0x00080081,
    "TM": 0x00080030,
    "UC": 0x00080119,
    "UI": 0x00080018,
    "UR": 0x00081190,
    "UT": 0x0040A160,
}
_REFERENCES = 0x00081140
_WRONG = [
    ("AE", b"A\0"),
    ("AS", b"050Y  "),
    ("CS", b"CT1\0"),
    ("DA", b"20200101  "),
    ("DA", b"20200101\0\0"),
    ("DA", b"20200101\\20200101   "),
    ("DS", b"1.5\0"),
    ("DT", b"202001011\0"),
    ("IS", b"1\0"),
    ("LO", b"A\0"),
    ("LO", b"A\0\\B "),
    ("LT", b"A\\B\0"),
    ("PN", b"A^B\0"),
    ("PN", b"\xc9\0"),
    ("SH", b"A\0"),
    ("ST", b"A\0"),
    ("TM", b"101010.0\0\0"),
    ("UC", b"A\0"),
    ("UI", b"1.2 "),
    ("UI", b"1.2 \\1.3"),
    ("UI", b"1.2\0\0\0"),
    ("UR", b"a\0"),
    ("UT", b"A\0"),
]
_RIGHT = [
    ("AE", b" A  "),
    ("AS", b"050Y\\051Y "),
    ("CS", b"CT  "),
    ("DA", b"20200101\\20200101 "),
    ("DS", b" 1.5"),
    ("LO", b"A   "),
    ("LT", b"A\\\r\n"),
    ("OB", b"A\0"),
    ("PN", b"\xc9 "),
    ("TM", b"101010  "),
    ("UI", b"1.2\0"),
    ("UI", b"1.23"),
    ("UT", b""),
]
_every_layout = pytest.mark.parametrize("layout", LAYOUTS, ids=["explicit", "implicit", "big endian"])


def _reports(data: bytes, size: int = 1 << 20, *, checks: bool = True) -> list[Deviation]:
    found: list[Deviation] = []
    parser = EventParser(options=ReadOptions(on_deviation=found.append, on_error="keep"))
    if checks:
        parser.check_padding()
    for position in range(0, len(data), size):
        parser.feed(data[position : position + size])
    parser.close()
    return [one for one in found if one.code == "padding"]


def _file(layout: Layout, vr: str, *fields: bytes) -> bytes:
    """Return a file of items with a field each, and before them a known one."""
    known = layout.element(_TAGS[vr], vr, b"1\0" if vr == "UI" else b"20200101" if vr == "DA" else b"1 ")
    items = [layout.item(known), *(layout.item(layout.element(_TAGS[vr], vr, field)) for field in fields)]
    character_set = layout.element(0x00080005, "CS", b"ISO_IR 100")
    return start(layout.uid) + character_set + layout.sequence(_REFERENCES, *items)


@each(("vr", "field"), _WRONG)
@_every_layout
def test_wrong_padding_is_reported_at_its_element(layout: Layout, vr: str, field: bytes) -> None:
    data = _file(layout, vr, field, field)
    reports = _reports(data)
    path = f"{_REFERENCES:08X}[%d].{_TAGS[vr]:08X}"
    assert [one.location.tag_path for one in reports] == [path % 1, path % 2]
    tag = layout.tag(_TAGS[vr])
    assert [data[one.location.byte_offset or 0 :][:4] for one in reports] == [tag, tag]
    assert _reports(data, 3) == reports
    assert not _reports(data, checks=False)


@each(("vr", "field"), _RIGHT)
@_every_layout
def test_right_padding_is_not_reported(layout: Layout, vr: str, field: bytes) -> None:
    assert not _reports(_file(layout, vr, field, field))


@_every_layout
def test_padding_of_file_meta_and_of_long_text_is_checked(layout: Layout) -> None:
    implementation = EXPLICIT.element(0x00020013, "SH", b"A\0")
    text = layout.element(_TAGS["UT"], "UT", b"x" * 100_001 + b"\0")
    found = _reports(start(layout.uid) + implementation + text, 50_000)
    assert [one.location.tag_path for one in found] == ["00020013", "0040A160"]


def test_values_are_the_same_with_the_check() -> None:
    for vr, field in _WRONG + _RIGHT:
        data = _file(EXPLICIT, vr, field)
        parser, checking = EventParser(), EventParser()
        checking.check_padding()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert parser.feed(data) + parser.close() == checking.feed(data) + checking.close()


def test_padding_that_the_writer_adds_is_right() -> None:
    values = {
        "AE": "A",
        "CS": "A",
        "DS": "1",
        "IS": "1",
        "LO": "A",
        "LT": "A",
        "PN": ("A", "", ""),
        "SH": "A",
        "UI": "1.2",
    }
    values |= {
        "PN": ("A", "", ""),
        "ST": "A",
        "UC": "A",
        "UR": "a",
        "UT": "A",
        "OB": b"A",
        "DT": "20200101101010.0",
        "TM": "101010.0",
    }
    elements: list[Event] = [(ELEMENT, _TAGS[vr], vr, (value,)) for vr, value in values.items()]
    elements += [(ELEMENT, _TAGS["DA"], "DA", ("20200101", "20200101")), (ELEMENT, _TAGS["AS"], "AS", ("050Y",))]
    target = io.BytesIO()
    events = [(START_DATASET, 0, "", 0), *sorted(elements, key=lambda event: event[1]), (END_DATASET, 0, "", None)]
    streamdicom.write_events(events, target, format="dicom")
    assert not _reports(target.getvalue())
