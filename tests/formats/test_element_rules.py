"""The rules of all writers: no value is written that would be read as another."""

from __future__ import annotations

import io

import pytest

import streamdicom
from streamdicom import OutputError
from streamdicom.events import Event, EventType
from streamdicom.formats import FormatName
from tests.support.each import each

_FORMATS: list[FormatName] = ["json", "xml", "dicom"]
_TAG = 0x00091001
_SEPARATOR = "a backslash, which separates values"
_GROUPS = "'=', which separates component groups"


def _write(name: FormatName, *members: Event) -> bytes:
    target = io.BytesIO()
    start, end = (EventType.START_DATASET, 0, "", 0), (EventType.END_DATASET, 0, "", None)
    streamdicom.write_events([start, *members, end], target, format=name, array=False)
    return target.getvalue()


def _refused(name: FormatName, message: str, *members: Event, path: str = "00091001") -> None:
    with pytest.raises(OutputError, match=message) as caught:
        _write(name, *members)
    assert caught.value.location.tag_path == path


@each("name", _FORMATS)
@each("tag", [0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD, 0xFFFE0001])
def test_delimiter_is_never_an_element(name: FormatName, tag: int) -> None:
    path = f"{tag:08X}"
    kinds: list[list[Event]] = [
        [(EventType.ELEMENT, tag, "UN", ())],
        [(EventType.JSON_ELEMENT, tag, "", "5")],
        [(EventType.START_ELEMENT, tag, "OB", None)],
        [(EventType.START_SEQUENCE, tag, "SQ", None)],
    ]
    for members in kinds:
        _refused(name, "group FFFE", *members, path=path)


@each("name", _FORMATS)
@each("vr", ["AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "SH", "TM", "UC", "UI"])
def test_value_with_a_separator_is_refused(name: FormatName, vr: str) -> None:
    for values in (("1\\2",), ("1", "2\\"), ("\\",)):
        _refused(name, _SEPARATOR, (EventType.ELEMENT, _TAG, vr, values))
        parts = [(EventType.START_ELEMENT, _TAG, vr, None), (EventType.VALUES, _TAG, vr, values)]
        _refused(name, _SEPARATOR, *parts, (EventType.END_ELEMENT, _TAG, vr, None))


@each("name", _FORMATS)
@each("vr", ["LT", "ST", "UT", "UR"])
def test_backslash_is_text_where_there_is_one_value(name: FormatName, vr: str) -> None:
    element: Event = (int(EventType.ELEMENT), _TAG, vr, ("1\\2",))
    assert element in list(streamdicom.iter_events(_write(name, element)))


@each("name", _FORMATS)
@each("vr", ["LT", "ST", "UT", "UR"])
def test_several_values_are_refused_where_there_is_one(name: FormatName, vr: str) -> None:
    message = f"expected one value for VR {vr}"
    _refused(name, message, (EventType.ELEMENT, _TAG, vr, ("1", "2")))
    for shown in (vr, "") if name != "xml" else (vr,):
        value: Event = (EventType.LAST_SEGMENT, _TAG, shown, "1")
        parts = [(EventType.START_ELEMENT, _TAG, shown, None), value, value, (EventType.END_ELEMENT, _TAG, vr, None)]
        _refused(name, message, *parts)


@each("name", ["json", "dicom"])
def test_separator_in_segments_is_refused_at_the_end_that_has_the_vr(name: FormatName) -> None:
    parts: list[Event] = [
        (EventType.START_ELEMENT, _TAG, "", None),
        (EventType.SEGMENT, _TAG, "", "1\\"),
        (EventType.LAST_SEGMENT, _TAG, "", "2"),
    ]
    _refused(name, _SEPARATOR, *parts, (EventType.END_ELEMENT, _TAG, "LO", None))
    written = _write(name, *parts, (EventType.END_ELEMENT, _TAG, "UT", None))
    assert (EventType.ELEMENT, _TAG, "UT", ("1\\2",)) in list(streamdicom.iter_events(written))


@each("name", _FORMATS)
def test_separator_in_segments_is_refused(name: FormatName) -> None:
    parts: list[Event] = [(EventType.START_ELEMENT, _TAG, "LO", None), (EventType.LAST_SEGMENT, _TAG, "LO", "1\\2")]
    _refused(name, _SEPARATOR, *parts, (EventType.END_ELEMENT, _TAG, "LO", None))


@each("name", _FORMATS)
@each(
    ("value", "message"),
    [
        (("a=b", "", ""), _GROUPS),
        (("a", "b=c", ""), _GROUPS),
        (("a=b=c=d", "", ""), _GROUPS),
        (("a\\b", "", ""), _SEPARATOR),
        (("", "", "a\\"), _SEPARATOR),
    ],
)
def test_name_that_would_be_read_otherwise_is_refused(
    name: FormatName, value: tuple[str, str, str], message: str
) -> None:
    _refused(name, message, (EventType.ELEMENT, _TAG, "PN", (value,)))
    _refused(name, message, (EventType.ELEMENT, _TAG, "PN", (("a", "", ""), value)))


@each("name", _FORMATS)
@each("value", [("a",), ("a", "b"), ("a", "b", "c", "d")])
def test_name_with_another_number_of_groups_is_refused(name: FormatName, value: tuple[str, ...]) -> None:
    _refused(name, "expected a tuple of three str", (EventType.ELEMENT, _TAG, "PN", (value,)))


@pytest.mark.filterwarnings("ignore:name-groups-in-one")
@each("name", _FORMATS)
def test_groups_beyond_the_third_stay_in_it(name: FormatName) -> None:
    element: Event = (int(EventType.ELEMENT), _TAG, "PN", (("a", "b", "c=d"),))
    assert element in list(streamdicom.iter_events(_write(name, element)))


@each("name", _FORMATS)
@each(("start", "end"), [("LO", "SH"), ("OB", "UN"), ("US", "SS")])
@each("is_empty", [True, False])
def test_other_vr_at_the_end_is_refused(name: FormatName, start: str, end: str, is_empty: bool) -> None:
    content: dict[str, Event] = {
        "LO": (EventType.LAST_SEGMENT, _TAG, "LO", "a"),
        "OB": (EventType.LAST_SEGMENT, _TAG, "OB", b"ab"),
        "US": (EventType.VALUES, _TAG, "US", (1,)),
    }
    members = [(EventType.START_ELEMENT, _TAG, start, None), *([] if is_empty else [content[start]])]
    _refused(name, f"expected VR {start}", *members, (EventType.END_ELEMENT, _TAG, end, None))


@each("name", ["json", "xml"])
def test_empty_reference_is_refused(name: FormatName) -> None:
    _refused(name, "a URI of bulk data", (EventType.BULK_DATA, _TAG, "OB", ""))


@each("name", _FORMATS)
@each("value", [0, False, b"", ()])
def test_false_value_that_is_not_text_is_refused(name: FormatName, value: object) -> None:
    for values in ((value,), ("a", value)):
        _refused(name, "expected str for VR LO", (EventType.ELEMENT, _TAG, "LO", values))


@each("name", _FORMATS)
@each(("vr", "value"), [("LO", "a"), ("US", 1), ("DS", "1.5")])
def test_part_without_values_adds_none(name: FormatName, vr: str, value: object) -> None:
    none: Event = (EventType.VALUES, _TAG, vr, ())
    parts = [none, (EventType.VALUES, _TAG, vr, (value,)), none, (EventType.VALUES, _TAG, vr, (value,)), none]
    start, end = (EventType.START_ELEMENT, _TAG, vr, None), (EventType.END_ELEMENT, _TAG, vr, None)
    [found] = [event for event in streamdicom.iter_events(_write(name, start, *parts, end)) if event[1] == _TAG]
    assert found == (EventType.ELEMENT, _TAG, vr, (value, value))


@pytest.mark.filterwarnings("ignore:not-a-number")
@each(("vr", "text"), [("AE", "A\t"), ("DS", "\n1"), ("IS", "1\r"), ("UI", "\t1"), ("UR", "a:\n")])
def test_white_space_that_readers_of_files_strip_is_refused(vr: str, text: str) -> None:
    _refused("dicom", "without white space at its ends", (EventType.ELEMENT, _TAG, vr, (text,)))
    element: Event = (int(EventType.ELEMENT), _TAG, vr, (text,))
    assert element in list(streamdicom.iter_events(_write("xml", element)))
