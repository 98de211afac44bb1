"""One fault costs one element: every other element is read."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamdicom
from streamdicom.deviations import DeviationWarning
from streamdicom.errors import OutputError
from streamdicom.events import Event, EventType
from streamdicom.options import OnError, WriteOptions
from tests.support.dcmtk import HAS_DCMTK, assert_dcmtk_reads
from tests.support.each import each
from tests.support.events import dataset
from tests.support.roads import Element, assert_agree, elements, findings, read, write

_PLAIN = {"AE": "A", "CS": "B", "DS": "1.5", "IS": "2", "LO": "c", "PN": ("d", "", ""), "US": 3, "OB": b"ef"}
_FAULTY = 0x00090000 + 0x1050
_JPEG = "1.2.840.10008.1.2.4.50"

_JSON_FAULTS = [
    '{"vr":"US","Value":["many"]}',
    '{"vr":"FD","Value":[true]}',
    '{"vr":"OB","InlineBinary":"%"}',
    '{"vr":"PN","Value":[[]]}',
    '{"vr":"AT","Value":["x"]}',
    '{"vr":"LO","Value":[{}]}',
    '{"vr":5,"Value":["a"]}',
    '{"vr":{},"Value":[{"00100020":{"vr":"LO"}}]}',
    '{"vr":null,"Value":[true,"a"]}',
    '{"vr":[],"InlineBinary":"AAEC"}',
    '{"Value":["a"],"vr":5}',
    '{"vr":"OB","InlineBinary":["AAAA","BBBB"]}',
    '{"vr":"OB","BulkDataURI":["a","b"]}',
    '{"vr":"OB","DataFragment":5}',
    '{"vr":"OB","DataFragment":[{"InlineBinary":"!!"},{}]}',
    '{"vr":"PN","Value":[{"Alphabetic":5}]}',
    '{"vr":"PN","Value":[{"Alphabetic":"a"},{"Ideographic":["x"]}]}',
    '"text"',
    "[{}]",
    "null",
]
_NONFINITE_FAULTS = [
    *("NaN", '{"vr":"US","Value":[NaN]}', '{"vr":"AT","Value":NaN}', '{"vr":"SQ","Value":[-Infinity]}'),
    *('{"vr":"OB","InlineBinary":NaN}', '{"vr":"OB","InlineBinary":[NaN]}', '{"vr":"OB","BulkDataURI":Infinity}'),
]
_XML_FAULTS = [
    '<DicomAttribute tag="00091050" vr="US"><Value number="1">many</Value></DicomAttribute>',
    '<DicomAttribute tag="00091050" vr="OB"><InlineBinary>%</InlineBinary></DicomAttribute>',
    '<DicomAttribute tag="00091050" vr="AT"><Value number="1">x</Value></DicomAttribute>',
    '<DicomAttribute tag="00091050" vr="FD"><Value number="1">a</Value></DicomAttribute>',
    '<DicomAttribute tag="00091050" vr="SQ"><Value number="1">a</Value></DicomAttribute>',
]


@st.composite
def _neighbours(draw: st.DrawFn) -> list[Event]:
    """Draw elements around the tag of the faulty one, with a sequence among them."""
    found: dict[int, list[Event]] = {}
    for vr in draw(st.lists(st.sampled_from(sorted(_PLAIN)), max_size=6)):
        tag = 0x00090000 + draw(st.sampled_from([*range(0x1000, 0x1050), *range(0x1051, 0x10FF)]))
        found[tag] = [(int(EventType.ELEMENT), tag, vr, (_PLAIN[vr],))]
    tag = 0x00090000 + draw(st.sampled_from([0x1001, 0x10F0]))
    found[tag] = [
        (int(EventType.START_SEQUENCE), tag, "SQ", None),
        (int(EventType.START_ITEM), tag, "SQ", 0),
        (int(EventType.ELEMENT), 0x00100020, "LO", ("17",)),
        (int(EventType.END_ITEM), tag, "SQ", None),
        (int(EventType.END_SEQUENCE), tag, "SQ", None),
    ]
    marker: list[Event] = [(int(EventType.ELEMENT), _FAULTY, "LO", ("FAULT",))]
    return [event for tag in sorted({*found, _FAULTY}) for event in (found.get(tag) or marker)]


def _others(events: list[Event]) -> list[Element]:
    return [element for element in elements(events) if f"{_FAULTY:08X}" not in element.path]


@given(content=_neighbours())
@settings(max_examples=20)
@each("on_error", ["skip", "keep"])
@each("fault", _JSON_FAULTS)
def test_fault_in_json_costs_its_element(on_error: OnError, fault: str, content: list[Event]) -> None:
    events = dataset(content)
    text = write(events, "json").decode().replace('{"vr":"LO","Value":["FAULT"]}', fault)
    found = read(text.encode(), on_error=on_error)
    assert _others(found.events) == _others(events)
    assert found.deviations
    assert any(element.path == f"{_FAULTY:08X}" for element in elements(found.events)) is (on_error == "keep")
    if on_error == "keep":
        assert json.loads(write(found.events, "json"))[f"{_FAULTY:08X}"] == json.loads(fault)
        assert_agree(found.events)


@each("on_error", ["skip", "keep"])
@each("fault", _NONFINITE_FAULTS)
def test_bare_nonfinite_costs_its_element(on_error: OnError, fault: str) -> None:
    around = '{"00090010":{"vr":"LO","Value":["A"]},"00091050":%s,"00091060":{"vr":"LO","Value":["B"]}}'
    found = read((around % fault).encode(), on_error=on_error)
    assert _others(found.events) == _others(read((around % '{"vr":"LO"}').encode()).events)
    assert [code for code, _ in found.deviations][-1] == "wrong-value"
    assert_agree(found.events)


@given(content=_neighbours())
@settings(max_examples=20)
@each("on_error", ["skip", "keep"])
@each("fault", _XML_FAULTS)
def test_fault_in_xml_costs_its_element(on_error: OnError, fault: str, content: list[Event]) -> None:
    events = dataset(content)
    marker = r'<DicomAttribute[^>]*><Value number="1">FAULT</Value></DicomAttribute>'
    text, count = re.subn(marker, fault, write(events, "xml").decode())
    assert count == 1
    found = read(text.encode(), on_error=on_error)
    assert _others(found.events) == _others(events)
    assert found.deviations


_FILE_FAULTS = {
    "a VR that nobody knows": b"\x09\x00\x50\x10XX\x00\x00\x04\x00\x00\x00abcd",
    "a number of another size": b"\x09\x00\x50\x10US\x03\x00abc",
    "tags of another size": b"\x09\x00\x50\x10AT\x02\x00ab",
    "a sequence without items": b"\x09\x00\x50\x10SQ\x00\x00\x04\x00\x00\x00abcd",
}


@given(content=_neighbours())
@settings(max_examples=20)
@each("on_error", ["skip", "keep", None])
@each("name", _FILE_FAULTS)
def test_fault_in_a_file_costs_its_element(on_error: OnError | None, name: str, content: list[Event]) -> None:
    events = dataset(content)
    data = write(events, "dicom")
    marker = b"\x09\x00\x50\x10LO\x06\x00FAULT "
    assert data.count(marker) == 1
    found = read(data.replace(marker, _FILE_FAULTS[name]), on_error=on_error)
    assert _others(found.events) == _others(events)
    is_left_out = on_error == "skip" and name != "a VR that nobody knows"  # which is UN (PS3.5 7.1.2)
    assert any(element.path == f"{_FAULTY:08X}" for element in elements(found.events)) is not is_left_out
    assert found.deviations


@each("on_error", ["skip", "keep", None])
def test_file_that_ends_within_a_fragment_keeps_the_elements_before(on_error: OnError | None) -> None:
    jpeg: Event = (EventType.ELEMENT, 0x00020010, "UI", (_JPEG,))
    patient: Event = (EventType.ELEMENT, 0x00100020, "LO", ("17",))
    pixels = b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\0\0\0\0\xfe\xff\0\xe0\x08\0\0\0abcde"
    found = read(write(dataset([jpeg, patient]), "dicom") + pixels, on_error=on_error)
    assert elements(found.events) == [*elements(dataset([patient])), Element("7FE00010", "OB", pixels[12:])]
    assert found.deviations == [("truncated", "7FE00010")]
    assert_agree(found.events)
    for form in ("json", "xml"):
        back = read(write(found.events, form)).events
        assert [one.content for one in elements(back)] == [one.content for one in elements(found.events)]


@each("vr", ["OB", "OW"])
def test_value_that_lacks_bytes_costs_its_element_in_a_file(vr: str) -> None:
    patient: Event = (EventType.ELEMENT, 0x00100020, "LO", ("17",))
    pixels = b"\xe0\x7f\x10\0" + vr.encode() + b"\0\0" + (200_000).to_bytes(4, "little") + b"ab" * 90_000
    events = read(write(dataset([patient]), "dicom") + pixels).events
    with pytest.raises(OutputError, match="200000 bytes"):
        write(events, "dicom")
    for on_error in ("skip", "keep"):
        target = io.BytesIO()
        with pytest.warns(DeviationWarning, match="wrong-value.*7FE00010"):
            streamdicom.write_events(events, target, format="dicom", options=WriteOptions(on_error=on_error))
        back = read(target.getvalue())
        kept = elements(events) if on_error == "keep" else elements(dataset([patient]))
        assert (elements(back.events), back.deviations) == (kept, [])


_FRAGMENTS = [
    (EventType.START_FRAGMENTS, 0x7FE00010, "OB", None),
    *(
        (kind, 0x7FE00010, "OB", value)
        for kind, value in ((EventType.START_FRAGMENT, 0), (EventType.LAST_SEGMENT, b""))
    ),
    *((kind, 0x7FE00010, "OB", value) for kind, value in ((EventType.START_FRAGMENT, 3), (EventType.SEGMENT, b"a"))),
    (EventType.LAST_SEGMENT, 0x7FE00010, "OB", b"bc"),
    (EventType.END_FRAGMENTS, 0x7FE00010, "OB", None),
]
_OTHERS: list[Event] = [
    (EventType.ELEMENT, 0x00100020, "LO", ("17",)),
    (EventType.ELEMENT, 0xFFFCFFFC, "OB", (b"xx",)),
]


def _item(data: bytes) -> bytes:
    return b"\xfe\xff\0\xe0" + len(data).to_bytes(4, "little") + data


def _pixels(vr: str, *content: tuple[EventType, Any], is_late: bool = False) -> list[Event]:
    start = "" if is_late else vr
    return [
        (EventType.START_ELEMENT, 0x7FE00010, start, None),
        *((kind, 0x7FE00010, start, value) for kind, value in content),
        (EventType.END_ELEMENT, 0x7FE00010, vr, None),
    ]


def _in_file(uid: str, pixels: list[Event]) -> list[Event]:
    return dataset([(EventType.ELEMENT, 0x00020010, "UI", (uid,)), _OTHERS[0], *pixels, _OTHERS[1]])


def _assert_costs_its_element(events: list[Event], kept: bytes, folder: Path) -> None:
    """Assert that a file lacks pixel data with a fault, or has its bytes.

    DCMTK must read both.
    """
    with pytest.raises(OutputError) as caught:
        write(events, "dicom")
    assert caught.value.location.tag_path == "7FE00010"
    files = [folder / on_error for on_error in ("skip", "keep")]
    for file, pixels in zip(files, ([], [Element("7FE00010", "OB", kept)]), strict=True):
        options = WriteOptions(on_error=file.name)  # type: ignore[arg-type]
        with pytest.warns(DeviationWarning, match="wrong-value.*7FE00010"):
            streamdicom.write_events(events, file, format="dicom", options=options)
        found = read(file.read_bytes())
        assert elements(found.events) == [*elements(dataset(_OTHERS[:1])), *pixels, *elements(dataset(_OTHERS[1:]))]
        assert not found.deviations
        assert not findings(found.events)
    if HAS_DCMTK:
        assert_dcmtk_reads(files)


@each("is_long", [False, True])
def test_fragments_that_the_transfer_syntax_excludes_cost_their_element(is_long: bool, tmp_path: Path) -> None:
    events = _in_file("1.2.840.10008.1.2.1", _FRAGMENTS)
    [value] = [one.content for one in elements(events) if one.path == "7FE00010"]
    if is_long:  # as JSON has it
        events = _in_file("1.2.840.10008.1.2.1", _pixels("OB", (EventType.LAST_SEGMENT, value)))
    _assert_costs_its_element(events, value + b"\0" * (len(value) % 2), tmp_path)


_LONG_PIXELS = b"0123456" * 30_001
_SEGMENT, _LAST = EventType.SEGMENT, EventType.LAST_SEGMENT
_NATIVE: dict[str, tuple[list[Event], bytes]] = {
    "short": ([(EventType.ELEMENT, 0x7FE00010, "OW", (b"abcd",))], b"abcd"),
    "of odd length": ([(EventType.ELEMENT, 0x7FE00010, "OB", (b"abc",))], b"abc\0"),
    "of another VR": ([(EventType.ELEMENT, 0x7FE00010, "OF", (b"abcd",))], b"abcd"),
    "items that are cut": ([(EventType.ELEMENT, 0x7FE00010, "OB", (_item(b"ab")[:-1],))], _item(b"ab")[:-1] + b"\0"),
    "text": ([(EventType.ELEMENT, 0x7FE00010, "LO", ("a", "b"))], b"a\\b "),
    "numbers": ([(EventType.ELEMENT, 0x7FE00010, "US", (1, 22))], b"1\\22"),
    "long": (_pixels("OW", (_SEGMENT, _LONG_PIXELS), (_LAST, b"ab")), _LONG_PIXELS + b"ab\0"),
    "long, with its VR at the end": (_pixels("OW", (_LAST, _LONG_PIXELS), is_late=True), _LONG_PIXELS + b"\0"),
    "long items that are cut": (
        _pixels("OB", (_SEGMENT, _item(_LONG_PIXELS)), (_LAST, _item(b"ab")[:-2])),
        _item(_LONG_PIXELS) + _item(b"ab")[:-2] + b"\0",
    ),
    "long text": (_pixels("UT", (_SEGMENT, "ab"), (_LAST, "c")), b"abc "),
    "many numbers": (_pixels("US", (EventType.VALUES, (1, 2)), (EventType.VALUES, (3,))), b"1\\2\\3 "),
}


@each("name", _NATIVE)
def test_value_where_the_transfer_syntax_asks_for_fragments_costs_its_element(name: str, tmp_path: Path) -> None:
    # PS3.5 A.4: DCMTK refuses a file with any other form, so that a value is kept as the only fragment.
    pixels, value = _NATIVE[name]
    _assert_costs_its_element(_in_file(_JPEG, pixels), _item(b"") + _item(value), tmp_path)


@each("vr", ["OF", "LO", "US"])
@each("is_in_parts", [False, True])
def test_empty_pixel_data_of_another_vr_costs_its_element(vr: str, is_in_parts: bool, tmp_path: Path) -> None:
    pixels = _pixels(vr) if is_in_parts else [(EventType.ELEMENT, 0x7FE00010, vr, ())]
    _assert_costs_its_element(_in_file(_JPEG, pixels), b"", tmp_path)


@pytest.mark.parametrize("cut", [0, 1, 8, 70_000])
@pytest.mark.parametrize("size", [9, 70_001])
def test_cut_fragment_costs_its_element_in_a_file(cut: int, size: int, tmp_path: Path) -> None:
    cut = min(cut, size - 1)
    pixels = b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff" + _item(b"") + _item(b"a" * 5 + b"\0")
    rest = _item(b"b" * size)[: 8 + cut]
    syntax: Event = (EventType.ELEMENT, 0x00020010, "UI", (_JPEG,))
    found = read(write(dataset([syntax, _OTHERS[0]]), "dicom") + pixels + rest).events
    found[-1:] = [_OTHERS[1], found[-1]]
    kept = _item(b"") + _item(b"a" * 5 + b"\0") + _item(rest[8:] + b"\0" * (cut % 2))
    _assert_costs_its_element(found, kept, tmp_path)


@each("length", [2, 5])
def test_fragment_of_another_length_than_its_start_says_costs_its_element(length: int, tmp_path: Path) -> None:
    pixels = [event if event[3] != 3 else (*event[:3], length) for event in _FRAGMENTS]
    _assert_costs_its_element(_in_file(_JPEG, pixels), _item(b"") + _item(b"abc\0"), tmp_path)


@each("options", [{"exclude": ["00091050"]}, {"include": ["00100020"]}])
@each("is_nested", [False, True])
def test_fault_of_an_element_that_is_left_out_is_not_reported(options: dict[str, Any], is_nested: bool) -> None:
    content: list[Event] = [(EventType.ELEMENT, _FAULTY, "LO", ("FAULT",))]
    if is_nested:
        opened = [(EventType.START_SEQUENCE, 0x00081140, "SQ", None), (EventType.START_ITEM, 0x00081140, "SQ", 0)]
        content = [*opened, *content, *_ENDS]
        options = {key: [f"ReferencedImageSequence.{one}" for one in value] for key, value in options.items()}
    events = dataset([*content, (EventType.ELEMENT, 0x00100020, "LO", ("17",))])
    marker = b"\x09\x00\x50\x10LO\x06\x00FAULT "
    file = write(events, "dicom").replace(marker, b"\x09\x00\x50\x10US\x05\x00FAULT")
    text, count = re.subn(r'vr="LO"([^>]*)(><Value number="1">FAULT)', r'vr="US"\1\2', write(events, "xml").decode())
    assert count == 1
    json_text = write(events, "json").decode().replace('{"vr":"LO","Value":["FAULT"]}', '{"vr":"US","Value":["FAULT"]}')
    for data in (text.encode(), json_text.encode()) if is_nested else (file, text.encode(), json_text.encode()):
        assert read(data).deviations
        for on_error in ("raise", "keep"):
            assert not read(data, on_error=on_error, **options).deviations
    built = pydicom.Dataset()
    built.PatientID = "17"
    item = pydicom.Dataset() if is_nested else built
    item.add_new(_FAULTY, "US", 1)
    item[_FAULTY]._value = "many"
    if is_nested:
        built.ReferencedImageSequence = [item]
    with pytest.warns(DeviationWarning):
        streamdicom.dumps(built, options=WriteOptions(on_error="keep"))
    streamdicom.dumps(built, options=WriteOptions(**options))


_ENDS = [(EventType.END_ITEM, 0x00081140, "SQ", None), (EventType.END_SEQUENCE, 0x00081140, "SQ", None)]
