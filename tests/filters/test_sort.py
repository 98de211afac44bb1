"""Elements are sorted within the memory limit."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator

import pydicom
import pytest

import streamdicom
from streamdicom import DeviationLog, Event, OutputError, ReadOptions
from streamdicom.filters.sort import ElementSorter, sort_elements
from tests.support.each import each
from tests.support.memory import peak

LO = '{"vr":"LO","Value":["1"]}'


def events(text: str) -> Iterator[Event]:
    return streamdicom.iter_events(text.encode(), options=ReadOptions(on_deviation=DeviationLog()))


def written(text: str, **options: int) -> str:
    target = io.BytesIO()
    streamdicom.write_events(sort_elements(events(text), **options), target, array=text.startswith("["))
    return target.getvalue().decode()


def shuffled(tags: int, seed: int) -> list[str]:
    keys = [f"{0x00090000 + 2 * n + 16:08X}" for n in range(tags)]
    random.Random(seed).shuffle(keys)
    return keys


def test_elements_are_sorted() -> None:
    keys = shuffled(200, 1)
    text = "{" + ",".join(f'"{key}":{LO}' for key in keys) + "}"
    assert list(json.loads(written(text))) == sorted(keys)


def test_elements_of_items_are_sorted_and_items_stay_in_place() -> None:
    inner = f'{{"00100020":{LO},"00100010":{{"vr":"PN"}}}}'
    outer = f'{{"00400275":{{"vr":"SQ","Value":[{inner},{{}},{inner}]}},"00081140":{{"vr":"SQ","Value":[{inner}]}}}}'
    ordered = f'{{"00100010":{{"vr":"PN"}},"00100020":{LO}}}'
    assert written(f"[{outer},{{}},{outer}]") == (
        "["
        + ",{},".join(
            [
                f'{{"00081140":{{"vr":"SQ","Value":[{ordered}]}},'
                f'"00400275":{{"vr":"SQ","Value":[{ordered},{{}},{ordered}]}}}}'
            ]
            * 2
        )
        + "]"
    )


def test_sorted_events_are_unchanged(bundled_events: list[Event]) -> None:
    assert list(sort_elements(bundled_events)) == bundled_events
    assert list(sort_elements(bundled_events, max_size=1)) == bundled_events


@pytest.fixture(params=["CT_small.dcm", "rtplan.dcm", "SC_rgb_jpeg_dcmtk.dcm", "reportsi.dcm"])
def bundled_events(request: pytest.FixtureRequest) -> list[Event]:
    path = pydicom.data.get_testdata_file(request.param)
    return list(streamdicom.iter_events(str(path)))


def test_long_values_stay_complete() -> None:
    long = "AAAA" * 100_000
    text = f'{{"7FE00010":{{"vr":"OB","InlineBinary":"{long}"}},"00100020":{LO}}}'
    assert written(text) == f'{{"00100020":{LO},"7FE00010":{{"vr":"OB","InlineBinary":"{long}"}}}}'


def test_element_after_the_memory_limit_stays_out_of_order() -> None:
    long = "AAAA" * 100_000
    text = f'{{"00100020":{LO},"7FE00010":{{"vr":"OB","InlineBinary":"{long}"}},"00100010":{{"vr":"PN"}}}}'
    with pytest.raises(OutputError, match="ascending order") as caught:
        written(text, max_size=200_000)
    assert caught.value.location.tag_path == "00100010"


def test_data_set_after_one_over_the_limit_is_sorted() -> None:
    large = f'{{"00100020":{{"vr":"LO","Value":["{"1" * 2000}"]}},"00100030":{{"vr":"DA"}}}}'
    text = f'[{large},{{"00100020":{LO},"00100010":{{"vr":"PN"}}}}]'
    assert written(text, max_size=1000) == f'[{large},{{"00100010":{{"vr":"PN"}},"00100020":{LO}}}]'


@each("max_size", [300, 2000, 1024 * 1024])
def test_result_is_the_same_for_batches_of_any_size(max_size: int) -> None:
    inner = f'{{"00100020":{LO},"00100010":{{"vr":"PN"}}}}'
    one = f'{{"00400275":{{"vr":"SQ","Value":[{inner},{{}},{inner}]}},"00081140":{{"vr":"SQ","Value":[{inner}]}}}}'
    stream = list(events(f"[{one},{inner},{one}]"))
    whole = list(sort_elements(stream, max_size=max_size))
    assert sorted(map(repr, whole)) == sorted(map(repr, stream))
    for size in range(1, len(stream)):
        sorter = ElementSorter(max_size=max_size)
        batches = [stream[start : start + size] for start in range(0, len(stream), size)]
        assert [event for batch in batches for event in sorter.run(batch)] == whole


@pytest.mark.slow
def test_memory_is_bounded() -> None:
    def many() -> Iterator[Event]:
        yield 1, 0, "", 0
        for tag in range(0x00100000, 0x00180000):
            yield 3, tag, "LO", ("a",)
        yield 2, 0, "", None

    assert peak(lambda: sum(1 for _ in sort_elements(many()))) < 3 * 1024 * 1024
