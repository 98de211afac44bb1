"""Value Fields of elements in parts."""

from __future__ import annotations

from streamdicom import Event, EventType
from streamdicom.filters.fragments import value_field
from tests.support.each import each

_TAG = 0x7FE00010


@each(
    ("events", "expected"),
    [
        ([(EventType.ELEMENT, _TAG, "OB", (b"ab",))], b"ab"),
        ([(EventType.ELEMENT, _TAG, "OB", ())], b""),
        (
            [
                (EventType.START_ELEMENT, _TAG, "OB", 4),
                (EventType.SEGMENT, _TAG, "OB", b"ab"),
                (EventType.LAST_SEGMENT, _TAG, "OB", b"cd"),
                (EventType.END_ELEMENT, _TAG, "OB", None),
            ],
            b"abcd",
        ),
        (
            [
                (EventType.START_ELEMENT, _TAG, "OB", None),
                (EventType.VALUES, _TAG, "OB", (b"ab",)),
                (EventType.END_ELEMENT, _TAG, "OB", None),
            ],
            b"ab",
        ),
        (
            [
                (EventType.START_FRAGMENTS, _TAG, "OB", None),
                (EventType.START_FRAGMENT, _TAG, "OB", 0),
                (EventType.LAST_SEGMENT, _TAG, "OB", b""),
                (EventType.START_FRAGMENT, _TAG, "OB", 2),
                (EventType.LAST_SEGMENT, _TAG, "OB", b"ab"),
                (EventType.END_FRAGMENTS, _TAG, "OB", None),
            ],
            b"\xfe\xff\0\xe0\0\0\0\0\xfe\xff\0\xe0\2\0\0\0ab",
        ),
    ],
)
def test_value_field_has_the_bytes_of_all_parts(events: list[Event], expected: bytes) -> None:
    assert b"".join(value_field(events)) == expected
