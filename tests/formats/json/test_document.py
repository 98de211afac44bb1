"""Objects around an array of data sets, and members that are no attributes."""

from __future__ import annotations

import json
from typing import Any

from streamdicom import Limits, ReadOptions
from streamdicom.events import ELEMENT, START_DATASET
from streamdicom.formats.json import JsonParser
from tests.support.each import each

_ID = '"00100020": {"vr": "LO", "Value": ["17"]}'
_LONG = json.dumps("long" * 50)


def _read(text: str, size: int) -> tuple[list[Any], list[str]]:
    """Return the values of the elements in each data set, and the deviations."""
    codes: list[str] = []
    options = ReadOptions(on_deviation=lambda one: codes.append(one.code), limits=Limits(segment_size=64))
    parser = JsonParser(options=options)
    data = text.encode()
    events = [event for start in range(0, len(data), size) for event in parser.feed(data[start : start + size])]
    datasets: list[Any] = []
    for kind, _, _, value in [*events, *parser.close()]:
        if kind == START_DATASET:
            datasets.append([])
        elif kind == ELEMENT:
            datasets[-1].append(value)
    return datasets, codes


@each(
    ("text", "datasets", "codes"),
    [
        ("{}", [[]], []),
        ('{"results": []}', [], ["wrapper"]),
        ('{"results": [], "count": 0}', [], ["wrapper", "unknown-key"]),
        (f'{{"results": [{{{_ID}}}, {{}}]}}', [[("17",)], []], ["wrapper"]),
        (f'{{"results": [{{}}], "a": [[1]], "b": {{"c": {_LONG}}}}}', [[]], ["wrapper", "unknown-key", "unknown-key"]),
        (f'{{"a": [[1, [2]], 3], {_ID}}}', [[("17",)]], ["unknown-key"]),
        (f'{{"a": [{_LONG}, 3], {_ID}}}', [[("17",)]], ["unknown-key"]),
        (f'{{"a": {_LONG}, {_ID}}}', [[("17",)]], ["unknown-key"]),
        (f'{{"a": {{"b": [1]}}, {_ID}}}', [[("17",)]], ["unknown-key"]),
    ],
)
def test_data_sets_are_found_among_other_members(text: str, datasets: list[Any], codes: list[str]) -> None:
    for size in (len(text), 1, 7):
        assert _read(text, size) == (datasets, codes)
