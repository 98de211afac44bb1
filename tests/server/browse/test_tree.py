"""The levels of the tree: how much of a data set is read for one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streamdicom.server.browse import Library, tree
from streamdicom.server.browse.datasets import Batch
from streamdicom.server.browse.tree import children

_ITEMS = 3000
_SEQUENCE = 0x00081140


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """One data set with many items and a fault at the end."""
    path = tmp_path / "a.json"
    items = [
        {"00081150": {"vr": "UI", "Value": ["1.2"]}, "00081155": {"vr": "UI", "Value": [f"1.2.{number}"]}}
        for number in range(_ITEMS)
    ]
    text = json.dumps([{"00081140": {"vr": "SQ", "Value": items}, "00100020": {"vr": "LO", "Value": ["7"]}}])
    path.write_text(text.replace('["7"]', '["7"}'))
    with Library([str(path)]) as library:
        library.wait()
        yield library


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The events whose places were looked up, which takes longer than to read them."""
    seen: list[int] = []
    read = tree.batches

    def batches(*arguments: Any) -> Iterator[Batch]:
        for batch in read(*arguments):
            yield Batch(batch.events, lambda index, batch=batch: (seen.append(index), batch.offset_of(index))[1])

    monkeypatch.setattr(tree, "batches", batches)
    return seen


def test_place_is_looked_up_for_rows_only(library: Library, looked_up: list[int]) -> None:
    found = children(library, 0, ())
    assert (found.rows[0]["items"], found.total, len(looked_up)) == (_ITEMS, 1, 1)
    items = children(library, 0, (_SEQUENCE,), 2000, 10)
    assert ([row["item"] for row in items.rows], items.total) == ([*range(2000, 2010)], _ITEMS)
    assert [(row["elements"], row["value"]) for row in items.rows] == [(2, "")] * 10
    assert len(looked_up) == 11


def test_data_set_is_read_to_the_end_of_the_level(library: Library) -> None:
    assert children(library, 0, ()).error is not None
    item = children(library, 0, (_SEQUENCE, 7))
    assert [row.get("value") for row in item.rows] == ["1.2", "1.2.7"]
    assert item.error is None
    assert children(library, 0, (_SEQUENCE,)).error is None


def test_level_of_another_path_is_empty(library: Library) -> None:
    for path in ((0x00100020,), (_SEQUENCE, _ITEMS), (_SEQUENCE, 0, 0x00081155), (0x00081150,)):
        assert children(library, 0, path).rows == []
