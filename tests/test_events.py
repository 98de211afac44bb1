"""The vocabulary of events, and their readable form."""

from __future__ import annotations

from streamdicom import iter_events
from streamdicom.events import Event, EventType, describe
from tests.support.each import each

NAMES = [
    "START_DATASET",
    "END_DATASET",
    "ELEMENT",
    "BULK_DATA",
    "START_ELEMENT",
    "VALUES",
    "SEGMENT",
    "LAST_SEGMENT",
    "END_ELEMENT",
    "START_SEQUENCE",
    "START_ITEM",
    "END_ITEM",
    "END_SEQUENCE",
    "START_FRAGMENTS",
    "START_FRAGMENT",
    "END_FRAGMENTS",
    "JSON_ELEMENT",
]


def test_types_are_numbered_in_order() -> None:
    assert [(kind.name, int(kind)) for kind in EventType] == [(name, number) for number, name in enumerate(NAMES, 1)]


def test_type_equals_its_number() -> None:
    assert (EventType.ELEMENT, 0, "", None) == (3, 0, "", None)
    assert {3: "element"}[EventType.ELEMENT] == "element"


@each(
    ("event", "text"),
    [
        ((1, 0, "", 3), "START_DATASET 3"),
        ((2, 0, "", None), "END_DATASET"),
        ((3, 0x00100010, "PN", (("Doe^Jane", "", "x"), None)), "ELEMENT (0010,0010) PN PatientName: Doe^Jane==x\\"),
        ((3, 0x00100020, "LO", ()), "ELEMENT (0010,0020) LO PatientID"),
        ((3, 0x00280010, "US", (1, 2)), "ELEMENT (0028,0010) US Rows: 1\\2"),
        ((3, 0x00091001, "OB", (b"abc",)), "ELEMENT (0009,1001) OB: 3 bytes"),
        ((3, 0x00100020, "LO", ("a\n\x1b",)), r"ELEMENT (0010,0020) LO PatientID: a\n\x1b"),
        ((3, 0x00100020, "LO", ("a" * 65,)), f"ELEMENT (0010,0020) LO PatientID: {'a' * 64}..."),
        ((4, 0x7FE00010, "OW", "file:x"), "BULK_DATA (7FE0,0010) OW PixelData: file:x"),
        ((5, 0x7FE00010, "", None), "START_ELEMENT (7FE0,0010) PixelData"),
        ((7, 0, "", bytes(48)), "SEGMENT 48 bytes"),
        ((11, 0, "", 1), "START_ITEM 1"),
    ],
)
def test_event_has_a_readable_form(event: Event, text: str) -> None:
    assert describe(event) == text


def test_every_event_of_a_stream_has_a_readable_form() -> None:
    lines = [describe(event) for event in iter_events(b'{"00081140": {"vr": "SQ", "Value": [{}]}}')]
    assert [line.split()[0] for line in lines] == [
        "START_DATASET",
        "START_SEQUENCE",
        "START_ITEM",
        "END_ITEM",
        "END_SEQUENCE",
        "END_DATASET",
    ]
