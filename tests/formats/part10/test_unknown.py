"""UN in text, read as in DICOM files (PS3.5 6.2.2)."""

from __future__ import annotations

import base64
import io
import json
import tracemalloc
from functools import partial
from typing import Any

import pytest

from streamdicom import Event, EventType, Limits, iter_events, write_events
from streamdicom.formats.part10.unknown import UnknownReader
from tests.support.each import each
from tests.support.roads import in_one_event

_ITEM = b"\xfe\xff\x00\xe0\x0c\0\0\0\x10\0\x20\0\4\0\0\0abcd"  # with Patient ID
_ITEMS = [(11, "SQ", 0), (3, "LO", ("abcd",)), (12, "SQ", None)]
_NAME = "Müller^A".encode("latin-1")
_GEMS = {"00090010": {"vr": "LO", "Value": ["GEMS_IDEN_01"]}}
_TERMS = {"00080005": {"vr": "CS", "Value": ["ISO_IR 100"]}}
_GREEK = {"00080005": {"vr": "CS", "Value": ["ISO_IR 126"]}}
_SIGNED = {"00280103": {"vr": "US", "Value": [1]}}


def _un(data: bytes) -> dict[str, str]:
    return {"vr": "UN", "InlineBinary": base64.b64encode(data).decode()} if data else {"vr": "UN"}


def _item(content: dict[str, Any]) -> dict[str, Any]:
    return {"00081140": {"vr": "SQ", "Value": [content]}}


def _place(index: int) -> tuple[int, ...]:
    return (index,)


def _events(document: dict[str, Any]) -> list[Event]:
    return list(iter_events(json.dumps(document).encode()))


@each(
    ("before", "tag", "data", "expected"),
    [
        ({}, 0x00100020, b"abc ", [(3, "LO", ("abc",))]),
        ({}, 0x00100020, b"", [(3, "LO", ())]),
        ({}, 0x00280010, b"\5\0", [(3, "US", (5,))]),
        ({}, 0x00280010, b"abc", [(3, "UN", (b"abc",))]),  # no number
        ({}, 0x00281201, b"abcd", [(3, "OW", (b"abcd",))]),
        ({}, 0x00100013, b"abcd", [(3, "UN", (b"abcd",))]),  # not in the dictionary
        ({}, 0x00081140, b"", [(10, "SQ", None), (13, "SQ", None)]),
        ({}, 0x00081140, _ITEM, [(10, "SQ", None), *_ITEMS, (13, "SQ", None)]),
        ({}, 0x04000561, _ITEM, [(10, "SQ", None), *_ITEMS, (13, "SQ", None)]),
        ({}, 0x00081140, b"hello wo", [(3, "UN", (b"hello wo",))]),
        ({}, 0x00104000, b"a" * 116 + b"DICM" + b"b" * 40, [(3, "LT", ("a" * 116 + "DICM" + "b" * 40,))]),
        ({}, 0x00280106, b"\xfb\xff", [(3, "US", (65531,))]),
        (_SIGNED, 0x00280106, b"\xfb\xff", [(3, "SS", (-5,))]),
        (_TERMS, 0x00100010, _NAME, [(3, "PN", (("Müller^A", "", ""),))]),
        (_GEMS, 0x0009101A, b"\5\0", [(3, "US", (5,))]),
        ({}, 0x0009101A, b"\5\0", [(3, "UN", (b"\5\0",))]),
        (_GEMS, 0x0009111A, b"\5\0", [(3, "UN", (b"\5\0",))]),  # of another creator
    ],
)
def test_un_has_the_vr_that_it_has_after_a_file(
    before: dict[str, Any], tag: int, data: bytes, expected: list[tuple[int, str, Any]]
) -> None:
    events = _events({**before, f"{tag:08X}": _un(data)})
    place = len(before) + 1
    assert events[place][:3] == (EventType.ELEMENT, tag, "UN")
    found, place_of = UnknownReader(Limits()).read(events, _place)
    count = len(found) - len(events) + 1
    assert [(kind, vr, value) for kind, _, vr, value in found[place : place + count]] == expected
    places = [place_of(index)[0] for index in range(len(found))]
    assert places == [*range(place), *[place] * count, *range(place + 1, len(events))]
    assert (found[:place], found[place + count :]) == (events[:place], events[place + 1 :])
    file = io.BytesIO()
    write_events(events, file, format="dicom")
    assert [event for event in iter_events(file.getvalue()) if event[1] >> 16 != 2] == list(found)


def test_facts_end_with_their_item_and_their_data_set() -> None:
    name = {"00100010": _un(_NAME)}
    private = {"0009101A": _un(b"\5\0")}
    documents = [
        {**_TERMS, **_item(name)},  # an item inherits the character set
        {**_item({**_GREEK, **name}), **name},
        {**_GEMS, **_item({**private})},  # but no creator
        {**_item({**_GEMS, **private}), **private},
    ]
    reader = UnknownReader(Limits())
    found = [
        [event[2:] for event in reader.read(_events(one), _place)[0] if event[1] in (0x00100010, 0x0009101A)]
        for one in documents
    ]
    unknown = ("UN", (b"\5\0",))
    assert found == [
        [("PN", (("Müller^A", "", ""),))],
        [("PN", (("Mόller^A", "", ""),)), ("PN", (("Müller^A", "", ""),))],  # the second is reported, and Latin 1
        [unknown],
        [("US", (5,)), unknown],
    ]


def _shuffled(document: dict[str, Any]) -> dict[str, Any]:
    """Return the elements of a data set and its items in descending order."""
    found: dict[str, Any] = {}
    for key, attribute in reversed(document.items()):
        is_sequence = attribute["vr"] == "SQ"
        found[key] = (
            {**attribute, "Value": [_shuffled(one) for one in attribute["Value"]]} if is_sequence else attribute
        )
    return found


@each(
    "document",
    [
        {**_GEMS, "0009101A": _un(b"\5\0")},
        {**_SIGNED, "00280106": _un(b"\xfb\xff")},
        {**_TERMS, "00100010": _un(_NAME)},
        {**_TERMS, **_item({"00100010": _un(_NAME)})},
        {**_item({"00280106": _un(b"\xfb\xff")}), **_SIGNED},  # the item is before it in a file
        {**_SIGNED, "00283010": {"vr": "SQ", "Value": [{"00280106": _un(b"\xfb\xff")}]}},
        {**_item({**_GEMS, "0009101A": _un(b"\5\0")}), "0009101A": _un(b"\5\0")},
    ],
)
@pytest.mark.filterwarnings("ignore:key-order")
def test_order_of_the_elements_does_not_count(document: dict[str, Any]) -> None:
    ordered, _ = UnknownReader(Limits()).read(_events(document), _place)
    found, _ = UnknownReader(Limits()).read(_events(_shuffled(document)), _place)
    assert sorted(map(repr, found)) == sorted(map(repr, ordered))
    file = io.BytesIO()
    write_events(_events(document), file, format="dicom")
    assert [event for event in iter_events(file.getvalue()) if event[1] >> 16 != 2] == list(ordered)


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_events_may_be_taken_in_any_parts(size: int) -> None:
    first, second = {**_TERMS, **_item({"00100010": _un(_NAME)}), **_SIGNED}, {"00280106": _un(b"\xfb\xff")}
    events = [*_events(first), *_events({**_SIGNED, **second}), *_events(second)]
    whole, _ = UnknownReader(Limits()).read(events, _place)
    reader = UnknownReader(Limits())
    parts = [reader.read(events[start : start + size], _place)[0] for start in range(0, len(events), size)]
    assert [event for part in parts for event in part] == whole
    assert [event[2] for event in whole if event[1] == 0x00280106] == ["SS", "US"]


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
@each(
    ("tag", "data"),
    [
        (0x00104000, b"long text " * 10_000),
        (0x30060050, b"1.5\\2.5\\" * 10_000 + b"3 "),
        (0x00281201, bytes(100_000)),
        (0x00081140, _ITEM * 5000),
        (0x00081140, b"hello wo" * 10_000),  # no items
        (0x00280010, b"abc" * 30_000 + b"a"),  # no number
        (0x00104000, b"a" * 1_100_000),  # beyond ``Limits.held_size``
    ],
)
def test_long_un_has_the_vr_that_it_has_after_a_file(tag: int, data: bytes, size: int) -> None:
    events = _events({"00080060": {"vr": "CS", "Value": ["CT"]}, f"{tag:08X}": _un(data), "FFFCFFFC": _un(b"ab")})
    assert events[2][:3] == (EventType.START_ELEMENT, tag, "UN")
    reader, start = UnknownReader(Limits()), 0
    found: list[tuple[Event, int]] = []
    while start < len(events):
        known, place_of = reader.read(events[start : start + size], partial(_place_after, start))
        found += [(event, place_of(index)[0]) for index, event in enumerate(known)]
        start += size
    if len(data) > Limits().held_size:
        assert [event for event, _ in found][:-2] == events[:-2]
        return
    file = io.BytesIO()
    write_events(events, file, format="dicom")
    known = [event for event in iter_events(file.getvalue()) if event[1] >> 16 != 2]
    assert in_one_event([event for event, _ in found]) == in_one_event(known)
    assert {place for event, place in found if event[1] == tag} == {2}
    assert [place for event, place in found if event[1] == 0xFFFCFFFC] == [len(events) - 2]


def _place_after(start: int, index: int) -> tuple[int, ...]:
    return (start + index,)


def test_events_without_un_stay_the_same_list() -> None:
    events = _events({**_TERMS, **_item(_SIGNED)})
    assert UnknownReader(Limits()).read(events, _place) == (events, _place)


def test_memory_is_that_of_one_value() -> None:
    events: list[Event] = [(EventType.ELEMENT, 0x00281201, "UN", (bytes(0xFFFE),))] * 2000
    reader = UnknownReader(Limits())
    tracemalloc.start()
    for event in events:
        reader.read([event], _place)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2_000_000
