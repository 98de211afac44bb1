"""The vocabulary of events."""

from __future__ import annotations

from streamdicom.events import EventType

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


def test_the_types_are_numbered_in_order() -> None:
    assert [(kind.name, int(kind)) for kind in EventType] == [(name, number) for number, name in enumerate(NAMES, 1)]


def test_a_type_is_equal_to_its_number() -> None:
    assert (EventType.ELEMENT, 0, "", None) == (3, 0, "", None)
    assert {3: "element"}[EventType.ELEMENT] == "element"
