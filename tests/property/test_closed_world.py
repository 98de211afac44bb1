"""Closed world: everything that we write is read back equal.

No reader finds a fault in it that was not there before. The events are of every kind and VR, with odd and wrong values.
A writer may refuse them with the place of the element, but must not write anything else than it was given.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.uid import ImplicitVRLittleEndian

from streamdicom.events import Event, EventType
from tests.support.dcmtk import HAS_DCMTK, NO_DCMTK, assert_dcmtk_reads
from tests.support.each import each
from tests.support.events import any_element, dataset, members
from tests.support.roads import FORMATS, assert_same, assert_same_in_implicit_vr, written

_EXAMPLES = 300


def _element(tag: int, vr: str, *values: Any) -> list[Event]:
    return [(int(EventType.ELEMENT), tag, vr, values)]


# Each was written, and read as something else.
_ODD: list[list[Event]] = [
    _element(0xFFFEE00D, "UN"),
    _element(0x00080060, "CS", "CT\\MR"),
    _element(0x00100010, "PN", ("a=b=c=d", "", "")),
    _element(0x00100010, "PN", ("a", "b", "c=d")),
    _element(0x00100010, "PN", ("a", "", "=")),
    _element(0x00100010, "PN", ("a", "", "b= ")),
    _element(0x00080005, "UN", b"ab"),
    _element(0x00090010, "UN", b"ab"),
    _element(0x00280010, "UN", b"abc"),
    _element(0x00280010, "UN", b"ab"),
    [
        (EventType.START_SEQUENCE, 0x00080005, "SQ", None),
        (EventType.END_SEQUENCE, 0x00080005, "SQ", None),
        *_element(0x00080119, "UC", "\x80"),
    ],
    [(EventType.JSON_ELEMENT, 0x00280010, "US", '{"vr":"US","Value":["many"]}')],
    _element(0x00200013, "IS", "1.0"),
    _element(0x00200013, "IS", "1e3"),
    _element(0x00080054, "AE", "\tA"),
    _element(0x00181411, "DS", "\x85"),
    _element(0x00280010, "US", 65536),
    _element(0x00189087, "FD", 1.7976931348623157e308, float("nan")),
    _element(0x00100020, "LO", "\x1b$B"),
    _element(0x00080050, "SH", b"", b""),
    [(EventType.START_ELEMENT, 0x00091001, "OB", None), (EventType.END_ELEMENT, 0x00091001, "SQ", None)],
    [(EventType.BULK_DATA, 0x7FE00010, "OW", "")],
    [  # without the Basic Offset Table, as a file that is cut there
        *_element(0x00020010, "UI", "1.2.840.10008.1.2.4.50"),
        (EventType.START_FRAGMENTS, 0x7FE00010, "OB", None),
        (EventType.END_FRAGMENTS, 0x7FE00010, "OB", None),
    ],
    *(
        [
            (EventType.START_ELEMENT, 0x00091001, "", None),
            (EventType.VALUES, 0x00091001, "", ("x",)),
            (EventType.END_ELEMENT, 0x00091001, vr, None),
        ]
        for vr in ("SV", "US", "AT", "FD", "PN", "DS", "LO")
    ),
    [(EventType.JSON_ELEMENT, 0x00091001, "", '{"vr":"US","Value":["many"]}')],
]


@each("form", FORMATS)
@each("content", _ODD, ids=lambda content: f"{content[0][1]:08X}")
def test_odd_element_is_written_as_it_is_or_refused(form: str, content: list[Event]) -> None:
    events = dataset(content)
    data = written(events, form)
    if data is not None:
        assert_same(events, data, form)


@given(content=any_element(0))
@settings(max_examples=_EXAMPLES)
@pytest.mark.slow
@each("form", FORMATS)
def test_element_is_written_as_it_is_or_refused(form: str, content: list[Event]) -> None:
    events = dataset(content)
    data = written(events, form)
    if data is not None:
        assert_same(events, data, form)


@given(content=members(2))
@pytest.mark.slow
@each("form", FORMATS)
def test_data_set_is_written_as_it_is_or_refused(form: str, content: list[Event]) -> None:
    events = dataset(content)
    data = written(events, form)
    if data is not None:
        assert_same(events, data, form)


@given(content=members(2))
@settings(max_examples=_EXAMPLES)
@pytest.mark.slow
def test_data_set_is_the_same_in_implicit_vr_or_refused(content: list[Event]) -> None:
    events = dataset(content)
    data = written(events, "dicom", transfer_syntax=ImplicitVRLittleEndian)
    if data is not None:
        assert_same_in_implicit_vr(events, data)


@pytest.mark.skipif(not HAS_DCMTK, reason=NO_DCMTK)
@given(contents=st.lists(members(1), min_size=10, max_size=10))
@settings(max_examples=15)
@pytest.mark.slow
@pytest.mark.interop
def test_written_file_is_read_by_dcmtk(contents: list[list[Event]], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("written")
    known: list[Path] = []
    for number, content in enumerate(contents):
        data = written(dataset(content), "dicom")
        if data is not None:
            path = folder / f"{number}.dcm"
            path.write_bytes(data)
            if not any(vr == "UN" for _, _, vr, _ in content):
                known.append(path)
    assert_dcmtk_reads(sorted(folder.glob("*.dcm")))
    assert_dcmtk_reads(known, "+uc")  # with the VR of the dictionary in place of UN, whose bytes may be any
