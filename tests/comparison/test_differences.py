"""Differences between data sets, in the order of their positions."""

from __future__ import annotations

import json
from typing import Any

from streamdicom import iter_events
from streamdicom.comparison import datasets, differences, tag_path


def _found(one: dict[str, Any], other: dict[str, Any]) -> list[tuple[str, str]]:
    left, right = (next(datasets(iter_events(json.dumps(each).encode()))) for each in (one, other))
    return [(found.kind.name, tag_path(found.key)) for found in differences(left.entries, right.entries)]


_ID = {"00100020": {"vr": "LO", "Value": ["1"]}}
_ITEM = {"00081150": {"vr": "UI", "Value": ["1.2"]}}
_SEQUENCE = {"00081140": {"vr": "SQ", "Value": [_ITEM]}}


def test_equal_data_sets_have_none() -> None:
    assert _found(_ID, _ID) == []


def test_missing_elements_are_named_by_their_side() -> None:
    assert _found(_ID, {}) == [("ONLY_LEFT", "00100020")]
    assert _found({}, _ID) == [("ONLY_RIGHT", "00100020")]


def test_other_value_and_other_vr_are_distinguished() -> None:
    assert _found(_ID, {"00100020": {"vr": "LO", "Value": ["2"]}}) == [("VALUE", "00100020")]
    assert _found(_ID, {"00100020": {"vr": "SH", "Value": ["1"]}}) == [("VR", "00100020")]


def test_missing_sequence_is_one_difference() -> None:
    assert _found(_SEQUENCE | _ID, _ID) == [("ONLY_LEFT", "00081140")]


def test_element_of_an_item_has_its_path() -> None:
    other = {"00081140": {"vr": "SQ", "Value": [{"00081150": {"vr": "UI", "Value": ["1.3"]}}]}}
    assert _found(_SEQUENCE, other) == [("VALUE", "00081140[0].00081150")]


def test_additional_item_is_one_difference() -> None:
    other = {"00081140": {"vr": "SQ", "Value": [_ITEM, _ITEM]}}
    assert _found(_SEQUENCE, other) == [("ONLY_RIGHT", "00081140[1]")]
