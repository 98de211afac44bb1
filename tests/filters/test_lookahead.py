"""Data sets that wait for the values of some elements."""

from __future__ import annotations

import pytest

from streamdicom.events import (
    ELEMENT,
    END_DATASET,
    END_ITEM,
    END_SEQUENCE,
    START_DATASET,
    START_ITEM,
    START_SEQUENCE,
    Event,
)
from streamdicom.filters import lookahead
from streamdicom.filters.lookahead import Lookahead
from tests.support.each import each

_ID, _SEX, _LAST = 0x00100020, 0x00100040, 0x00200010
_SEQUENCE = 0x00081140


def _element(tag: int, *values: object) -> Event:
    return (ELEMENT, tag, "LO", values)


def _dataset(*content: Event) -> list[Event]:
    return [(START_DATASET, 0, "", 0), *content, (END_DATASET, 0, "", None)]


_NESTED: list[Event] = [
    (START_SEQUENCE, _SEQUENCE, "SQ", None),
    (START_ITEM, _SEQUENCE, "SQ", 0),
    _element(_ID, "in an item"),
    (END_ITEM, _SEQUENCE, "SQ", None),
    (END_SEQUENCE, _SEQUENCE, "SQ", None),
]


@each("size", [1, 2, 3, 100])
def test_data_set_is_held_until_its_values_are_known(size: int) -> None:
    events = _dataset(*_NESTED, _element(_ID, "17"), _element(_LAST, "a")) + _dataset(_element(_LAST, "b"))
    stage = Lookahead([_ID])
    found: list[Event] = []
    for start in range(0, len(events), size):
        for event in stage.run(events[start : start + size]):
            found.append(event)
            assert stage.values == ({_ID: ("17",)} if len(found) <= 9 else {})
    assert found == events


def test_end_of_the_data_set_ends_the_wait() -> None:
    events = _dataset(_element(_ID, "17"))
    stage = Lookahead([_ID, _LAST])
    assert list(stage.run(events[:-1])) == []
    assert list(stage.run(events[-1:])) == events
    assert stage.values == {_ID: ("17",)}


@pytest.mark.parametrize(
    ("name", "bound", "text"), [("_MAX_HELD", 10, "a"), ("_MAX_SIZE", 1000, "long" * 100)], ids=["many", "long"]
)
def test_events_over_the_bound_wait_in_a_file(
    monkeypatch: pytest.MonkeyPatch, name: str, bound: int, text: str
) -> None:
    monkeypatch.setattr(lookahead, name, bound)
    stage = Lookahead([_LAST])
    content = [*_NESTED, *(_element(_ID + number, text, None) for number in range(100))]
    events = _dataset(*content, (ELEMENT, _SEX + 0x1000, "OB", (b"ab" * len(text),)), _element(_LAST, "1"))
    for _ in range(2):  # the file of the first data set is not there for the second
        assert list(stage.run(events[:-2])) == []
        assert len(stage._held) <= 10
        assert stage._file is not None
        file = stage._file
        assert list(stage.run(events[-2:])) == events
        assert stage._file is None
        assert file.closed
        assert stage.values == {_LAST: ("1",)}


def test_file_is_closed_with_its_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookahead, "_MAX_HELD", 10)
    stage = Lookahead([_LAST])
    assert list(stage.run(_dataset(*(_element(_ID + number, "a") for number in range(20)))[:-1])) == []
    file = stage._file
    assert file is not None
    del stage
    assert file.closed
