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
from streamdicom.deviations import Deviation
from streamdicom.dicom import ITEM_TAG_BYTES, SPECIFIC_CHARACTER_SET, VRS, Form, json_field
from streamdicom.events import Event, EventType

FORMATS = ("json", "xml", "dicom")
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
        padded: Compare as a file does: FL has 32 bits, binary values have even lengths, and a JSON_ELEMENT is UN.
    """
    collector = _Collector(padded)
    for event in events:
        collector.add(event)
    return collector.found


class _Collector:
    """Collects the elements of a stream of events."""

    def __init__(self, padded: bool) -> None:
        self.found: list[Element] = []
        self._padded = padded
        self._place: list[str] = []
        self._parts: list[Any] = []

    def add(self, event: Event) -> None:
        kind, tag, _, value = event
        if kind == EventType.START_DATASET:
            self._place = [f"[{value}]"]
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
        elif kind in (EventType.ELEMENT, EventType.BULK_DATA, EventType.JSON_ELEMENT):
            self._put(tag, *self._whole(event))
        else:
            self._add_part(event)

    def _put(self, tag: int, vr: str, content: Any) -> None:
        if tag & 0xFFFF and not (tag >> 16 == 2 and len(self._place) == 1):
            self.found.append(Element(".".join([*self._place, f"{tag:08X}"]), vr, content))

    def _whole(self, event: Event) -> tuple[str, Any]:
        kind, tag, vr, value = event
        if not tag & 0xFFFF:
            return vr, None
        if kind == EventType.ELEMENT:
            return vr, _values(vr, value, self._padded)
        if kind == EventType.BULK_DATA:
            return vr, ("uri", value)
        if not self._padded:
            return "", ("json", json.loads(value))
        data = json_field(tag, value)
        return "UN", _values("UN", (data,) if data else (), self._padded)

    def _add_part(self, event: Event) -> None:
        kind, tag, vr, value = event
        parts = self._parts
        if kind in (EventType.START_ELEMENT, EventType.START_FRAGMENTS):
            parts.clear()
        elif kind == EventType.START_FRAGMENT:
            parts.append([b""])
        elif kind == EventType.VALUES:
            parts += value
        elif kind in (EventType.SEGMENT, EventType.LAST_SEGMENT):
            if not parts or not isinstance(parts[-1], list):
                parts.append([])
            parts[-1].append(value)
            if kind == EventType.LAST_SEGMENT:
                parts[-1] = value[:0].join(parts[-1])
        elif kind == EventType.END_ELEMENT:
            self._put(tag, vr, _values(vr, tuple(parts), self._padded) if tag & 0xFFFF else None)
        elif kind == EventType.END_FRAGMENTS:
            self._put(tag, vr, _fragments(parts, self._padded))


def _fragments(parts: list[bytes], padded: bool) -> bytes:
    items = [_even(part) for part in parts] if padded else parts
    return b"".join([ITEM_TAG_BYTES + len(item).to_bytes(4, "little") + item for item in items])


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
        return struct.unpack("<f", struct.pack("<f", number))[0] if vr == "FL" and padded else number
    return int(value)


# --- writing and reading -------------------------------------------------------------------------------------------


class Road(NamedTuple):
    """The events that were read, and the deviations as code and tag path."""

    events: list[Event]
    deviations: list[tuple[str, str]]


def write(events: Iterable[Event], form: str) -> bytes:
    """Return a file of one data set.

    Raises:
        OutputError: The events cannot be written.
    """
    target = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        streamdicom.write_events(events, target, format=form, options=WriteOptions(file_meta=True), array=False)  # type: ignore[arg-type]
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
