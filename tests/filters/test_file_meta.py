"""Group 0002: kept where the data set needs it."""

from __future__ import annotations

from itertools import count

import pytest

from streamdicom import Event, EventType
from streamdicom.filters import needed_file_meta
from tests.support.each import each

_START: Event = (EventType.START_DATASET, 0, "", 0)
_END: Event = (EventType.END_DATASET, 0, "", None)
_VERSION: Event = (EventType.ELEMENT, 0x00020001, "OB", (b"\0\1",))
_NAME: Event = (EventType.ELEMENT, 0x00100010, "PN", ("A",))
_JPEG, _EXPLICIT = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.1"


def _syntax(*values: str) -> Event:
    return EventType.ELEMENT, 0x00020010, "UI", values


@each(
    ("syntax", "always", "is_kept"),
    [
        (_syntax(_JPEG), False, True),
        (_syntax(_EXPLICIT), False, False),
        (_syntax(_EXPLICIT), True, True),
        (_syntax(), False, False),
        (_VERSION, False, False),
        (_VERSION, True, True),
    ],
)
def test_file_meta_is_kept_for_encapsulated_pixel_data(syntax: Event, always: bool, is_kept: bool) -> None:
    events = [_START, _VERSION, syntax, _NAME, _END]
    expected = events if is_kept else [_START, _NAME, _END]
    assert list(needed_file_meta(events, always=always)) == expected


@pytest.mark.parametrize("syntax", [_EXPLICIT, _JPEG])
def test_lower_groups_do_not_hide_file_meta(syntax: str) -> None:
    tag, inner = 0x00010002, _syntax(_EXPLICIT)  # group 0002 within an item is an element like others
    low = [
        (EventType.START_SEQUENCE, tag, "SQ", None),
        (EventType.START_ITEM, tag, "SQ", 0),
        *(_NAME, inner),
        (EventType.END_ITEM, tag, "SQ", None),
        (EventType.END_SEQUENCE, tag, "SQ", None),
    ]
    odd = [(kind, 0x00020200 if outer == tag else outer, vr, value) for kind, outer, vr, value in low]
    kept = [_syntax(syntax), *odd] if syntax == _JPEG else []
    assert list(needed_file_meta([_START, *low, _syntax(syntax), *odd, _NAME, _END])) == [
        _START,
        *low,
        *kept,
        _NAME,
        _END,
    ]
    assert list(needed_file_meta([_START, *low, _END, _syntax(syntax)])) == [_START, *low, _END, _syntax(syntax)]


def test_sequence_of_a_higher_group_is_not_held() -> None:
    tag = 0x00400275
    events = [_START, (EventType.START_SEQUENCE, tag, "SQ", None), *[(EventType.START_ITEM, tag, "SQ", 0)] * 500]
    remaining = iter(events)
    assert next(needed_file_meta(remaining)) == _START
    assert len(list(remaining)) == 500


def test_data_set_without_elements_is_passed_on() -> None:
    assert list(needed_file_meta([_START, _END])) == [_START, _END]
    assert list(needed_file_meta([])) == []
    assert list(needed_file_meta([_START, _syntax(_EXPLICIT)])) == [_START]


def test_number_of_held_events_is_bounded() -> None:
    drawn = count()
    events = ((EventType.ELEMENT, 0x00020100, "UN", (bytes([next(drawn) % 256]),)) for _ in range(10_000))
    next(iter(needed_file_meta(events, always=True)))
    assert next(drawn) < 300
