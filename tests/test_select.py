"""Some of the elements of a data set: whole, in whatever parts they come."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import streamdicom
from streamdicom import Event, EventType, Limits, ReadOptions, iter_events
from streamdicom.select import select

_ITEM = {"00081140": {"vr": "SQ", "Value": [{}, {}]}, "00100020": {"vr": "LO", "Value": ["inner"]}}
_DATASET: dict[str, Any] = {
    "00020010": {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]},
    "00081140": {"vr": "SQ", "Value": [_ITEM, {}]},
    "00081199": {"vr": "SQ"},
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe"}]},
    "00100020": {"vr": "LO", "Value": ["outer"]},
    "00101002": {"vr": "UT", "Value": ["long " * 100]},
    "00280010": {"vr": "US", "Value": list(range(200))},
    "00880200": {"vr": "OW", "BulkDataURI": "x"},
    "7FE00010": {"vr": "OB", "InlineBinary": "AAEC" * 100},
}
_PARTS = ReadOptions(limits=Limits(string_segment=16, held_values=10))


def _selected(events: Any, **options: Any) -> list[dict[str, Any]]:
    from io import BytesIO

    target = BytesIO()
    options = {name: [int(tag, 16) for tag in tags] for name, tags in options.items()}
    streamdicom.write_events(select(events, **options), target, options=streamdicom.WriteOptions(file_meta=True))
    found: list[dict[str, Any]] = json.loads(target.getvalue())
    return found


@given(st.lists(st.sampled_from(list(_DATASET))), st.lists(st.sampled_from(list(_DATASET))))
@pytest.mark.parametrize("options", [ReadOptions(), _PARTS], ids=["whole", "parts"])
def test_what_comes_is_what_is_wanted(options: ReadOptions, include: list[str], exclude: list[str]) -> None:
    events = iter_events(json.dumps([_DATASET, _DATASET]).encode(), options=options)
    expected = {
        tag: attribute
        for tag, attribute in _DATASET.items()
        if tag not in exclude and (not include or tag in include or tag == "00020010")
    }
    assert _selected(events, include=include, exclude=exclude) == [expected, expected]


def test_fragments_come_or_go_as_one() -> None:
    fragments: list[Event] = [
        (EventType.START_FRAGMENTS, 0x7FE00010, "OB", None),
        (EventType.START_FRAGMENT, 0x7FE00010, "OB", 2),
        (EventType.LAST_SEGMENT, 0x7FE00010, "OB", b"ab"),
        (EventType.END_FRAGMENTS, 0x7FE00010, "OB", None),
    ]
    rest: list[Event] = [(EventType.ELEMENT, 0xFFFCFFFC, "OB", (b"",))]
    assert list(select([*fragments, *rest], exclude=[0x7FE00010])) == rest
    assert list(select([*fragments, *rest], include=[0x7FE00010])) == fragments
