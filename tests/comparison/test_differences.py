"""Differences between data sets, in the order of their positions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from streamdicom import Event, Limits, ReadOptions, iter_events
from streamdicom.comparison import Batch, datasets, differences, leave_out_equal, tag_path
from streamdicom.comparison.entries import entries_of
from streamdicom.events import ELEMENT, END_DATASET, END_ELEMENT, START_DATASET, START_ELEMENT, VALUES


def _found(one: dict[str, Any], other: dict[str, Any]) -> list[tuple[str, str]]:
    left, right = (next(datasets([Batch(list(iter_events(json.dumps(each).encode())))])) for each in (one, other))
    leave_out_equal(left, right)
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


# --- equal events ----------------------------------------------------------------------------------------------

_VALUES: list[dict[str, Any]] = [  # each beside another that is nearly the same
    {"vr": "LO", "Value": ["a"]},
    {"vr": "LO", "Value": ["a "]},
    {"vr": "FD", "Value": [0.0]},
    {"vr": "FD", "Value": [-0.0]},
    {"vr": "UT", "Value": ["x" * 90]},
    {"vr": "UT", "Value": ["x" * 89 + "y"]},
    {"vr": "UT", "Value": ["x" * 90]},
    {"vr": "UT", "Value": ["y" + "x" * 89]},
    {"vr": "OB", "InlineBinary": "AAAA"},
    {"vr": "OB", "BulkDataURI": "AAAA"},
]
_KEYS = ["00020010", "00080000", "00081140", "00091001", "7FE00010"]


def _data_set(random: Random, depth: int = 0) -> dict[str, Any]:
    return {key: _attribute(random, depth) for key in _KEYS if random.random() < 0.8}


def _attribute(random: Random, depth: int) -> dict[str, Any]:
    if depth < 2 and random.random() < 0.5:
        return {"vr": "SQ", "Value": [_data_set(random, depth + 1) for _ in range(random.randrange(3))]}
    return random.choice(_VALUES)


def _changed(random: Random, dataset: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of a data set with a changed element, item or sequence."""
    copy = dict(dataset)
    key = random.choice(_KEYS)
    found = copy.get(key)
    if found in _VALUES:
        copy[key] = _VALUES[_VALUES.index(found) ^ 1]
    elif found and found["Value"] and random.random() < 0.8:
        items = list(found["Value"])
        place = random.randrange(len(items))
        items[place : place + 1] = random.choice([[_changed(random, items[place])], [], [items[place]] * 2])
        copy[key] = {"vr": "SQ", "Value": items}
    else:
        moved = copy.pop(key, None) or _attribute(random, 1)
        copy[random.choice(_KEYS)] = moved
    return dict(sorted(copy.items()))


def _events(dataset: dict[str, Any]) -> list[Event]:
    """The events of a data set, with long values in parts."""
    options = ReadOptions(on_error="keep", on_deviation=lambda _: None, limits=Limits(segment_size=64))
    return list(iter_events(json.dumps(dataset).encode(), options=options))


def _cut(events: list[Event], size: int) -> Iterator[Batch]:
    for start in range(0, len(events), size):
        yield Batch(events[start : start + size], lambda index, start=start: (start + index,))  # type: ignore[misc]


def _differences(sides: list[list[Event]], sizes: tuple[int, int], *, leaves_out: bool) -> list[Any]:
    """The differences of two streams, by position, with the places of the elements."""
    found = []
    for one, other in zip(*(datasets(_cut(*side)) for side in zip(sides, sizes, strict=True)), strict=True):
        if leaves_out:
            leave_out_equal(one, other)
        found += list(differences(one.entries, other.entries))
    return found


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_events_that_are_left_out_change_no_difference(size: int) -> None:
    for seed in range(250):
        random = Random(seed)
        one = other = _data_set(random)
        for _ in range(random.randrange(4)):
            other = _changed(random, other)
        sides = [_events(one) * 2, _events(other) * 2]
        expected = _differences(sides, (10**6, 10**6), leaves_out=False)
        assert _differences(sides, (size, random.randint(1, 9)), leaves_out=True) == expected, seed


def test_element_of_another_item_is_another_element() -> None:
    one, other = ({"00081140": {"vr": "SQ", "Value": items}} for items in ([_ID], [{}, _ID]))
    assert _found(one, other) == [("ONLY_LEFT", "00081140[0].00100020"), ("ONLY_RIGHT", "00081140[1]")]


def test_zeros_of_other_signs_differ_before_their_vr_is_known() -> None:
    def events(zero: float) -> list[Event]:
        parts: list[Event] = [(START_ELEMENT, 1, "", None), (VALUES, 1, "", (zero,)), (END_ELEMENT, 1, "FD", None)]
        return [(START_DATASET, 0, "", 0), *parts, (END_DATASET, 0, "", None)]

    assert _differences([events(0.0), events(0.0)], (9, 9), leaves_out=True) == []
    assert len(_differences([events(0.0), events(-0.0)], (9, 9), leaves_out=True)) == 1


@pytest.mark.parametrize(
    ("vr", "one", "other", "is_equal"),
    [
        ("FL", 0.1, 0.10000000149011612, True),
        ("FL", -1e-45, -1.401298464324817e-45, True),
        ("FL", 0.1, 0.2, False),
        ("FL", 16777217.0, 16777216.0, False),
        ("FL", 0.0, -0.0, False),
        ("FL", 1e39, 2e39, False),
        ("FD", 0.1, 0.10000000149011612, False),
    ],
)
def test_fl_is_compared_as_the_number_of_32_bits_that_it_stands_for(
    vr: str, one: float, other: float, is_equal: bool
) -> None:
    start, end = (START_ELEMENT, 1, vr, None), (END_ELEMENT, 1, vr, None)
    assert (_content((ELEMENT, 1, vr, (one,))) == _content((ELEMENT, 1, vr, (other,)))) == is_equal
    left, right = (_content(start, (VALUES, 1, vr, (value,)), end) for value in (one, other))
    assert (left == right) == is_equal


def _content(*events: Event) -> bytes:
    [(_, _, content, _, _)] = entries_of(iter(events), (), tuple, file_meta=False, shown=False)
    return content
