"""Reading and writing many data sets, against ijson and pydicom in the same run.

Nothing is asserted about time: a benchmark group has the rival and streamdicom side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

import ijson
import pytest
from pydicom import Dataset
from pytest_benchmark.fixture import BenchmarkFixture

import streamdicom
from bench.corpus import CORPORA, Array, entries, silence, write_array
from bench.memory import Sink

pytestmark = pytest.mark.filterwarnings("ignore")

_ROUNDS = 3
_COPIES = 2  # of each file among the data sets that are written


@pytest.fixture(scope="module", params=CORPORA)
def corpus(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def array(corpus: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Array:
    datasets = request.config.getoption("--datasets")
    return write_array(corpus, datasets, tmp_path_factory.mktemp("corpus") / f"{corpus}.json")


def read_with_ijson(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for item in ijson.items(file, "item") if Dataset.from_json(item) is not None)


def read_events(path: Path) -> int:
    return sum(1 for event in streamdicom.iter_events(path) if event[0] == 1)


def read_datasets(path: Path) -> int:
    return sum(1 for _ in streamdicom.iter_datasets(path))


@pytest.mark.parametrize(
    ("way", "read", "goal"),
    [
        ("bytes -> data sets, ijson + from_json", read_with_ijson, None),
        ("bytes -> events", read_events, 5),
        ("bytes -> data sets", read_datasets, 3),
    ],
    ids=["rival", "events", "datasets"],
)
def test_read(
    benchmark: BenchmarkFixture, array: Array, way: str, read: Callable[[Path], int], goal: int | None
) -> None:
    benchmark.group = f"read {array.path.stem}"
    _describe(benchmark, way, array.path.stem, goal, array.datasets, array.elements, array.size)
    with silence():
        assert benchmark.pedantic(read, (array.path,), rounds=_ROUNDS) == array.datasets


def write_with_to_json(datasets: list[Dataset]) -> int:
    return sum(map(len, [dataset.to_json() for dataset in datasets]))


def write_datasets(datasets: list[Dataset]) -> int:
    sink = Sink()
    streamdicom.dump(datasets, cast(BinaryIO, sink))
    return sink.size


WRITERS = pytest.mark.parametrize(
    ("way", "write", "goal"),
    [("data sets -> text, to_json", write_with_to_json, None), ("data sets -> bytes", write_datasets, 4)],
    ids=["rival", "streamdicom"],
)


@WRITERS
def test_write_raw(
    benchmark: BenchmarkFixture, corpus: str, way: str, write: Callable[[list[Dataset]], int], goal: int | None
) -> None:
    """Data sets fresh from dcmread, with raw elements, read again for every round."""
    _describe_writing(benchmark, way, corpus, "raw", goal)
    with silence():
        benchmark.pedantic(write, setup=lambda: ((_fresh(corpus),), {}), rounds=_ROUNDS)


@WRITERS
def test_write_converted(
    benchmark: BenchmarkFixture, corpus: str, way: str, write: Callable[[list[Dataset]], int], goal: int | None
) -> None:
    """Data sets whose elements have all been accessed."""
    _describe_writing(benchmark, way, corpus, "converted", goal)
    with silence():
        datasets = _fresh(corpus)
        for dataset in datasets:
            for _ in dataset.iterall():
                pass
        benchmark.pedantic(write, (datasets,), rounds=_ROUNDS)


def _fresh(corpus: str) -> list[Dataset]:
    return [entry.read() for entry in entries(corpus) * _COPIES]


def _describe_writing(benchmark: BenchmarkFixture, way: str, corpus: str, state: str, goal: int | None) -> None:
    found = entries(corpus) * _COPIES
    benchmark.group = f"write {corpus} {state}"
    size = sum(len(entry.text) for entry in found)
    _describe(benchmark, way, f"{corpus}, {state}", goal, len(found), sum(entry.elements for entry in found), size)


def _describe(benchmark: BenchmarkFixture, way: str, source: str, goal: int | None, *counts: int) -> None:
    """Record facts for the report; the size is that of pydicom's JSON."""
    info: dict[str, Any] = dict(zip(("datasets", "elements", "size"), counts, strict=True))
    benchmark.extra_info.update(info, way=way, source=source, goal=goal)
