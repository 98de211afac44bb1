"""The roads of an element: JSON, XML, DICOM files and pydicom data sets."""

from __future__ import annotations

import io
import json
import struct
import warnings
from collections.abc import Iterable
from itertools import chain
from math import isnan
from typing import Any, NamedTuple

import streamdicom
from streamdicom import ReadOptions, WriteOptions
from streamdicom.datasets import DatasetBuilder, walk
from streamdicom.deviations import DEVIATIONS, Deviation, Severity
from streamdicom.dicom import ITEM_TAG_BYTES, SPECIFIC_CHARACTER_SET, VRS, Form, json_value
from streamdicom.errors import OutputError, StreamDicomError
from streamdicom.events import Event, EventType
from streamdicom.filters import ValueCheck

FORMATS = ("json", "xml", "dicom")
_MAX_SINGLE = 3.4028234e38
TEXT_FORMS = (Form.TEXT, Form.DECIMAL)
UTF_8 = ("ISO_IR 192",)

# PS3.5 6.2: spaces at the end are padding in text, and spaces at the start too in these VRs.
_STRIPPED_AT_START = frozenset({"AE", "CS", "DS", "IS", "LO", "SH", "UI"})


class Element(NamedTuple):
    """An element in a form that does not depend on how its events were cut."""

    path: str
    vr: str
    content: Any


def elements(events: Iterable[Event], *, padded: bool = False) -> list[Element]:
    """Return the elements of all data sets, without group lengths and group 0002.

    Args:
        events: The events.
        padded: Compare as a file does: FL has 32 bits, binary values have even lengths, and a JSON_ELEMENT is text or
            bytes.
    """
    collector = _Collector(padded)
    for event in in_one_event(events):
        collector.add(event)
    return [element for element in collector.found if not element.path.startswith("0002")]


class _Collector:
    """Collects the elements of a stream of events."""

    def __init__(self, padded: bool) -> None:
        self.found: list[Element] = []
        self._padded = padded
        self._place: list[str] = []

    def add(self, event: Event) -> None:
        kind, tag, _, value = event
        if kind == EventType.START_DATASET:
            self._place = []
        elif kind == EventType.START_SEQUENCE:
            self._put(tag, "SQ", None)
            self._place.append(f"{tag:08X}")
        elif kind == EventType.START_ITEM:
            self._place[-1] += f"[{value}]"
            self.found.append(Element(".".join(self._place), "", None))
        elif kind == EventType.END_ITEM:
            self._place[-1] = self._place[-1].partition("[")[0]
        elif kind == EventType.END_SEQUENCE:
            self._place.pop()
        elif kind != EventType.END_DATASET:
            self._put(tag, *self._whole(event))

    def _put(self, tag: int, vr: str, content: Any) -> None:
        if not self._is_left_out(tag):
            self.found.append(Element(".".join([*self._place, f"{tag:08X}"]), vr, content))

    def _is_left_out(self, tag: int) -> bool:
        return not tag & 0xFFFF or (tag >> 16 == 2 and not self._place)

    def _whole(self, event: Event) -> tuple[str, Any]:
        kind, tag, vr, value = event
        if self._is_left_out(tag):
            return vr, None
        if kind == EventType.ELEMENT:
            return vr, _values(vr, value, self._padded)
        if kind == EventType.BULK_DATA:
            return vr, ("uri", value)
        if not self._padded:
            return "", ("json", json.loads(value))
        vr, values = json_value(tag, value)
        return vr, _values(vr, values, self._padded)


def _even(data: bytes) -> bytes:
    return data + b"\0" if len(data) & 1 else data


def _values(vr: str, values: tuple[Any, ...], padded: bool) -> Any:
    row = VRS.get(vr)
    if row is None:
        return values
    if row.form is Form.BINARY:
        data = b"".join([value or b"" for value in values])
        if padded and data.startswith(ITEM_TAG_BYTES):  # fragments have no padding of the whole
            return _padded_items(data)
        return _even(data) if padded else data
    texts = tuple([_value(vr, row.form, value, padded) for value in values])
    return () if len(texts) == 1 and texts[0] in ("", ("", "", "")) else texts


def _padded_items(data: bytes) -> bytes:
    items, place = b"", 0
    while place < len(data):
        length = int.from_bytes(data[place + 4 : place + 8], "little")
        if data[place:] == b"\0":  # the padding of the whole, if it is no pixel data
            return items
        if data[place : place + 4] != ITEM_TAG_BYTES or place + 8 + length > len(data):
            return _even(data)
        items += ITEM_TAG_BYTES + (length + length % 2).to_bytes(4, "little")
        items += _even(data[place + 8 : place + 8 + length])
        place += 8 + length
    return items


def _value(vr: str, form: Form, value: Any, padded: bool) -> Any:
    if value is None:
        return ("", "", "") if form is Form.PERSON_NAME else ""
    if form is Form.PERSON_NAME:
        return tuple([(group or "").rstrip("\0 ") for group in value])
    if form in TEXT_FORMS:
        text = value.rstrip("\0 ")
        return text.lstrip(" ") if vr in _STRIPPED_AT_START else text
    if form is Form.FLOAT:
        number = float(value)
        if isnan(number):
            return "nan"
        is_single = vr == "FL" and padded and abs(number) < _MAX_SINGLE
        return struct.unpack("<f", struct.pack("<f", number))[0] if is_single else number
    return int(value)


def in_one_event(events: Iterable[Event]) -> list[Event]:
    """Return events in which each element in parts or in fragments is one event."""
    found: list[Event] = []
    parts: list[Any] = []
    for event in events:
        kind, tag, vr, value = event
        if kind in (EventType.START_ELEMENT, EventType.START_FRAGMENTS):
            parts = []
        elif kind == EventType.VALUES:
            parts += value
        elif kind == EventType.START_FRAGMENT:
            parts.append([ITEM_TAG_BYTES + value.to_bytes(4, "little")])
        elif kind in (EventType.SEGMENT, EventType.LAST_SEGMENT):
            if not parts or not isinstance(parts[-1], list):
                parts.append([])
            parts[-1].append(value)
            if kind == EventType.LAST_SEGMENT:
                parts[-1] = value[:0].join(parts[-1])
        elif kind == EventType.END_ELEMENT:
            found.append((int(EventType.ELEMENT), tag, vr, tuple(parts)))
        elif kind == EventType.END_FRAGMENTS:
            parts = [value[0][:0].join(value) if isinstance(value, list) else value for value in parts]  # one is cut
            found.append((int(EventType.ELEMENT), tag, vr, (b"".join(parts),) if parts else ()))
        elif value == (None,) and VRS.get(vr, VRS["LO"]).form is Form.BINARY:
            found.append((kind, tag, vr, ()))
        else:
            found.append(event)
    return found


# --- writing and reading -------------------------------------------------------------------------------------------


class Road(NamedTuple):
    """The events that were read, and the deviations as code and tag path."""

    events: list[Event]
    deviations: list[tuple[str, str]]


def write(events: Iterable[Event], form: str, **options: Any) -> bytes:
    """Return a file of one data set.

    Raises:
        OutputError: The events cannot be written.
    """
    target = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        writing = WriteOptions(file_meta=True, **options)
        streamdicom.write_events(events, target, format=form, options=writing, array=False)  # type: ignore[arg-type]
    return target.getvalue()


def read(data: bytes, **options: Any) -> Road:
    """Read a file of any format; wrong values are kept."""
    deviations: list[Deviation] = []
    options = {"on_error": "keep", "on_deviation": deviations.append, **options}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        events = list(streamdicom.iter_events(data, options=ReadOptions(**options)))
    return Road(events, [(found.code, found.location.tag_path or "") for found in deviations])


def through_pydicom(events: Iterable[Event]) -> list[Event]:
    """Return the events of the data set that is built from events."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        [dataset] = DatasetBuilder(ReadOptions()).build(events)
        return list(chain.from_iterable(walk(dataset)))


def padded(form: str) -> bool:
    return form != "json"


def without_character_set(found: list[Element]) -> list[Element]:
    """Return elements without Specific Character Set, as a file may be in UTF-8."""
    return [element for element in found if not element.path.endswith(f"].{SPECIFIC_CHARACTER_SET:08X}")]


# --- the closed world --------------------------------------------------------------------------------------------

# Codes that a format has for the form of a wrong value, and those that ``validate`` finds in the value in any format.
_SAME_FAULTS = {
    # A fourth component group stands after "=" in the third, which JSON and XML have as a group of its own.
    "name-groups-in-one": {"name-groups"},
    # Only files have bytes. JSON and XML have a character that the VR excludes.
    "no-character-set": {
        *("not-a-uid", "not-a-number", "not-a-date", "not-a-time", "not-a-date-time", "not-an-age"),
        "wrong-character",
    },
}


def findings(events: list[Event]) -> set[tuple[str, str]]:
    """Return the faults of values that ``validate`` finds in any format."""
    found: list[Deviation] = []
    check = ValueCheck(found.append)
    check.start()
    check.check([event for event in in_one_event(events) if event[1] >> 16 != 2])
    return {(fault.code, fault.location.tag_path or "") for fault in found}


def written(events: list[Event], form: str, **options: Any) -> bytes | None:
    """Return the file, or None if the writer refuses the events with their place."""
    try:
        return write(events, form, **options)
    except OutputError as error:
        if not error.location.tag_path:
            raise AssertionError("a refusal without a tag path") from error
        return None


def assert_same(events: list[Event], data: bytes, form: str) -> None:
    """Check that a file has the values of the events, and no further fault."""
    back = read(data)
    expected = elements(events, padded=padded(form))
    found = elements(back.events, padded=padded(form))
    if padded(form):
        expected, found = _comparable(events, expected, found)
    assert found == expected, form
    known = findings(events)
    faults = {fault for fault in back.deviations if DEVIATIONS[fault[0]].severity > Severity.NOTE}
    # A JSON_ELEMENT is wrong in any case, and FL in events may have the 64 bits of Python.
    kept = {path for path, vr, content in elements(events) if _is_json(content) or vr == "FL" or _is_charset(path)}
    new = {fault for fault in faults if not _is_known(fault, known)} | (findings(back.events) - known)
    assert {fault for fault in new if fault[1] not in kept and not _is_of_file(fault, events)} == set(), form


def assert_same_in_implicit_vr(events: list[Event], data: bytes) -> None:
    """Check that a file has the values of the events, in the VRs of the dictionary."""
    expected, found = _comparable(events, elements(events, padded=True), elements(read(data).events, padded=True))
    # A private sequence with UN that is not of the VR of the dictionary is UN for readers.
    within = tuple([f"{element.path}[" for element in found if element.vr == "UN"])
    expected = [element for element in expected if not element.path.startswith(within)]
    assert [element.path for element in found] == [element.path for element in expected]
    for one, other in zip(expected, found, strict=True):
        if "UN" not in (one.vr, other.vr) and (one.content or other.content):
            assert _without_vr(one) == _without_vr(other), (one, other)


def _without_vr(element: Element) -> Any:
    """Return the content, with names as text and without spaces at the ends."""
    form = VRS[element.vr].form
    if form is Form.PERSON_NAME:
        return tuple(["=".join(groups).rstrip("=").strip(" ") for groups in element.content])
    return tuple([text.strip(" ") for text in element.content]) if form in TEXT_FORMS else element.content


def _is_charset(path: str) -> bool:
    return path.endswith(f"{SPECIFIC_CHARACTER_SET:08X}")


def _is_known(fault: tuple[str, str], known: set[tuple[str, str]]) -> bool:
    code, path = fault
    return any((same, path) in known for same in {code, *_SAME_FAULTS.get(code, ())})


def _is_json(content: Any) -> bool:
    return isinstance(content, tuple) and content[:1] == ("json",)


def _comparable(
    events: list[Event], expected: list[Element], found: list[Element]
) -> tuple[list[Element], list[Element]]:
    """Leave out the character set, and UN that gets its VR from the dictionary."""
    unknown = {element.path: element for element in expected if element.vr == "UN"}
    both = [[element for element in each if not element.path.endswith("00080005")] for each in (expected, found)]
    first, second = ([_as_un(element, unknown) for element in each] for each in both)
    in_unknown = tuple([f"{path}[" for path in unknown])  # items that a reader has found in UN
    return first, [element for element in second if not element.path.startswith(in_unknown)]


def _as_un(element: Element, unknown: dict[str, Element]) -> Element:
    """Return UN for an element that a reader has made of the bytes of UN."""
    un, row = unknown.get(element.path), VRS.get(element.vr)
    if un is None or element.vr == "UN":
        return element
    if row is None or row.form in (*TEXT_FORMS, Form.PERSON_NAME, Form.SEQUENCE):
        return un  # with any values: text loses its padding
    if row.form is Form.BINARY:
        return element._replace(vr="UN")
    numbers = element.content
    if "nan" in numbers:  # of any bits
        return un
    if row.form is Form.TAG:
        numbers = [half for number in numbers for half in (number >> 16, number & 0xFFFF)]
    return Element(element.path, "UN", struct.pack(f"<{len(numbers)}{row.code}", *numbers))


def _is_of_file(fault: tuple[str, str], events: list[Event]) -> bool:
    """Return whether a fault is due to the form of files, or within UN."""
    code, path = fault
    return (
        path in _unknown(events)
        or path.startswith(tuple([f"{one}[" for one in _unknown(events)]))
        or _is_charset(path)
        or (code == "key-order" and path < "00020000")
    )


def _unknown(events: list[Event]) -> set[str]:
    return {element.path for element in elements(events, padded=True) if element.vr == "UN"}


def assert_agree(events: list[Event]) -> None:
    """Check that events have the same values and faults on each road that takes them."""
    files = {form: data for form in FORMATS if (data := written(events, form)) is not None}
    for form, data in files.items():
        assert_same(events, data, form)
    if "json" in files:  # otherwise no parser has such events
        assert_same_in_dataset(events)


def assert_same_in_dataset(events: list[Event]) -> None:
    """Check that a data set has the values of the events."""
    try:
        back = through_pydicom(events)
    except StreamDicomError:
        return
    expected, found = _comparable(events, elements(events, padded=True), elements(back, padded=True))
    assert found == expected, "pydicom"
